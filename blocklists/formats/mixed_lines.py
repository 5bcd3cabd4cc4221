"""Lists in which lines of several syntaxes stand beside each other: each line is read as what it is.

The list's own format (named, or recognised by its first lines) says what a *bare* line means; a line that is
unmistakably of another syntax is read as that, wherever it stands: hosts lines among names, ``||rules^`` below
two thousand bare names, ``address=/a/`` in a list of wildcards. Only zone files (RPZ) stand apart: their lines
depend on those before them.

The preprocessor's lines of AdBlock lists are followed here, for they change what the lines after them mean:

* ``!#if (adguard)``, ``!#else``, ``!#endif``: a condition speaks of programs and browsers, none of which we
  are, so all of those are false (``true``, ``false``, ``!``, ``&&``, ``||`` and parentheses mean what they
  say); lines that do not apply are reported.
* ``!#include`` is reported: what a list of the school's is made of, the sources file says.
* ``!#safari_cb_affinity`` and other hints to one program are comments.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from blocklists.entries import BadFilter, Item, Match, NameEntry, PatternEntry
from blocklists.errors import NotForNames, NotUnderstood
from blocklists.formats import FORMATS
from blocklists.formats.domains import Domains
from blocklists.formats.parser import Parser
from blocklists.formats.text import NAME_SHAPE, PLAIN_NAME

APART = "rpz"
_PLAIN = re.compile(r"[a-z0-9_-]*\.[a-z0-9_.-]*[a-z][a-z0-9_.-]*", re.IGNORECASE)
_BARE_LINE = re.compile(
    rf"(?:[a-z][a-z0-9+.-]*://\S+|(?=\S*\.\S*[^\W\d])\.?{NAME_SHAPE})(?:\s+#.*)?", re.IGNORECASE
)
_CONDITION_TOKENS = re.compile(r"\s*(&&|\|\||!|\(|\)|[a-z0-9_]+)", re.IGNORECASE)
_MOST_NESTED = 20
# What each kind of line looks like, the surest first. Bare names are what is left.
_KINDS = (
    ("dnsmasq", re.compile(r"(?:--)?(?:address|server|local)\s*=\s*/.*", re.IGNORECASE)),
    ("unbound", re.compile(r"local-(?:zone|data):.*", re.IGNORECASE)),
    (
        "adblock",
        re.compile(r"\|.*|@@.*|/.+/(?:\$[a-z~].*)?|[^\s$^|]+(?:\^\|?(?:\$[a-z~].*)?|\$[a-z~][a-z]{3,}\b.*)"),
    ),
    (
        "hosts",
        re.compile(
            r"(?:\d{1,3}(?:\.\d{1,3}){3}|(?=[^\s]*:)[0-9a-f:.]+(?:%\S+)?|0(?=\s+\S+\.))\s+[^\s#].*", re.IGNORECASE
        ),
    ),
    ("regex", re.compile(r"(?:\^|\(\^\||\(\?i\)|\S*\\\.)\S*")),
    ("wildcards", re.compile(r"[a-z0-9_.-]*\*[a-z0-9_.*-]*(?:\s.*)?", re.IGNORECASE)),
)
# Of these, lines of their own that look like another kind stay their own.
_OWN = {
    "adblock": frozenset({"hosts", "wildcards", "adblock"}),
    "regex": frozenset({"regex", "wildcards"}),
    "wildcards": frozenset({"wildcards"}),
    "unbound": frozenset({"unbound"}),
    "dnsmasq": frozenset({"dnsmasq"}),
    "hosts": frozenset({"hosts"}),
}
_BARE = {"hosts": "domains", "dnsmasq": "domains", "unbound": "domains"}  # where a bare name is none of its own


class MixedParser:
    """Reads one list line by line, each as what it is."""

    def __init__(self, base: str, match: Match | None) -> None:
        self._base = base
        self._match = match
        self._parsers: dict[str, Parser] = {base: FORMATS[base](match)}
        self._bare = _BARE.get(base, base)  # the kind of a bare line
        parser = FORMATS[self._bare](match)
        self._bare_match = parser.match if isinstance(parser, Domains) else None  # of a bare name, where it is one
        self._read: Counter[str] = Counter()
        self._conditions: list[bool] = []  # of each `!#if` that is open, whether its lines apply

    @property
    def main_format(self) -> str:
        """The format that most of the lines had."""
        return find_main_format(self._base, self._read)

    @property
    def counts(self) -> Counter[str]:
        """How many lines that said something each format had."""
        return self._read

    def parse_line(self, text: str) -> Iterable[Item]:
        """Return what one line says (nothing for a comment). Raises NotUnderstood with the reason."""
        if self._base == APART:
            return self._parsers[self._base].parse_line(text)
        stripped = text.strip()
        # Nearly every line of nearly every list; nothing but a shorter way to the same.
        if self._bare_match is not None and not self._conditions and PLAIN_NAME.fullmatch(stripped):
            self._read[self._bare] += 1
            return (NameEntry(stripped, self._bare_match),)
        if stripped.startswith("!#"):
            self._follow_directive(stripped)
            return ()
        kind = self._kind_of(stripped)
        if self._conditions and not all(self._conditions):
            if FORMATS[kind](self._match).parse_line(text):
                raise NotForNames("within an !#if for other programs")
            return ()
        parser = self._parsers.get(kind) or self._add_parser(kind)
        items = parser.parse_line(stripped)
        if items:
            self._read[kind] += 1
        return items

    def finish_file(self) -> Iterator[NameEntry | PatternEntry | BadFilter]:
        """Yield what was held back until the whole file was known."""
        for parser in self._parsers.values():
            yield from parser.finish_file()

    def _add_parser(self, kind: str) -> Parser:
        parser = self._parsers[kind] = FORMATS[kind](self._match)
        return parser

    def _kind_of(self, text: str) -> str:
        base = self._base
        if _PLAIN.fullmatch(text):
            return self._bare
        if not text or text[0] in "!#;":
            return base
        own = _OWN.get(base, frozenset())
        for kind, shape in _KINDS:
            if shape.fullmatch(text):
                if base == "regex" and text.startswith("*"):
                    return "wildcards"  # there is nothing that such an expression could repeat
                if kind in own or (base == "regex" and text.startswith(("/", "@@/"))):
                    return base
                return kind
        return self._bare if _BARE_LINE.fullmatch(text) else base

    def _follow_directive(self, text: str) -> None:
        word, _, rest = text[2:].strip().partition(" ")
        match word:
            case "if":
                if len(self._conditions) >= _MOST_NESTED:
                    raise NotUnderstood("an !#if within too many others")
                self._conditions.append(_is_met(rest))
            case "else":
                if self._conditions:
                    self._conditions[-1] = not self._conditions[-1]
            case "endif":
                if self._conditions:
                    self._conditions.pop()
            case "include":
                raise NotForNames("includes another list: subscribe to that one by itself")
            case _:
                pass


def find_main_format(base: str, counts: Mapping[str, int]) -> str:
    """Return the format that most of the lines of a list had; of several the list's own, or the first by name."""
    if not counts or base in (APART, "squidguard"):
        return base
    most = max(counts.values())
    return base if counts.get(base) == most else min(kind for kind, count in counts.items() if count == most)


def _is_met(condition: str) -> bool:
    """Tell whether a condition of `!#if` is true for us; one that cannot be read is not."""
    tokens = _CONDITION_TOKENS.findall(condition)
    if not tokens or "".join(tokens) != re.sub(r"\s", "", condition):
        return False
    value, rest = _any_of(tokens, 0)
    return bool(value) and not rest


def _any_of(tokens: list[str], depth: int) -> tuple[bool | None, list[str]]:
    value, tokens = _all_of(tokens, depth)
    while value is not None and tokens and tokens[0] == "||":
        other, tokens = _all_of(tokens[1:], depth)
        value = None if other is None else value or other
    return value, tokens


def _all_of(tokens: list[str], depth: int) -> tuple[bool | None, list[str]]:
    value, tokens = _one_of(tokens, depth)
    while value is not None and tokens and tokens[0] == "&&":
        other, tokens = _one_of(tokens[1:], depth)
        value = None if other is None else value and other
    return value, tokens


def _one_of(tokens: list[str], depth: int) -> tuple[bool | None, list[str]]:
    if not tokens or depth > _MOST_NESTED:
        return None, []
    first, rest = tokens[0], tokens[1:]
    if first == "!":
        value, rest = _one_of(rest, depth + 1)
        return None if value is None else not value, rest
    if first == "(":
        value, rest = _any_of(rest, depth + 1)
        return (value, rest[1:]) if rest and rest[0] == ")" else (None, [])
    if first in ("&&", "||", ")"):
        return None, []
    return first.lower() == "true", rest
