"""Words that close names which no list knows, with boundaries and exceptions (no Scunthorpe problem).

How a name is looked at:

1. Names under one of the exception names are left alone, and so are the names that no list can close
   (`blocklists.never_block`), and every name with a word in it that says that it helps (`addiction`, `survivor`).
2. Exception words are found first; a word that begins within one does not count (`essex` hides its `sex`, and
   `essex-chat` is no `sex-chat`).
3. Among the rest a word counts where its kind lets it: anywhere; at the beginning or end of a part; or only as a
   whole part. Parts are what stands between dots, hyphens, underscores and digits. The last label (the top-level
   domain) is not looked at.

One Aho-Corasick automaton finds all words of every sort in one pass over the name.
"""

import enum
import hashlib
import tomllib
from collections.abc import Iterable, Mapping
from importlib import resources
from typing import Any

import ahocorasick
import msgspec

from blocklists.errors import ListError
from blocklists.never_block import never_block_names
from dns.message.constants import RecordType
from dns.message.names import parents
from dns.policy.verdict import BlockEntry

KEYWORDS_SOURCE = "hallpass-keywords"

_EXCEPTION, _HELP = None, ()  # what the automaton knows such words by, instead of keywords


class Boundary(enum.Enum):
    """Where a word must stand in order to count."""

    EDGE = ""  # at the beginning or the end of a part
    WHOLE = "="  # as a whole part
    ANYWHERE = "~"


class Keyword(msgspec.Struct, frozen=True):
    """A word that closes."""

    text: str
    boundary: Boundary
    category: str


class Keywords:
    """Implements `dns.policy.verdict.BlocklistLookup` by words."""

    def __init__(
        self,
        words: Iterable[Keyword],
        exception_words: Iterable[str] = (),
        exception_names: Iterable[str] = (),
        source: str = KEYWORDS_SOURCE,
        help_words: Iterable[str] = (),
    ) -> None:
        self._words = tuple(words)
        self._exceptions = tuple(exception_words)
        self._help = tuple(help_words)
        self._names = frozenset((*exception_names, *never_block_names()))
        self._source = source
        self._version = _hash_of([self._words, self._exceptions, sorted(self._names), self._help])
        self._automaton = _build_automaton(self._words, self._exceptions, self._help)

    @classmethod
    def parse(
        cls,
        words: Mapping[str, Iterable[str]],
        exception_words: Iterable[str] = (),
        exception_names: Iterable[str] = (),
        source: str = KEYWORDS_SOURCE,
        help_words: Iterable[str] = (),
    ) -> "Keywords":
        """Make keywords of words as people write them (`blocklists/keywords.toml`). Raises ListError."""
        return cls(
            (_parse_keyword(text, category) for category, texts in words.items() for text in texts),
            exception_words,
            exception_names,
            source,
            help_words,
        )

    @classmethod
    def load_builtin(cls) -> "Keywords":
        """Return the keywords that Hallpass brings."""
        table = tomllib.loads(resources.files("blocklists").joinpath("keywords.toml").read_text("utf-8"))
        exceptions = table["exceptions"]
        return cls.parse(table["words"], exceptions["words"], exceptions["names"], help_words=exceptions["help"])

    @property
    def version(self) -> str:
        """The content hash of the words and exceptions."""
        return self._version

    def find_block_entries(self, name: str, qtype: int = RecordType.A) -> tuple[BlockEntry, ...]:  # noqa: ARG002 (BlocklistLookup's signature)
        """Return every word that blocks a canonical name, the exceptions already taken away."""
        looked_at = name.rpartition(".")[0]
        if not looked_at or self._automaton is None:
            return ()
        found = list(self._automaton.iter(looked_at))
        if not found or not self._names.isdisjoint(parents(name)):
            return ()
        if any(words == _HELP for _, (_, words) in found):
            return ()
        covered = [(end - len(text), end) for end, (text, words) in found if words is _EXCEPTION]
        entries: dict[BlockEntry, None] = {}
        for end, (text, words) in found:
            begin = end - len(text)
            if words is _EXCEPTION or any(first <= begin < last for first, last in covered):
                continue
            for word in words:
                if _boundary_matches(looked_at, begin + 1, end + 1, word.boundary):
                    entries[BlockEntry(word.category, self._source, word.text)] = None
        return tuple(entries)


def _boundary_matches(text: str, begin: int, end: int, boundary: Boundary) -> bool:
    if boundary is Boundary.ANYWHERE:
        return True
    left = begin == 0 or not text[begin - 1].isalpha()
    right = end == len(text) or not text[end].isalpha()
    return (left and right) if boundary is Boundary.WHOLE else (left or right)


def _parse_keyword(text: str, category: str) -> Keyword:
    boundary = {"=": Boundary.WHOLE, "~": Boundary.ANYWHERE}.get(text[:1], Boundary.EDGE)
    bare = text.removeprefix(boundary.value).lower()
    if len(bare) < 3 or not all(one.isalnum() or one == "-" for one in bare) or not bare.isascii():
        raise ListError(f"keyword {text!r}: at least three letters or digits, and nothing else but hyphens")
    return Keyword(bare, boundary, category)


def _build_automaton(words: tuple[Keyword, ...], exceptions: tuple[str, ...], helping: tuple[str, ...]) -> Any:
    if not words:
        return None
    automaton = ahocorasick.Automaton()
    by_text: dict[str, list[Keyword]] = {}
    for word in words:
        by_text.setdefault(word.text, []).append(word)
    for text, alike in by_text.items():
        automaton.add_word(text, (text, tuple(alike)))
    for meaning, texts in ((_EXCEPTION, exceptions), (_HELP, helping)):
        for text in (one.lower() for one in texts):
            if text not in by_text:
                automaton.add_word(text, (text, meaning))
    automaton.make_automaton()
    return automaton


def _hash_of(value: Any) -> str:
    return hashlib.sha256(msgspec.json.encode(value)).hexdigest()
