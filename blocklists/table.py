"""The table that a build fills: for every name, what all sources say of it; and how it is boiled down.

Memory is the limit (five million names on a small machine), so a name is one dictionary entry, its key reversed,
its value the number of an interned set of attributes.

Boiling down drops what says nothing new: an entry under an entry of the *same source* that closes the name anyway.
Entries of other sources stay, because every entry remembers which sources gave it. Nothing is dropped below an
opening of the longest-suffix kind in its category, because there the length of an entry matters.
"""

from array import array
from collections.abc import Callable, Iterator, Sequence

from blocklists.container import Attribute, PatternInfo, SourceInfo, Tables
from blocklists.entries import Condition, Effect, Entry, Match, Pattern
from dns.message.names import name_of_key

Set = tuple[int, ...]
_COVERING = (Match.SUBDOMAINS, Match.BELOW)


class Table:
    """What all sources say of all names."""

    def __init__(self, categories: Sequence[str], protected: Sequence[str] = ()) -> None:
        self._categories = categories  # of each source, by its number
        self._protected = tuple(protected)
        self._endings = tuple(f".{name}" for name in protected)
        self._names: dict[str, int] = {}
        self._attributes: dict[Attribute, int] = {}
        self._attribute_list: list[Attribute] = []
        self._conditions: dict[Condition, int] = {}
        self._sets: dict[Set, int] = {}
        self._set_list: list[Set] = []
        self._joined: dict[tuple[int, int], int] = {}
        self._patterns: dict[PatternInfo, None] = {}
        self._plain: dict[tuple[int, Match, Effect], int] = {}
        self._seen: dict[tuple[int, Set], tuple[Set, Set]] = {}

    def add(self, entry: Entry, source: int) -> bool:
        """Add what a source says of a name; False where the name is protected and the entry would close it."""
        if entry.effect <= Effect.CLOSE_IMPORTANT and self.is_protected(entry.name):
            return False
        attribute = self._attribute(entry, source, entry.match)
        name = ".".join(entry.name.split(".")[::-1]) + "."
        old = self._names.get(name, -1)
        new = self._joined.get((old, attribute))
        if new is None:
            members = self._set_list[old] if old >= 0 else ()
            new = self._joined[old, attribute] = self._set(tuple(sorted({*members, attribute})))
        if new != old:
            self._names[name] = new
        return True

    def is_protected(self, name: str) -> bool:
        """Tell whether a name is one that no list can close."""
        return f".{name}".endswith(self._endings)

    def add_pattern(self, pattern: Pattern, source: int) -> None:
        """Add a pattern of a source."""
        self._patterns[self._pattern(pattern, source)] = None

    def withdraw(self, item: Entry | Pattern, source: int) -> None:
        """Take back what a source said before; nothing happens where it did not."""
        if isinstance(item, Pattern):
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

    def names(self) -> Iterator[str]:
        """Yield every name, in no order."""
        return map(name_of_key, self._names)

    def boil_down(self, progress: Callable[[int], None]) -> tuple[list[str], "array[int]", list[Set]]:
        """Return the keys that stay, sorted; for each the number of its set; and the sets. Empties the table."""
        keys = sorted(self._names)
        kept: list[str] = []
        numbers = array("I")
        sets: dict[Set, int] = {}
        above: list[
            tuple[str, Set]
        ] = []  # the listed parents of the key in hand, each with all that covers below it
        names, self._names = self._names, {}
        for at, name in enumerate(keys):
            if not at % 65536:
                progress(at)
            while above and not name.startswith(above[-1][0]):
                above.pop()
            covered = above[-1][1] if above else ()
            own, below = self._seen_from_above(names[name], covered)
            if not own:
                continue
            if below != covered:
                above.append((name, below))
            kept.append(name)
            numbers.append(sets.setdefault(own, len(sets)))
        progress(len(keys))
        return kept, numbers, list(sets)

    def tables(self, sources: Sequence[SourceInfo], sets: Sequence[Set]) -> Tables:
        """Return everything but the names, in an order that depends on the input alone."""
        return Tables(
            tuple(sources),
            tuple(self._conditions),
            tuple(self._attribute_list),
            tuple(sets),
            tuple(self._patterns),
            self._protected,
        )

    def source_of(self, attribute: int) -> int:
        """Return the source of an attribute."""
        return self._attribute_list[attribute].source

    def _attribute(self, item: Entry | Pattern, source: int, match: Match) -> int:
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

    def _pattern(self, pattern: Pattern, source: int) -> PatternInfo:
        attribute = self._attribute(pattern, source, Match.SUBDOMAINS)
        return PatternInfo(pattern.regex, pattern.text or f"/{pattern.regex}/", attribute)

    def _set(self, members: Set) -> int:
        number = self._sets.get(members)
        if number is None:
            number = self._sets[members] = len(self._set_list)
            self._set_list.append(members)
        return number

    def _seen_from_above(self, number: int, covered: Set) -> tuple[Set, Set]:
        """Return what a set says that its parents do not, and what then covers the names below it."""
        known = self._seen.get((number, covered))
        if known is None:
            own = self._reduced(self._normal(self._set_list[number]), covered)
            known = self._seen[number, covered] = (own, self._covering(own, covered))
        return known

    def _normal(self, members: Set) -> Set:
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

    def _reduced(self, own: Set, covered: Set) -> Set:
        """Return what a set says that its parents have not said already."""
        over = {self._kind(number) for number in covered}
        return tuple(number for number in own if self._kind(number) not in over)

    def _covering(self, own: Set, covered: Set) -> Set:
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
        return self._attribute_list[number].effect == Effect.OPEN_LONGEST
