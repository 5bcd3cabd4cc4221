"""AdBlock rules as DNS filters read them (https://adguard-dns.io/kb/general/dns-filtering-syntax/).

``||a.example^`` closes the name and its subdomains, ``|a.example^`` and a bare name exactly the name, ``@@``
opens. Stars become patterns, ``/regex/`` is one, hosts lines are read as such. Modifiers: ``$important``,
``$badfilter`` (takes back the rule with the same pattern and options in the same list), ``$denyallow=``,
``$dnstype=``; ``$dnsrewrite=`` where it refuses. ``$client=`` and ``$ctag=`` speak of single devices, which
profiles do here: reported. **Any other modifier voids its whole rule**, because a rule without its limits
closes too much. Cosmetic rules are for browsers: passed over.
"""

import re
from collections.abc import Iterable
from typing import ClassVar

from blocklists.entries import BadFilter, Effect, EntryCondition, Match, NameEntry, PatternEntry
from blocklists.errors import NotUnderstood
from blocklists.formats.hosts import Hosts
from blocklists.formats.parser import LineShape, Parser
from blocklists.formats.text import HOSTS_FILE_NAMES, parse_ip, parse_name, strip_comment
from blocklists.formats.types import parse_types
from blocklists.formats.wildcards import wildcard_to_regex
from blocklists.patterns import check_pattern

_PLAIN_RULE = re.compile(r"\|\|([A-Za-z0-9_.-]+)\^")
_COSMETIC = re.compile(r"#[@?$%]{0,3}#|#@?%#|\$@?\$")
_REGEX = re.compile(r"/(.+)/(?:\$([^/]*))?")
_ANCHORED = re.compile(r"(\|\|?|https?://|://)?([^|^/]*)(\^\|?|\|)?")
_BLOCKING_REWRITES = frozenset(
    {"nxdomain", "refused", "servfail", "noerror", "noerror;;", "0.0.0.0", "::", "127.0.0.1"}  # noqa: S104
)


class AdBlock(Parser):
    """One AdBlock list."""

    default_match: ClassVar[Match] = Match.EXACT  # of bare names and hosts lines; || says its own
    line_shape: ClassVar[LineShape | None] = LineShape(
        pattern=re.compile(r"\s*(?:@@.*|\|\|?[^|].*|/.+/(?:\$.*)?|[^\s|^$]+[\^|](?:\$.*)?|[^\s$]+\$[a-z].*)"),
        strictness=40,
    )

    def __init__(self, match: Match | None = None) -> None:
        super().__init__(match)
        self._hosts = Hosts(self.match)
        self._bad_filters: list[BadFilter] = []

    def parse_line(self, text: str) -> Iterable[NameEntry | PatternEntry]:
        """Return what one line says (nothing for a comment). Raises NotUnderstood with the reason."""
        text = text.strip()
        if plain := _PLAIN_RULE.fullmatch(text):
            return (NameEntry(parse_name(plain[1]), Match.SUBDOMAINS),)
        if not text or text[0] == "!" or (text[0] == "[" and text[-1] == "]") or _COSMETIC.search(text):
            return ()
        if text[0] == "#":
            return ()
        text = strip_comment(text)
        first = text.split(None, 1)[0]
        if first != text and parse_ip(first):
            return self._hosts.parse_line(text)
        return self._parse_rule(text)

    def finish_file(self) -> Iterable[NameEntry | PatternEntry | BadFilter]:
        """Return what `$badfilter` rules take back."""
        return self._bad_filters

    def _parse_rule(self, text: str) -> Iterable[NameEntry | PatternEntry]:
        is_exception = text.startswith("@@")
        rule = text[2:] if is_exception else text
        regex = _REGEX.fullmatch(rule)
        if regex:
            pattern, options = regex[1], regex[2] or ""
        else:
            pattern, _, options = rule.partition("$")
            if "$" in rule and not options:
                raise NotUnderstood("a $ without a modifier")
        modifiers = _Modifiers(options)
        effect = _effect(is_exception=is_exception, is_important=modifiers.is_important)
        item: NameEntry | PatternEntry
        if regex:
            item = PatternEntry(check_pattern(pattern), effect, modifiers.condition, text)
        else:
            item = self._parse_name_rule(pattern, effect, modifiers.condition, text)
        if isinstance(item, NameEntry) and item.name in HOSTS_FILE_NAMES:
            return ()
        if modifiers.is_badfilter:
            if isinstance(item, PatternEntry):
                item = PatternEntry(item.regex, item.effect, item.condition, _without_badfilter(text))
            self._bad_filters.append(BadFilter(item))
            return ()
        return (item,)

    def _parse_name_rule(
        self, pattern: str, effect: Effect, condition: EntryCondition | None, text: str
    ) -> NameEntry | PatternEntry:
        match = _ANCHORED.fullmatch(pattern)
        if not match or not match[2]:
            raise NotUnderstood(
                "about a path or a URL: DNS sees only names" if "/" in pattern else "names no name"
            )
        start, name, end = match[1], match[2], match[3]
        if start is None and end is not None and not name.startswith("*"):
            raise NotUnderstood("matches the end of other names too: not supported")
        below_too = start is not None and start != "|"
        if name.startswith("*.") and "*" not in name[2:]:
            return NameEntry(parse_name(name[2:]), Match.SUBDOMAINS, effect, condition)
        if "*" in name:
            return PatternEntry(wildcard_to_regex(name, subdomains=below_too), effect, condition, text)
        if below_too:
            return NameEntry(parse_name(name), Match.SUBDOMAINS, effect, condition)
        return NameEntry(parse_name(name), Match.EXACT if start else self.match, effect, condition)


class _Modifiers:
    """What stands after the dollar sign. Raises NotUnderstood for any that we do not follow."""

    def __init__(self, options: str) -> None:
        self.is_important = False
        self.is_badfilter = False
        types: list[str] = []
        except_names: tuple[str, ...] = ()
        for option in options.split(",") if options else ():
            key, equals, value = option.strip().partition("=")
            match key.lower(), bool(equals):
                case "important", False:
                    self.is_important = True
                case "badfilter", False:
                    self.is_badfilter = True
                case "denyallow", True:
                    except_names = tuple(sorted(_denyallow(value)))
                case "dnstype", True:
                    types = value.split("|")
                case "dnsrewrite", _:
                    _check_rewrite(value)
                case (("client" | "ctag"), True):
                    raise NotUnderstood(f"${key} speaks of single devices: profiles do that here")
                case _:
                    raise NotUnderstood(f"the modifier {key[:30]!r} is unknown: the whole rule is void")
        limits = parse_types(types)
        limits = EntryCondition(types=limits.types, not_types=limits.not_types, except_names=except_names)
        self.condition = limits if limits != EntryCondition() else None


def _denyallow(value: str) -> Iterable[str]:
    names = [name for name in value.split("|") if name]
    if not names:
        raise NotUnderstood("$denyallow without a name")
    for name in names:
        # A whole top-level domain may be left out of a rule, so the check for width does not apply here.
        if not re.fullmatch(r"[A-Za-z0-9_.-]{1,253}", name):
            raise NotUnderstood("$denyallow takes names only")
        yield name.lower().strip(".")


def _check_rewrite(value: str) -> None:
    if value.lower().rstrip(";") not in _BLOCKING_REWRITES:
        raise NotUnderstood("rewrites to something else: closes nothing")


def _effect(*, is_exception: bool, is_important: bool) -> Effect:
    if is_exception:
        return Effect.ALLOW_IMPORTANT if is_important else Effect.ALLOW
    return Effect.BLOCK_IMPORTANT if is_important else Effect.BLOCK


def _without_badfilter(text: str) -> str:
    head, _, options = text.rpartition("$")
    rest = ",".join(option for option in options.split(",") if option.strip().lower() != "badfilter")
    return f"{head}${rest}" if rest else head
