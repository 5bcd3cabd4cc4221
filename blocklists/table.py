"""The table that a build fills: for every name, what all sources say of it; and how it is compacted.

Memory is the limit (five million names on a small machine), so a name is one dictionary entry, its key reversed,
its value the number of an interned set of attributes.

Compacting drops what says nothing new: an entry under an entry of the *same source* that closes the name anyway.
Entries of other sources stay, because every entry remembers which sources gave it. Nothing is dropped below an
opening of the longest-suffix kind in its category, because there the length of an entry matters.
"""

from array import array
from collections.abc import Callable, Iterator, Sequence

import msgspec

from blocklists.container import Attribute, PatternInfo, SourceInfo, Tables
from blocklists.entries import Effect, EntryCondition, Match, NameEntry, PatternEntry
from blocklists.errors import NotUnderstood
from blocklists.pattern_budget import PatternBudget
from blocklists.pattern_literals import Choice, literal_choices, shortest_text
from blocklists.width import WidthLimit
from dns.message.names import key_to_name, parents

AttributeSet = tuple[int, ...]
_COVERING = (Match.SUBDOMAINS, Match.BELOW)


class BuildTable:
    """What all sources say of all names."""

    def __init__(self, categories: Sequence[str], never_block: Sequence[str] = ()) -> None:
        self._categories = categories  # of each source, by its number
        self._never_block = tuple(never_block)
        self._never_block_set = frozenset(never_block)
        self._names: dict[str, int] = {}
        self._attributes: dict[Attribute, int] = {}
        self._attribute_list: list[Attribute] = []
        self._conditions: dict[EntryCondition, int] = {}
        self._sets: dict[AttributeSet, int] = {}
        self._set_list: list[AttributeSet] = []
        self._joined: dict[tuple[int, int], int] = {}
        self._patterns: dict[PatternInfo, Choice] = {}  # each under the texts by which it is looked for
        self._width = WidthLimit()
        self._budget = PatternBudget()
        self._plain: dict[tuple[int, Match, Effect], int] = {}
        self._relative: dict[tuple[int, AttributeSet], tuple[AttributeSet, AttributeSet]] = {}

    def add_entry(self, entry: NameEntry, source: int, *, allow_wide: bool = False) -> str | None:
        """Add what a source says of a name; return why not, or None."""
        if entry.effect <= Effect.BLOCK_IMPORTANT:
            refused = self._width.refuse_entry(entry, allow_wide=allow_wide)
            if refused is not None:
                return refused
            if self.is_never_blocked(entry.name):
                return "would close a name that no list can close"
        attribute = self._attribute(entry, source, entry.match)
        name = ".".join(entry.name.split(".")[::-1]) + "."
        old = self._names.get(name, -1)
        new = self._joined.get((old, attribute))
        if new is None:
            members = self._set_list[old] if old >= 0 else ()
            new = self._joined[old, attribute] = self._set(tuple(sorted({*members, attribute})))
        if new != old:
            self._names[name] = new
        return None

    def is_never_blocked(self, name: str) -> bool:
        """Tell whether a name is one that no list can block."""
        return not self._never_block_set.isdisjoint(parents(name))

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
        name = ".".join(reversed(item.name.split("."))) + "."
        old = self._names.get(name)
        if old is None:
            return
        attribute = self._attribute(item, source, item.match)
        left = tuple(one for one in self._set_list[old] if one != attribute)
        if left:
            self._names[name] = self._set(left)
        else:
            del self._names[name]

    def __len__(self) -> int:
        return len(self._names)

    def iter_names(self) -> Iterator[str]:
        """Yield every name, in no order."""
        return map(key_to_name, self._names)

    def compact(self, progress: Callable[[int], None]) -> tuple[list[str], "array[int]", list[AttributeSet]]:
        """Return the keys that stay, sorted; for each the number of its set; and the sets. Empties the table."""
        keys = sorted(self._names)
        kept: list[str] = []
        numbers = array("I")
        sets: dict[AttributeSet, int] = {}
        above: list[
            tuple[str, AttributeSet]
        ] = []  # the listed parents of the key in hand, each with all that covers below it
        names, self._names = self._names, {}
        for at, name in enumerate(keys):
            if not at % 65536:
                progress(at)
            while above and not name.startswith(above[-1][0]):
                above.pop()
            covered = above[-1][1] if above else ()
            own, below = self._relative_to_parents(names[name], covered)
            if not own:
                continue
            if below != covered:
                above.append((name, below))
            kept.append(name)
            numbers.append(sets.setdefault(own, len(sets)))
        progress(len(keys))
        return kept, numbers, list(sets)

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

    def _set(self, members: AttributeSet) -> int:
        number = self._sets.get(members)
        if number is None:
            number = self._sets[members] = len(self._set_list)
            self._set_list.append(members)
        return number

    def _relative_to_parents(self, number: int, covered: AttributeSet) -> tuple[AttributeSet, AttributeSet]:
        """Return what a set says that its parents do not, and what then covers the names below it."""
        known = self._relative.get((number, covered))
        if known is None:
            own = self._remove_covered(self._normalise_set(self._set_list[number]), covered)
            known = self._relative[number, covered] = (own, self._cover_below(own, covered))
        return known

    def _normalise_set(self, members: AttributeSet) -> AttributeSet:
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
