"""The table that a build fills: for every name, what all sources say of it; and how it is compacted.

Memory is the limit (five million names on a small machine), so the table holds no names: each entry is a line of
text, its key reversed, then the number of what is said of it, and lines are sorted on disk where they are many
(`blocklists.sorted_runs`). What is said is interned, and there is little of it.

Compacting drops what says nothing new: an entry under an entry of the *same source* that closes the name anyway.
Entries of other sources stay, because every entry remembers which sources gave it. Nothing is dropped below an
opening of the longest-suffix kind in its category, because there the length of an entry matters.
"""

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from blocklists.container import Attribute, PatternInfo, SourceInfo, Tables
from blocklists.entries import Effect, EntryCondition, Match, NameEntry, PatternEntry
from blocklists.errors import NotUnderstood
from blocklists.never_block import NeverBlockNames
from blocklists.pattern_budget import PatternBudget
from blocklists.pattern_literals import Choice, literal_choices, shortest_text
from blocklists.sorted_runs import MOST_HELD, SortedRuns
from blocklists.width import WidthLimit
from dns.message.names import key_to_name

AttributeSet = tuple[int, ...]
_COVERING = (Match.SUBDOMAINS, Match.BELOW)
_MARK = " "  # between a key and a number: sorts before every character of a key


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
    ) -> None:
        """Begin with nothing. What does not fit into memory goes to files without a name in a folder."""
        self._categories = categories  # of each source, by its number
        self._never_block = tuple(never_block)
        self._is_never_blocked = NeverBlockNames(never_block).covers
        self._lines = SortedRuns(folder, most_held)
        self._added = 0
        self._removed: set[str] = set()  # lines that a source took back
        self._attributes: dict[Attribute, int] = {}
        self._attribute_list: list[Attribute] = []
        self._conditions: dict[EntryCondition, int] = {}
        self._patterns: dict[PatternInfo, Choice] = {}  # each under the texts by which it is looked for
        self._width = WidthLimit()
        self._budget = PatternBudget()
        self._plain: dict[tuple[int, Match, Effect], int] = {}
        self._relative: dict[tuple[tuple[str, ...], AttributeSet], tuple[AttributeSet, AttributeSet]] = {}

    def add_entry(self, entry: NameEntry, source: int, *, allow_wide: bool = False) -> str | None:
        """Add what a source says of a name; return why not, or None."""
        if entry.effect <= Effect.BLOCK_IMPORTANT:
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

    def compact(self, progress: Callable[[int], None], result: Compacted) -> Iterator[str]:
        """Yield the keys that stay, sorted, while the numbers of their sets, and the sets, go into `result`."""
        sets: dict[AttributeSet, int] = {}
        # The listed parents of the key in hand, each with all that covers below it.
        above: list[tuple[str, AttributeSet]] = []
        for at, (key, attributes) in enumerate(self._grouped()):
            if not at % 65536:
                progress(at)
            while above and not key.startswith(above[-1][0]):
                above.pop()
            covered = above[-1][1] if above else ()
            own, below = self._relative_to_parents(attributes, covered)
            if not own:
                continue
            if below != covered:
                above.append((key, below))
            result.numbers.append(sets.setdefault(own, len(sets)))
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
            tuple(self._conditions),
            tuple(self._attribute_list),
            tuple(sets),
            tuple(msgspec.structs.replace(info, literals=texts) for info, texts in self._patterns.items()),
            self._never_block,
        )

    def source_of(self, attribute: int) -> int:
        """Return the source of an attribute."""
        return self._attribute_list[attribute].source

    def _attribute(self, item: NameEntry | PatternEntry, source: int, match: Match) -> int:
        if item.condition is None:
            number = self._plain.get((source, match, item.effect))
            if number is None:
                number = self._attribute_number(Attribute(source, int(match), int(item.effect)))
                self._plain[source, match, item.effect] = number
            return number
        condition = self._conditions.setdefault(item.condition, len(self._conditions))
        return self._attribute_number(Attribute(source, int(match), int(item.effect), condition))

    def _attribute_number(self, attribute: Attribute) -> int:
        number = self._attributes.get(attribute)
        if number is None:
            number = self._attributes[attribute] = len(self._attribute_list)
            self._attribute_list.append(attribute)
        return number

    def _pattern(self, pattern: PatternEntry, source: int) -> PatternInfo:
        attribute = self._attribute(pattern, source, Match.SUBDOMAINS)
        return PatternInfo(pattern.regex, pattern.text or f"/{pattern.regex}/", attribute)

    def _line(self, entry: NameEntry, source: int) -> str:
        labels = entry.name.split(".")  # `dns.message.names.name_to_key`, written out
        labels.reverse()
        return f"{'.'.join(labels)}.{_MARK}{self._attribute(entry, source, entry.match)}"

    def _grouped(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Yield every key with the numbers of what is said of it, as they stand in the lines."""
        key = ""
        attributes: tuple[str, ...] = ()
        removed = self._removed
        for line in self._lines:
            if removed and line in removed:
                continue
            found, _, attribute = line.partition(_MARK)
            if found == key:
                attributes = (*attributes, attribute)
                continue
            if key:
                yield key, attributes
            key, attributes = found, (attribute,)
        if key:
            yield key, attributes

    def _relative_to_parents(
        self, attributes: tuple[str, ...], covered: AttributeSet
    ) -> tuple[AttributeSet, AttributeSet]:
        """Return what a name's set says that its parents do not, and what then covers the names below it."""
        known = self._relative.get((attributes, covered))
        if known is None:
            own = self._remove_covered(self._normalise_set(sorted(map(int, attributes))), covered)
            known = self._relative[attributes, covered] = (own, self._cover_below(own, covered))
        return known

    def _normalise_set(self, members: Iterable[int]) -> AttributeSet:
        """Join what one source says twice of a name: the name, and what is under it, is name and subdomains."""
        matches: dict[tuple[int, int, int], set[int]] = {}
        for number in members:
            one = self._attribute_list[number]
            matches.setdefault((one.source, one.effect, one.condition), set()).add(one.match)
        return tuple(
            sorted(
                self._attribute_number(
                    Attribute(source, int(Match.SUBDOMAINS) if len(found) > 1 else found.pop(), effect, condition)
                )
                for (source, effect, condition), found in matches.items()
            )
        )

    def _remove_covered(self, own: AttributeSet, covered: AttributeSet) -> AttributeSet:
        """Return what a set says that its parents have not said already."""
        over = {self._kind(number) for number in covered}
        return tuple(number for number in own if self._kind(number) not in over)

    def _cover_below(self, own: AttributeSet, covered: AttributeSet) -> AttributeSet:
        """Return what covers the names below: what came from above, and what this set adds or takes away."""
        more = tuple(number for number in own if self._attribute_list[number].match in _COVERING)
        if not more:
            return covered
        barred = {self._category(number) for number in more if self._is_longest(number)}
        return tuple(sorted(number for number in {*covered, *more} if self._category(number) not in barred))

    def _kind(self, number: int) -> tuple[int, int, int]:
        one = self._attribute_list[number]
        return one.source, one.effect, one.condition

    def _category(self, number: int) -> str:
        return self._categories[self._attribute_list[number].source]

    def _is_longest(self, number: int) -> bool:
        return self._attribute_list[number].effect == Effect.ALLOW_LONGEST


def _telling(regex: str) -> Choice:
    """Return the longest texts of which one stands in every name that an expression finds."""
    return max(literal_choices(regex), key=shortest_text, default=())
