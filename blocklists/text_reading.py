"""What is known of a list's text once it was read: how many lines said what, and what was passed over.

Where each line of a text stands for itself, all of it is sums over the lines. So what is known of a text follows
from what was known of another version of it, less what the lines said that are gone, and what those say that came.
"""

from collections import Counter
from collections.abc import Callable, Mapping

import msgspec

from blocklists.entries import SkippedLine


class TextReading(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one text."""

    format: str  # as reports call it
    base_format: str  # what a bare line of it means
    version: str = ""  # as the list itself says
    is_allowlist: bool = False
    lines: int = 0  # that are not empty and no comments
    entries: int = 0
    not_understood: int = 0
    binary: int = 0
    reasons: dict[str, int] = {}  # of lines passed over
    kinds: dict[str, int] = {}  # format -> lines of it that said something
    problems: tuple[SkippedLine, ...] = ()  # the first of each reason

    def change(
        self,
        gone: "TextReading",
        came: "TextReading",
        move: Callable[[SkippedLine], SkippedLine | None],
        most: int,
    ) -> "TextReading":
        """Return what is known of the text without some lines, and with others.

        `move`: where a line passed over stands now; None: it is gone. At most so many of each reason are kept.
        """
        kept = (moved for one in self.problems if (moved := move(one)) is not None)
        problems = sorted((*kept, *came.problems), key=lambda one: one.line)
        return msgspec.structs.replace(
            came,  # whose beginning was read
            lines=self.lines - gone.lines + came.lines,
            entries=self.entries - gone.entries + came.entries,
            not_understood=self.not_understood - gone.not_understood + came.not_understood,
            binary=self.binary - gone.binary + came.binary,
            reasons=_sum(self.reasons, gone.reasons, came.reasons),
            kinds=_sum(self.kinds, gone.kinds, came.kinds),
            problems=_first_of_each(problems, most),
        )


def _sum(known: Mapping[str, int], gone: Mapping[str, int], came: Mapping[str, int]) -> dict[str, int]:
    total = Counter(known)
    total.subtract(gone)
    total.update(came)
    return {what: count for what, count in total.items() if count}


def _first_of_each(problems: list[SkippedLine], most: int) -> tuple[SkippedLine, ...]:
    seen: Counter[str] = Counter()
    first = []
    for one in problems:
        seen[one.reason] += 1
        if seen[one.reason] <= most:
            first.append(one)
    return tuple(first)
