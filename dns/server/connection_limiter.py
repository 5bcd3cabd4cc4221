"""How many connections there may be, of one device and of all, whichever listener accepted them.

A connection is evicted that never asked anything, or else the one that has been quiet the longest: at the limit of
all from among all, so who only holds some open keeps nobody out; at a device's share (RFC 7766, 6.2.2) from
among its own, so that its new question is answered. Where questions are under way on all of its own, the new one
is rejected.
"""

import asyncio
from collections import Counter
from collections.abc import Callable

import msgspec


class ConnectionLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How much of itself a listener gives away."""

    max_connections: int = 1000
    max_connections_per_client: int = 50
    idle_seconds: float = 10.0
    handshake_seconds: float = 5.0
    max_queries_in_flight: int = 100  # per connection; more are read only when some have been answered
    max_unread_bytes: int = 256 * 1024  # answers that a device does not take; then the connection is aborted


class ClientConnection(asyncio.Protocol):
    """One connection, as far as listener and limiter are concerned."""

    def __init__(self, address: str, now: float) -> None:
        self.address = address
        self.last_active = now
        self.has_queried = False
        self.transport: asyncio.Transport | None = None
        self.on_lost: Callable[[], None] = _ignore_loss

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        if isinstance(transport, asyncio.Transport):
            self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (asyncio's signature)
        """Make its place free."""
        self.transport = None
        self.on_lost()

    def note_query(self, now: float) -> None:
        """Note a whole question."""
        self.last_active = now
        self.has_queried = True

    @property
    def is_busy(self) -> bool:
        """Whether a question is under way, or a part of one has come."""
        return self.is_answering

    @property
    def is_answering(self) -> bool:
        """Whether a question is under way."""
        return False

    def send_goaway(self) -> None:
        """Tell the peer, where the protocol has words for it, to ask nothing more on this connection."""

    def drain(self) -> None:
        """Take no more questions, and close as soon as those under way are answered."""
        self.close()

    def close(self) -> None:
        """Close in good order, after what is still to be sent."""
        if self.transport is not None:
            self.transport.close()

    def abort(self) -> None:
        """Close at once, whatever was still to be sent."""
        if self.transport is not None:
            self.transport.abort()


class ConnectionLimiter:
    """Every open connection, whichever listener accepted it."""

    def __init__(self, limits: ConnectionLimits) -> None:
        self._limits = limits
        self._connections: dict[ClientConnection, Callable[[ClientConnection], None]] = {}
        self._per_client: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._connections)

    def may_accept(self, address: str) -> bool:
        """Tell whether a device may have one more connection; at a limit, another is evicted for it."""
        if self._per_client[address] >= self._limits.max_connections_per_client:
            return self._evict_own(address)
        if len(self._connections) >= self._limits.max_connections:
            self.evict_quietest()
        return True

    def add_connection(self, connection: ClientConnection, evict: Callable[[ClientConnection], None]) -> None:
        """Count a connection in. `evict` ends it at once."""
        self._connections[connection] = evict
        self._per_client[connection.address] += 1

    def remove_connection(self, connection: ClientConnection) -> None:
        """Count a connection out; called once for each that entered."""
        self._connections.pop(connection, None)
        self._per_client[connection.address] -= 1
        if self._per_client[connection.address] <= 0:
            del self._per_client[connection.address]

    def evict_quietest(self) -> None:
        """Evict the connection that matters least."""
        self._evict(min(self._connections, key=_quietness))

    def _evict_own(self, address: str) -> bool:
        """Evict the connection of a device that matters least; False where a question is under way on each."""
        own = [one for one in self._connections if one.address == address and not one.is_answering]
        if not own:
            return False
        self._evict(min(own, key=_quietness))
        return True

    def _evict(self, connection: ClientConnection) -> None:
        self._connections.pop(connection)(connection)


def _quietness(connection: ClientConnection) -> tuple[bool, float]:
    return connection.has_queried, connection.last_active


def _ignore_loss() -> None:
    """Do nothing: nobody waits for this connection to end yet."""
