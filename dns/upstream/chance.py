"""Random numbers that nobody outside can foresee, drawn from the system in bulk because a query needs so few.

One call of ``os.urandom`` costs more than everything else that is done to send a query; a block of it serves a
few hundred queries.
"""

import os

_BLOCK = 4096


_WIDE = 48  # bytes: an id, and a bit for every letter of all but the longest names
_from_bytes = int.from_bytes


class Chance:
    """A stock of unpredictable bytes, filled up when it runs out. Each byte is given out once."""

    __slots__ = ("_at", "_stock", "_wide")

    def __init__(self) -> None:
        self._stock = b""
        self._at = _BLOCK
        self._wide: list[int] = []  # numbers cut beforehand: every question to an upstream takes one

    def bits(self, size: int) -> int:
        """Return a number of at least `size` unpredictable bytes; for what most questions need it is at hand."""
        if size > _WIDE:
            return self.number(size)
        if not self._wide:
            stock = os.urandom(_BLOCK - _BLOCK % _WIDE)
            self._wide = [_from_bytes(stock[at : at + _WIDE], "big") for at in range(0, len(stock), _WIDE)]
        return self._wide.pop()

    def number(self, size: int) -> int:
        """Return a number of `size` bytes (at most 4096), each value as likely as any other."""
        at = self._at
        end = at + size
        if end > _BLOCK or not self._stock:
            self._stock = os.urandom(_BLOCK)
            at, end = 0, size
        self._at = end
        return int.from_bytes(self._stock[at:end], "big")
