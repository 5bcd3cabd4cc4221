"""How much each device asked of every worker, in memory that workers share: a limit is a device's, no worker's.

Each worker counts in a column of its own, so nobody writes where another does, and reads the others' columns. What
is asked over UDP and what over connections is counted apart (`STREAM_SLOTS`), as each has its own limit.

A device's place is a hash of its address: two devices may share one, and then share their limit, which is seldom
and lasts for as long as the memory does; nothing of a device can be found out from it. Counts wrap around.
"""

import mmap
import secrets
from collections.abc import Callable
from hashlib import blake2b

MAX_WORKERS = 64  # one of a higher number counts for itself alone
SLOTS = 8192  # places in a column, for each kind of counting
STREAM_SLOTS = SLOTS  # from the place of what a device asks over UDP to that of what it asks over connections

_COLUMN_SLOTS = 2 * SLOTS
_WRAP = 0xFFFFFFFF
_BYTES = 4


class SharedUsage:
    """The counts of all workers. Made before workers are forked."""

    def __init__(self) -> None:
        self._counts = memoryview(mmap.mmap(-1, MAX_WORKERS * _COLUMN_SLOTS * _BYTES)).cast("I")
        self._key = secrets.token_bytes(16)

    def column(self, number: int, workers: int) -> "UsageColumn | None":
        """Return the column of worker `number` (from 1) of so many; None where it counts for itself alone."""
        if not 1 < workers <= MAX_WORKERS or number > workers:
            return None
        return UsageColumn(self._counts, number - 1, workers, self._slot_of)

    def _slot_of(self, device: bytes) -> int:
        return int.from_bytes(blake2b(device, digest_size=4, key=self._key).digest()) % SLOTS


class UsageColumn:
    """One worker's column, and the way to the others'."""

    def __init__(self, counts: memoryview, own: int, workers: int, slot_of: Callable[[bytes], int]) -> None:
        self._counts = counts
        self._own = own * _COLUMN_SLOTS
        self._others = tuple(number * _COLUMN_SLOTS for number in range(workers) if number != own)
        self.slot_of = slot_of  # of an address in 4 or 16 octets

    def add(self, slot: int, queries: int) -> None:
        """Count so many queries of a device."""
        at = self._own + slot
        self._counts[at] = (self._counts[at] + queries) & _WRAP

    def others(self, slot: int) -> int:
        """Return what the other workers have counted since the beginning, modulo 2 to the 32."""
        counts = self._counts
        return sum([counts[column + slot] for column in self._others]) & _WRAP
