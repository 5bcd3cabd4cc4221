"""AdBlock rules as DNS filters read them (https://adguard-dns.io/kb/general/dns-filtering-syntax/).

``||a.example^`` closes the name and its subdomains, ``|a.example^`` and a bare name exactly the name, ``@@``
opens. Stars become patterns, ``/regex/`` is one, hosts lines are read as such. Modifiers: ``$important``,
``$badfilter`` (takes back the rule with the same pattern and options in the same list), ``$denyallow=``,
``$dnstype=``; ``$dnsrewrite=`` where it refuses or leads nowhere. ``$client=`` and ``$ctag=`` speak of single
devices, which profiles do here: reported. **Any other modifier voids its whole rule**, because a rule without
its limits closes too much. Cosmetic rules are for browsers: reported.
"""

import re
from collections.abc import Iterable
from typing import ClassVar

from blocklists.entries import BadFilter, Effect, EntryCondition, Item, Match, NameEntry, PatternEntry
from blocklists.errors import NotForNames, NotUnderstood
from blocklists.formats.hosts import Hosts
from blocklists.formats.parser import LineShape, Parser
from blocklists.formats.text import HOSTS_FILE_NAMES, parse_ip, parse_name, parse_url, strip_comment
from blocklists.formats.types import parse_types
from blocklists.formats.wildcards import wildcard_to_regex
from blocklists.patterns import check_pattern

_PLAIN_RULE = re.compile(r"\|\|([A-Za-z0-9_.-]+)\^")
_COSMETIC = re.compile(r"#[@?$%]{1,3}#|##[^\s#]|\$@?\$")
_URL = re.compile(r"\|?([a-z]+://[^|^]+)(?:\^\|?|\|)?", re.IGNORECASE)
_REGEX = re.compile(r"/(.+)/(?:\$([^/]*))?")
_ANCHORED = re.compile(r"(\|\|?|https?://|://)?([^|^/]*)(\^\|?|\|)?")
_MODIFIER = re.compile(r"~?[a-z0-9_-]{1,40}")
_REFUSING_CODES = frozenset({"nxdomain", "refused", "servfail", "noerror"})


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

    def parse_line(self, text: str) -> Iterable[Item]:
        """Return what one line says (nothing for a comment). Raises NotUnderstood with the reason."""
        text = text.strip()
        if plain := _PLAIN_RULE.fullmatch(text):
            return (NameEntry(parse_name(plain[1]), Match.SUBDOMAINS),)
        if not text or text[0] in "!;" or (text[0] == "[" and text[-1] == "]"):
            return ()
        text = text if text[0] == "#" else strip_comment(text)
        if _COSMETIC.search(text):
            raise NotForNames("a cosmetic rule: for browsers, not for DNS")
        if text[0] == "#":
            return ()
        first = text.split(None, 1)[0]
        if first != text and (first == "0" or parse_ip(first)):  # 0: how some hosts files write 0.0.0.0
            return self._hosts.parse_line(text)
        return self._parse_rule(text)

    def finish_file(self) -> Iterable[NameEntry | PatternEntry | BadFilter]:
        """Return what `$badfilter` rules take back."""
        return self._bad_filters

    def _parse_rule(self, text: str) -> Iterable[Item]:
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
        if url := _URL.fullmatch(pattern):
            return NameEntry(parse_url(url[1]), self.match, effect, condition)
        match = _ANCHORED.fullmatch(pattern)
        if not match or not match[2]:
            raise _why_no_rule(pattern)
        start, name, end = match[1], match[2], match[3]
        if start is None and end is not None and not name.startswith("*"):
            raise NotForNames("matches the end of other names too: not supported")
        below_too = start is not None and start != "|"
        if start is None and name.startswith("."):
            return NameEntry(parse_name(name[1:]), Match.SUBDOMAINS, effect, condition)
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
                    raise NotForNames(f"${key} speaks of single devices: profiles do that here")
                case name, _ if not _MODIFIER.fullmatch(name):
                    raise NotUnderstood("not a rule, nor its modifiers")
                case _:
                    raise NotForNames(f"the modifier {key[:30]!r} is unknown: the whole rule is void")
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
    """Raise NotForNames where a rewrite leads anywhere: what refuses, and a null address, close."""
    words = value.lower().split(";")
    code, kind, data = words if len(words) == 3 else (words[0], "", "") if len(words) == 1 else ("", "", "")
    if not kind and not data and (code in _REFUSING_CODES or _is_null_address(code)):
        return
    if code == "noerror" and kind in ("a", "aaaa") and _is_null_address(data):
        return
    raise NotForNames("rewrites to something else: closes nothing")


def _is_null_address(text: str) -> bool:
    address = parse_ip(text)
    return address is not None and (address.is_unspecified or address.is_loopback)


def _why_no_rule(pattern: str) -> NotUnderstood:
    if "/" in pattern:
        return NotForNames("about a path or a URL: DNS sees only names")
    return NotUnderstood("names no name")


def _effect(*, is_exception: bool, is_important: bool) -> Effect:
    if is_exception:
        return Effect.ALLOW_IMPORTANT if is_important else Effect.ALLOW
    return Effect.BLOCK_IMPORTANT if is_important else Effect.BLOCK


def _without_badfilter(text: str) -> str:
    head, _, options = text.rpartition("$")
    rest = ",".join(option for option in options.split(",") if option.strip().lower() != "badfilter")
    return f"{head}${rest}" if rest else head
