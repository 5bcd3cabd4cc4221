"""Random numbers that nobody outside can foresee, drawn from the system in bulk because a query needs so few.

One call of ``os.urandom`` costs more than everything else that is done to send a query; a block of it serves a
few hundred queries.
"""

import os
from typing import Final

_BLOCK: Final = 4096


class EntropyPool:
    """A stock of unpredictable bytes, filled up when it runs out. Each byte is given out once."""

    __slots__ = ("_at", "_stock")

    def __init__(self) -> None:
        self._stock = b""
        self._at = _BLOCK

    def draw_number(self, size: int) -> int:
        """Return a number of `size` bytes (at most 4096), each value as likely as any other."""
        return int.from_bytes(self.draw_bytes(size), "big")

    def draw_bytes(self, size: int) -> bytes:
        """Return `size` bytes (at most 4096), each value as likely as any other."""
        at = self._at
        end = at + size
        if end > _BLOCK or not self._stock:
            self._stock = os.urandom(_BLOCK)
            at, end = 0, size
        self._at = end
        return self._stock[at:end]
