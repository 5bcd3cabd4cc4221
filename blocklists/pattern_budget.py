"""How many regular expressions an index may hold: as many as never make anybody wait.

What an expression costs is known before it is ever run: the steps that the longest name could take
(`blocklists.patterns`), and how many of the expressions a name has to be tried against. Each is filed under
texts that stand in every name it finds (`blocklists.pattern_literals`), of several the least used; what has
none worth that name is tried on every name. Each file holds so much and no more, and so the worst name that
anybody can make costs a fraction of a second, and a usual one some microseconds, whatever was subscribed to.
What is over is not taken in, and is counted with its reason.

The same sources in the same order give the same expressions, on any machine: nothing here is measured by a clock.
"""

from collections import Counter

from blocklists.errors import NotUnderstood
from blocklists.pattern_literals import Choice, literal_choices
from blocklists.patterns import pattern_cost
from blocklists.popular_names import POPULAR_NAMES

MOST_PATTERNS = 50_000  # in one index
MOST_ALIKE = 200  # that share a text, or are tried on every name
MOST_STEPS = 8_000_000  # of those together, on the longest name

_SHORTEST_TEXT = 2
_COMMON_SHARE = 20  # a text in one of so many well-known names says little of a name
_ALWAYS = ""


class PatternBudget:
    """What the expressions of one index cost so far."""

    def __init__(self) -> None:
        """Begin with none."""
        self._taken = 0
        self._count: Counter[str] = Counter()
        self._steps: Counter[str] = Counter()
        self._common: dict[str, bool] = {}

    def admit(self, regex: str) -> Choice:
        """Take an expression in; return the texts to file it under (none: tried on every name).

        Raises NotUnderstood where that would be too much.
        """
        if self._taken >= MOST_PATTERNS:
            raise NotUnderstood(f"more than {MOST_PATTERNS} expressions: too many to look for")
        steps = pattern_cost(regex)
        chosen = min(filter(self._is_telling, literal_choices(regex)), key=self._use, default=())
        files = chosen or (_ALWAYS,)
        if any(self._count[one] >= MOST_ALIKE or self._steps[one] + steps > MOST_STEPS for one in files):
            raise NotUnderstood(_OVER if chosen else _OVER_ALWAYS)
        self._taken += 1
        for one in files:
            self._count[one] += 1
            self._steps[one] += steps
        return chosen

    def _use(self, choice: Choice) -> tuple[int, int]:
        return max(self._count[one] for one in choice), -min(map(len, choice))

    def _is_telling(self, choice: Choice) -> bool:
        return all(len(one) >= _SHORTEST_TEXT and not self._is_common(one) for one in choice)

    def _is_common(self, text: str) -> bool:
        known = self._common.get(text)
        if known is None:
            found = sum(1 for name in POPULAR_NAMES if text in name)
            known = self._common[text] = found * _COMMON_SHARE > len(POPULAR_NAMES)
        return known


_OVER = f"more than {MOST_ALIKE} expressions for names that look alike: too many to look for"
_OVER_ALWAYS = (
    f"more than {MOST_ALIKE} expressions that say too little of the names they find: too many to look for"
)
