"""Timers that end together: a machine at rest is woken once for all that is due, not once for each.

What looks around every so many seconds seldom minds when exactly. Its pause ends at the next multiple of its
period on the monotonic clock, which every process of a machine shares: timers of a quarter of a second, of one and
of five seconds fall on the same moments, in all processes. No pause is longer than its period; the first may be
shorter.
"""

import asyncio

_EARLY_SECONDS = 0.002  # a timer may end a little before its moment: that is no pause of its own


def next_moment(now: float, seconds: float) -> float:
    """Return when a pause of at most so many seconds ends that begins now, on the same clock."""
    left = seconds - now % seconds
    return now + (left if left > _EARLY_SECONDS else left + seconds)


async def sleep_coalesced(seconds: float) -> None:
    """Sleep for at most so many seconds, until others wake up too."""
    now = asyncio.get_running_loop().time()
    await asyncio.sleep(next_moment(now, seconds) - now)


def timeout_coalesced(seconds: float | None) -> asyncio.Timeout:
    """Return a time limit of at most so many seconds (None: none), which ends when others do."""
    now = asyncio.get_running_loop().time()
    return asyncio.timeout_at(None if seconds is None else next_moment(now, seconds))
