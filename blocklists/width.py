"""How wide a list may close: no public suffix, nothing that begins every name, little of what is well known.

A list is written by a stranger, and one line too many (``||io^``, ``www.*``) closes what a school works with. So a
closing is refused, and counted with its reason, where it is

* an entry for a public suffix (`dns.public_suffix`): a registry's (``io``, ``co.uk``), or a company's under which
  others have their sites (``github.io``), unless it closes that very name alone;
* a wildcard or an expression that closes two made-up sites under a public suffix, whatever they are called; or
  names only because they begin with ``www.`` or a host name as common, or with a letter; or many of the well-known
  sites (`blocklists.popular_names`).

A source that says `allow_wide = true` is not asked. Openings are not either: they may be as wide as they like.
"""

import re
import string
from collections.abc import Iterable, Sequence

from blocklists.entries import Effect, Match, NameEntry, PatternEntry
from blocklists.popular_names import POPULAR_NAMES
from dns.public_suffix import Section, SuffixTable

_TOO_WIDE = "would close all of .{}: too wide for a list"
SHARED = "a name under which others have their sites: too wide for a list"
SINGLE_WORD = "a single word: no name of a site"

_MOST_POPULAR = len(POPULAR_NAMES) // 25  # of the well-known sites, closed by one expression
_COMMON_HOSTS = ("www", "m", "mail", "app", "login", "api")
# Two sites that nobody has. An expression that finds both under one suffix finds what stands beside them.
_MADE_UP = ("qzxj7vk", "w3-hvkq")
# An expression that finds a word wherever it stands (``casino``) closes the suffix of that name too
# (``.casino``): that is a word, not a suffix, unless the word is as short as a country's, or one of these. One
# that finds a word between dots (``[.-]adv[.-]``) is about that word as well (and closes ``.adv.br``), unless
# it finds many suffixes (``\.co\.``).
_SHORTEST_WORD = 3
_NO_WORDS = frozenset({"com", "net", "org", "edu", "gov", "mil", "int", "biz", "info", "name", "arpa"})
_MOST_WORDS = 8

Pair = tuple[str, str]


class WidthLimit:
    """Tells closings that are too wide. Holds the public suffix list: for as long as something is compiled."""

    def __init__(self) -> None:
        """Read the public suffix list."""
        self._suffixes = SuffixTable()
        self._section = self._suffixes.section  # the hot path of a build
        self._text = ""  # everything that expressions are tried on
        self._pairs: Sequence[tuple[str, Sequence[Pair]]] | None = None

    def refuse_entry(self, entry: NameEntry, *, allow_wide: bool = False) -> str | None:
        """Return why an entry closes too much, or is no more than a word; None where it is neither."""
        name = entry.name
        found = self._section(name)
        if found is None or entry.effect >= Effect.ALLOW:
            return None
        if found is Section.UNLISTED:
            return None if allow_wide and entry.match is not Match.EXACT else SINGLE_WORD
        if allow_wide or (found is Section.PRIVATE and entry.match is Match.EXACT):
            return None
        return _TOO_WIDE.format(name) if found is Section.ICANN else SHARED

    def refuse_pattern(self, pattern: PatternEntry, literals: Iterable[str] = ()) -> str | None:
        """Return why an expression that was checked closes too much; None where it does not.

        `literals`: texts of which one stands in every name that it finds (`blocklists.pattern_literals`).
        """
        if pattern.effect >= Effect.ALLOW or not self._may_find(literals):
            return None
        compiled = re.compile(pattern.regex, re.IGNORECASE)
        search = compiled.search
        if sum(1 for name in POPULAR_NAMES if search(name)) > _MOST_POPULAR:
            return "would close many well-known sites: too wide for a list"
        words = 0
        for what, pairs in self._probes():
            for one, other in pairs:
                if not search(one) or not search(other):
                    continue
                suffix = _suffix_of(one)
                if not _finds_word(compiled, suffix):
                    words += 1
                    if words > _MOST_WORDS or not _finds_label(compiled, suffix):
                        return what.format(suffix)
        return None

    def _may_find(self, literals: Iterable[str]) -> bool:
        """Tell whether anything that would be tried can be found: most expressions speak of names of their own."""
        if not self._text:
            pairs = (pair for _, pairs in self._probes() for pair in pairs)
            self._text = "\n".join((*POPULAR_NAMES, *(name for pair in pairs for name in pair)))
        wanted = list(literals)
        return not wanted or any(literal in self._text for literal in wanted)

    def _probes(self) -> Sequence[tuple[str, Sequence[Pair]]]:
        if self._pairs is None:
            suffixes = [name for name, _ in self._suffixes.names()]
            one, other = _MADE_UP
            self._pairs = (
                (
                    "would close whatever is written like this: too wide for a list",
                    [
                        *((f"{host}.{one}.com", f"{host}.{other}.co.uk") for host in _COMMON_HOSTS),
                        (f"{other}.com", "kb-dlp.org"),
                        ("q7zxj.com", "kx4m.org"),
                        *((f"{letter}{one}.com", f"{letter}{other}.org") for letter in _first_letters()),
                    ],
                ),
                (_TOO_WIDE, _sites(suffixes, "")),
                (_TOO_WIDE, _sites(suffixes, "www.")),
            )
        return self._pairs


def _sites(suffixes: Iterable[str], host: str) -> list[Pair]:
    one, other = _MADE_UP
    return [(f"{host}{one}.{suffix}", f"{host}{other}.{suffix}") for suffix in suffixes]


def _suffix_of(made_up: str) -> str:
    return made_up.partition(f"{_MADE_UP[0]}.")[2]


def _finds_word(compiled: re.Pattern[str], suffix: str) -> bool:
    """Tell whether an expression finds a label of a suffix inside any other name too."""
    words = (label for label in suffix.split(".") if len(label) >= _SHORTEST_WORD and label not in _NO_WORDS)
    return any(compiled.search(f"q{word}q.kvqz") for word in words)


def _finds_label(compiled: re.Pattern[str], suffix: str) -> bool:
    """Tell whether an expression finds a label of a suffix, not its last, between the dots of other names."""
    return any(compiled.search(f"q.{label}.q.kvqz") for label in suffix.split(".")[:-1])


def _first_letters() -> str:
    return string.ascii_lowercase + string.digits
