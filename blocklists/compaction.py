"""What sources say of names, as numbers; and the compaction of what they say, name by name in sorted order.

Compacting drops what says nothing new: an entry under an entry of the *same source* that closes the name anyway.
Entries of other sources stay, because every entry remembers which sources gave it. Nothing is dropped below an
opening of the longest-suffix kind in its category, because there the length of an entry matters.

What becomes of a name depends on its own entries and those of its listed parents, and on nothing else: so a part
of the names gives what all of them give, as long as the listed parents of each are among them.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from blocklists.container import Attribute
from blocklists.entries import Effect, EntryCondition, Match, NameEntry, PatternEntry

AttributeSet = tuple[int, ...]
_COVERING = (Match.SUBDOMAINS, Match.BELOW)


class AttributeTable:
    """Everything that is said of any name, each thing with its number. Numbers never change; there come more."""

    def __init__(self, attributes: Sequence[Attribute] = (), conditions: Sequence[EntryCondition] = ()) -> None:
        """Begin with what was numbered before."""
        self.attributes = list(attributes)
        self._numbers = {attribute: at for at, attribute in enumerate(self.attributes)}
        self.conditions = list(conditions)
        self._condition_numbers = {condition: at for at, condition in enumerate(self.conditions)}
        self._plain: dict[tuple[int, Match, Effect], int] = {}

    def number_item(self, item: NameEntry | PatternEntry, source: int, match: Match) -> int:
        """Return the number of what a source says with an item."""
        if item.condition is None:
            number = self._plain.get((source, match, item.effect))
            if number is None:
                number = self.number_of(Attribute(source, int(match), int(item.effect)))
                self._plain[source, match, item.effect] = number
            return number
        condition = self._condition_numbers.setdefault(item.condition, len(self.conditions))
        if condition == len(self.conditions):
            self.conditions.append(item.condition)
        return self.number_of(Attribute(source, int(match), int(item.effect), condition))

    def number_of(self, attribute: Attribute) -> int:
        """Return the number of an attribute, a new one where it has none."""
        number = self._numbers.get(attribute)
        if number is None:
            number = self._numbers[attribute] = len(self.attributes)
            self.attributes.append(attribute)
        return number

    def order_of(self, number: int) -> Any:
        """Return what puts attributes into an order that depends on nothing but what they are."""
        one = self.attributes[number]
        limits = self.conditions[one.condition] if one.condition >= 0 else EntryCondition()
        return one.source, one.match, one.effect, msgspec.structs.astuple(limits)


class Compaction:
    """Compacts sorted keys with what is said of each."""

    def __init__(self, attributes: AttributeTable, categories: Sequence[str]) -> None:
        """Take the categories of the sources, by their numbers."""
        self._table = attributes
        self._attributes = attributes.attributes
        self._categories = categories
        self._relative: dict[tuple[tuple[str, ...], AttributeSet], tuple[AttributeSet, AttributeSet]] = {}

    def compact(self, grouped: Iterable[tuple[str, tuple[str, ...]]]) -> Iterator[tuple[str, AttributeSet]]:
        """Yield every key with what it says that its listed parents do not: nothing, where it can be left out."""
        # The listed parents of the key in hand, each with all that covers below it.
        above: list[tuple[str, AttributeSet]] = []
        for key, attributes in grouped:
            while above and not key.startswith(above[-1][0]):
                above.pop()
            covered = above[-1][1] if above else ()
            known = self._relative.get((attributes, covered))
            own, below = known or self._relative_to_parents(attributes, covered)
            if below != covered:
                above.append((key, below))
            yield key, own

    def _relative_to_parents(
        self, attributes: tuple[str, ...], covered: AttributeSet
    ) -> tuple[AttributeSet, AttributeSet]:
        """Return what a name's set says that its parents do not, and what then covers the names below it."""
        own = self._remove_covered(self._normalise_set(sorted(map(int, attributes))), covered)
        known = self._relative[attributes, covered] = (own, self._cover_below(own, covered))
        return known

    def _normalise_set(self, members: Iterable[int]) -> AttributeSet:
        """Join what one source says twice of a name: the name, and what is under it, is name and subdomains."""
        matches: dict[tuple[int, int, int], set[int]] = {}
        for number in members:
            one = self._attributes[number]
            matches.setdefault((one.source, one.effect, one.condition), set()).add(one.match)
        return tuple(
            sorted(
                (
                    self._table.number_of(
                        Attribute(
                            source, int(Match.SUBDOMAINS) if len(found) > 1 else found.pop(), effect, condition
                        )
                    )
                    for (source, effect, condition), found in matches.items()
                ),
                key=self._table.order_of,
            )
        )

    def _remove_covered(self, own: AttributeSet, covered: AttributeSet) -> AttributeSet:
        """Return what a set says that its parents have not said already."""
        over = {self._kind(number) for number in covered}
        return tuple(number for number in own if self._kind(number) not in over)

    def _cover_below(self, own: AttributeSet, covered: AttributeSet) -> AttributeSet:
        """Return what covers the names below: what came from above, and what this set adds or takes away."""
        more = tuple(number for number in own if self._attributes[number].match in _COVERING)
        if not more:
            return covered
        barred = {self._category(number) for number in more if self._is_longest(number)}
        return tuple(sorted(number for number in {*covered, *more} if self._category(number) not in barred))

    def _kind(self, number: int) -> tuple[int, int, int]:
        one = self._attributes[number]
        return one.source, one.effect, one.condition

    def _category(self, number: int) -> str:
        return self._categories[self._attributes[number].source]

    def _is_longest(self, number: int) -> bool:
        return self._attributes[number].effect == Effect.ALLOW_LONGEST
