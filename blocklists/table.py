"""The table that a build fills: for every name, what all sources say of it; and how it is compacted.

Memory is the limit (five million names on a small machine), so the table holds no names: each entry is a line of
text, its key reversed, then the number of what is said of it, and lines are sorted on disk where they are many
(`blocklists.sorted_runs`). What is said is interned, and there is little of it. What says nothing new is dropped
while the names are given out (`blocklists.compaction`).
"""

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from blocklists.compaction import AttributeSet, AttributeTable, Compaction
from blocklists.container import PatternInfo, SourceInfo, Tables
from blocklists.entries import Effect, Match, NameEntry, PatternEntry
from blocklists.errors import NotUnderstood
from blocklists.never_block import NeverBlockNames
from blocklists.pattern_budget import PatternBudget
from blocklists.pattern_literals import Choice, literal_choices, shortest_text
from blocklists.sorted_runs import MOST_HELD, SortedRuns
from blocklists.width import WidthLimit
from dns.message.names import key_to_name

MARK = " "  # between a key and a number: sorts before every character of a key
_CLOSINGS = (Effect.BLOCK, Effect.BLOCK_IMPORTANT)


@dataclass
class Compacted:
    """What compacting finds beside the keys."""

    numbers: "array[int]" = field(
        default_factory=lambda: array("I")
    )  # of each key's set, in the order of the keys
    sets: tuple[AttributeSet, ...] = ()


class BuildTable:
    """What all sources say of all names."""

    def __init__(
        self,
        categories: Sequence[str],
        never_block: Sequence[str] = (),
        *,
        folder: Path | None = None,
        most_held: int = MOST_HELD,
        attributes: AttributeTable | None = None,
    ) -> None:
        """Begin with nothing. What does not fit into memory goes to files without a name in a folder.

        `attributes`: what was numbered before, where lines of another table are to be understood.
        """
        self._categories = categories  # of each source, by its number
        self._never_block = tuple(never_block)
        self._is_never_blocked = NeverBlockNames(never_block).covers
        self._lines = SortedRuns(folder, most_held)
        self._added = 0
        self._removed: set[str] = set()  # lines that a source took back
        self.attributes = attributes or AttributeTable()
        self._patterns: dict[PatternInfo, Choice] = {}  # each under the texts by which it is looked for
        self._width = WidthLimit()
        self._budget = PatternBudget()

    def add_entry(self, entry: NameEntry, source: int, *, allow_wide: bool = False) -> str | None:
        """Add what a source says of a name; return why not, or None."""
        if entry.effect in _CLOSINGS:
            refused = self._width.refuse_entry(entry, allow_wide=allow_wide)
            if refused is not None:
                return refused
            if self._is_never_blocked(entry.name):
                return "would close a name that no list can close"
        self._lines.add(self._line(entry, source))
        self._added += 1
        return None

    def add_pattern(self, pattern: PatternEntry, source: int, *, allow_wide: bool = False) -> str | None:
        """Add a pattern of a source; return why not, or None."""
        key = self._pattern(pattern, source)
        if key in self._patterns:
            return None
        if not allow_wide:
            refused = self._width.refuse_pattern(pattern, _telling(pattern.regex))
            if refused is not None:
                return refused
        try:
            self._patterns[key] = self._budget.admit(pattern.regex)
        except NotUnderstood as reason:
            return str(reason)
        return None

    def remove_entry(self, item: NameEntry | PatternEntry, source: int) -> None:
        """Take back what a source said before; nothing happens where it did not."""
        if isinstance(item, PatternEntry):
            self._patterns.pop(self._pattern(item, source), None)
            return
        self._removed.add(self._line(item, source))

    def __len__(self) -> int:
        """Return how many entries were added, each as often as it was."""
        return self._added

    def iter_names(self) -> Iterator[str]:
        """Yield every name once, in the order of the reversed keys."""
        for key, _ in self._grouped():
            yield key_to_name(key)

    def compact(
        self, progress: Callable[[int], None], result: Compacted, keep: Callable[[str], None] | None = None
    ) -> Iterator[str]:
        """Yield the keys that stay, sorted, while the numbers of their sets, and the sets, go into `result`.

        `keep` is called with every line of the table, sorted, each as often as it was added.
        """
        sets: dict[AttributeSet, int] = {}
        numbers = result.numbers
        compaction = Compaction(self.attributes, self._categories)
        for at, (key, own) in enumerate(compaction.compact(self._grouped(keep))):
            if not at % 65536:
                progress(at)
            if own:
                numbers.append(sets.setdefault(own, len(sets)))
                yield key
        result.sets = tuple(sets)
        self.close()
        progress(self._added)

    def close(self) -> None:
        """Give back what the entries took, on disk and in memory. What was said of them stays known."""
        self._lines.close()

    def to_tables(self, sources: Sequence[SourceInfo], sets: Sequence[AttributeSet]) -> Tables:
        """Return everything but the names, in an order that depends on the input alone."""
        return Tables(
            tuple(sources),
            tuple(self.attributes.conditions),
            tuple(self.attributes.attributes),
            tuple(sets),
            tuple(msgspec.structs.replace(info, literals=texts) for info, texts in self._patterns.items()),
            self._never_block,
        )

    def source_of(self, attribute: int) -> int:
        """Return the source of an attribute."""
        return self.attributes.attributes[attribute].source

    def _pattern(self, pattern: PatternEntry, source: int) -> PatternInfo:
        attribute = self.attributes.number_item(pattern, source, Match.SUBDOMAINS)
        return PatternInfo(pattern.regex, pattern.text or f"/{pattern.regex}/", attribute)

    def _line(self, entry: NameEntry, source: int) -> str:
        labels = entry.name.split(".")  # `dns.message.names.name_to_key`, written out
        labels.reverse()
        return f"{'.'.join(labels)}.{MARK}{self.attributes.number_item(entry, source, entry.match)}"

    @property
    def taken_back(self) -> frozenset[str]:
        """The lines of the table that a source took back."""
        return frozenset(self._removed)

    @property
    def has_more_than_names(self) -> bool:
        """Whether an expression was added, or anything taken back."""
        return bool(self._patterns or self._removed)

    def take_lines(self) -> list[str]:
        """Return the lines, sorted, each as often as it was added, and forget them."""
        lines = list(self._lines)
        self._lines.close()
        return lines

    def _grouped(self, keep: Callable[[str], None] | None = None) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Yield every key with the numbers of what is said of it, as they stand in the lines."""
        key = before = ""
        attributes: tuple[str, ...] = ()
        removed = self._removed
        for line in self._lines:
            if keep is not None:
                keep(line)
            if line == before or (removed and line in removed):
                continue
            before = line
            found, _, attribute = line.partition(MARK)
            if found == key:
                attributes = (*attributes, attribute)
                continue
            if key:
                yield key, attributes
            key, attributes = found, (attribute,)
        if key:
            yield key, attributes


def _telling(regex: str) -> Choice:
    """Return the longest texts of which one stands in every name that an expression finds."""
    return max(literal_choices(regex), key=shortest_text, default=())
