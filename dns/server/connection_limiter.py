"""Who is inside: connections, whichever door they came through, and how many of them there may be.

A device over its share is turned away (RFC 7766, section 6.2.2). When the house is full, a connection makes room
that never asked anything, or else the one that has been quiet the longest: who only holds some open keeps nobody
out.
"""

import asyncio
from collections import Counter
from collections.abc import Callable

import msgspec


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much of itself a listener gives away."""

    connections: int = 1000
    connections_per_device: int = 50
    idle_seconds: float = 10.0
    handshake_seconds: float = 5.0
    questions_in_flight: int = 100  # per connection; more are read only when some have been answered
    unread_bytes: int = 256 * 1024  # answers that a device does not take; then the connection is broken off


class Connection(asyncio.Protocol):
    """One connection, as far as the door is concerned."""

    def __init__(self, address: str, now: float) -> None:
        self.address = address
        self.last_use = now
        self.has_asked = False
        self.transport: asyncio.Transport | None = None
        self.on_lost: Callable[[], None] = _nothing

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        if isinstance(transport, asyncio.Transport):
            self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (asyncio's signature)
        """Give the place free."""
        self.transport = None
        self.on_lost()

    def asks(self, now: float) -> None:
        """Note a whole question."""
        self.last_use = now
        self.has_asked = True

    @property
    def is_busy(self) -> bool:
        """Whether a question is under way, or a part of one has come."""
        return False

    def say_goodbye(self) -> None:
        """Tell the peer, where the protocol has words for it, to ask nothing more on this connection."""

    def finish(self) -> None:
        """Take no more questions, and part as soon as those under way are answered."""
        self.part()

    def part(self) -> None:
        """Close in good order, after what is still to be sent."""
        if self.transport is not None:
            self.transport.close()

    def break_off(self) -> None:
        """Close at once, whatever was still to be sent."""
        if self.transport is not None:
            self.transport.abort()


class House:
    """Everybody who is inside, through whichever door."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._inside: dict[Connection, Callable[[Connection], None]] = {}
        self._per_device: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._inside)

    def has_place_for(self, address: str) -> bool:
        """Tell whether a device may have one more connection; where the house is full, one makes room."""
        if self._per_device[address] >= self._limits.connections_per_device:
            return False
        if len(self._inside) >= self._limits.connections:
            self.make_room()
        return True

    def enter(self, connection: Connection, turn_out: Callable[[Connection], None]) -> None:
        """Count a connection in. `turn_out` ends it at once."""
        self._inside[connection] = turn_out
        self._per_device[connection.address] += 1

    def leave(self, connection: Connection) -> None:
        """Count a connection out; called once for each that entered."""
        self._inside.pop(connection, None)
        self._per_device[connection.address] -= 1
        if self._per_device[connection.address] <= 0:
            del self._per_device[connection.address]

    def make_room(self) -> None:
        """Turn somebody out."""
        quietest = min(self._inside, key=lambda connection: (connection.has_asked, connection.last_use))
        self._inside.pop(quietest)(quietest)


def _nothing() -> None:
    """Do nothing: nobody waits for this connection to end yet."""
