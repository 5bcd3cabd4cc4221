"""Figures that would tell of few people: a cell under `SMALLEST_CELL` is suppressed (None).

So is the smallest other part of a sum of which only one part is suppressed: or it could be worked out from the
rest. Nought is no secret.
"""

from collections.abc import Sequence

SMALLEST_CELL = 5


def suppress_small(count: int) -> int | None:
    """Return a count that stands alone, or None where it is too small."""
    return None if 0 < count < SMALLEST_CELL else count


def suppress_parts(counts: Sequence[int]) -> list[int | None]:
    """Return the parts of a sum that is told, without those that are too small or would tell of one."""
    shown = [suppress_small(count) for count in counts]
    if shown.count(None) == 1:
        others = [count for count in shown if count]
        if others:
            shown[shown.index(min(others))] = None
    return shown
