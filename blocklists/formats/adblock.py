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

from blocklists.entries import Condition, Effect, Entry, Match, Pattern, Withdrawn
from blocklists.errors import NotUnderstood
from blocklists.formats.hosts import Hosts
from blocklists.formats.parser import Parser
from blocklists.formats.text import OWN_NAMES, address_of, name_of, without_comment
from blocklists.formats.types import types_condition
from blocklists.formats.wildcards import wildcard_to_regex
from blocklists.patterns import checked

_PLAIN = re.compile(r"\|\|([A-Za-z0-9_.-]+)\^")
_COSMETIC = re.compile(r"#[@?$%]{0,3}#|#@?%#|\$@?\$")
_REGEX = re.compile(r"/(.+)/(?:\$([^/]*))?")
_ANCHORED = re.compile(r"(\|\|?|https?://|://)?([^|^/]*)(\^\|?|\|)?")
_REFUSING = frozenset({"nxdomain", "refused", "servfail", "noerror", "noerror;;", "0.0.0.0", "::", "127.0.0.1"})  # noqa: S104


class AdBlock(Parser):
    """One AdBlock list."""

    default_match: ClassVar[Match] = Match.EXACT  # of bare names and hosts lines; || says its own

    def __init__(self, match: Match | None = None) -> None:
        super().__init__(match)
        self._hosts = Hosts(self.match)
        self._withdrawn: list[Withdrawn] = []

    def line(self, text: str) -> Iterable[Entry | Pattern]:
        """Return what one line says (nothing for a comment). Raises NotUnderstood with the reason."""
        text = text.strip()
        if plain := _PLAIN.fullmatch(text):
            return (Entry(name_of(plain[1]), Match.SUBDOMAINS),)
        if not text or text[0] == "!" or (text[0] == "[" and text[-1] == "]") or _COSMETIC.search(text):
            return ()
        if text[0] == "#":
            return ()
        text = without_comment(text)
        first = text.split(None, 1)[0]
        if first != text and address_of(first):
            return self._hosts.line(text)
        return self._rule(text)

    def finish(self) -> Iterable[Entry | Pattern | Withdrawn]:
        """Return what `$badfilter` rules take back."""
        return self._withdrawn

    def _rule(self, text: str) -> Iterable[Entry | Pattern]:
        opens = text.startswith("@@")
        rule = text[2:] if opens else text
        regex = _REGEX.fullmatch(rule)
        if regex:
            pattern, options = regex[1], regex[2] or ""
        else:
            pattern, _, options = rule.partition("$")
            if "$" in rule and not options:
                raise NotUnderstood("a $ without a modifier")
        modifiers = _Modifiers(options)
        effect = _effect(opens=opens, important=modifiers.important)
        item: Entry | Pattern
        if regex:
            item = Pattern(checked(pattern), effect, modifiers.condition, text)
        else:
            item = self._named(pattern, effect, modifiers.condition, text)
        if isinstance(item, Entry) and item.name in OWN_NAMES:
            return ()
        if modifiers.bad:
            if isinstance(item, Pattern):
                item = Pattern(item.regex, item.effect, item.condition, _without_badfilter(text))
            self._withdrawn.append(Withdrawn(item))
            return ()
        return (item,)

    def _named(self, pattern: str, effect: Effect, condition: Condition | None, text: str) -> Entry | Pattern:
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
            return Entry(name_of(name[2:]), Match.SUBDOMAINS, effect, condition)
        if "*" in name:
            return Pattern(wildcard_to_regex(name, subdomains=below_too), effect, condition, text)
        if below_too:
            return Entry(name_of(name), Match.SUBDOMAINS, effect, condition)
        return Entry(name_of(name), Match.EXACT if start else self.match, effect, condition)


class _Modifiers:
    """What stands after the dollar sign. Raises NotUnderstood for any that we do not follow."""

    def __init__(self, options: str) -> None:
        self.important = False
        self.bad = False
        types: list[str] = []
        except_names: tuple[str, ...] = ()
        for option in options.split(",") if options else ():
            key, equals, value = option.strip().partition("=")
            match key.lower(), bool(equals):
                case "important", False:
                    self.important = True
                case "badfilter", False:
                    self.bad = True
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
        limits = types_condition(types)
        limits = Condition(types=limits.types, not_types=limits.not_types, except_names=except_names)
        self.condition = limits if limits != Condition() else None


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
    if value.lower().rstrip(";") not in _REFUSING:
        raise NotUnderstood("rewrites to something else: closes nothing")


def _effect(*, opens: bool, important: bool) -> Effect:
    if opens:
        return Effect.OPEN_IMPORTANT if important else Effect.OPEN
    return Effect.CLOSE_IMPORTANT if important else Effect.CLOSE


def _without_badfilter(text: str) -> str:
    head, _, options = text.rpartition("$")
    rest = ",".join(option for option in options.split(",") if option.strip().lower() != "badfilter")
    return f"{head}${rest}" if rest else head
