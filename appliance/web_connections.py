"""Which connections a web server holds, and which of them gives way to a newcomer.

Whoever only holds a connection open keeps nobody out: past its share, or past what there is, the one evicted is

1. the oldest whose request should long have been here (it has had two seconds),
2. else the one that has been idle the longest: its client opens another without a word,
3. else the oldest whose request is still on its way,
4. else the one that has been taking its answer for the longest, where that is over ten seconds.

A request that is worked on and a stream are never evicted; where there is nothing else, the newcomer is refused.
Streams are counted apart, because only who has signed in has any. Pure bookkeeping: it closes nothing by itself.
"""

import ipaddress
from collections import Counter, OrderedDict
from collections.abc import Callable
from enum import IntEnum
from typing import Protocol

from appliance.web_server import WebLimits

OVERDUE_SECONDS = 2.0
SLOW_SECONDS = 10.0


class Phase(IntEnum):
    """What a connection is doing."""

    RECEIVING = 0  # its handshake or its request is on the way
    IDLE = 1  # between two requests
    SERVING = 2
    SENDING = 3  # an answer, as fast as the client takes it
    STREAMING = 4


class Evictable(Protocol):
    """A connection, as far as this table is concerned."""

    def evict(self, *, reset: bool) -> None:
        """Close at once; with a reset, so that the machine keeps nothing of it."""


class _Entry:
    __slots__ = ("address", "connection", "phase", "since", "stream_of")

    def __init__(self, connection: Evictable, address: str, now: float) -> None:
        self.connection = connection
        self.address = address
        self.phase = Phase.RECEIVING
        self.since = now
        self.stream_of = ""  # whose stream it is, where it is one


class _Group:
    """Connections by what they do, in the order in which they began it."""

    def __init__(self) -> None:
        self.phases: tuple[OrderedDict[_Entry, None], ...] = tuple(OrderedDict() for _ in Phase)

    def count(self) -> int:
        return sum(len(entries) for entries in self.phases)

    def count_without_streams(self) -> int:
        return self.count() - len(self.phases[Phase.STREAMING])

    def add(self, entry: _Entry) -> None:
        self.phases[entry.phase][entry] = None

    def remove(self, entry: _Entry) -> None:
        self.phases[entry.phase].pop(entry, None)

    def find_least(self, now: float) -> _Entry | None:
        """Return the one that gives way first."""
        receiving = next(iter(self.phases[Phase.RECEIVING]), None)
        if receiving is not None and now - receiving.since >= OVERDUE_SECONDS:
            return receiving
        sending = next(iter(self.phases[Phase.SENDING]), None)
        if sending is not None and now - sending.since < SLOW_SECONDS:
            sending = None
        return next(iter(self.phases[Phase.IDLE]), receiving or sending)


class ConnectionTable:
    """Every open connection, by address; streams by client. A trusted proxy has no limit of its own."""

    def __init__(self, limits: WebLimits, now: Callable[[], float]) -> None:
        self._limits = limits
        self._now = now
        self._proxies = tuple(ipaddress.ip_network(network) for network in limits.trusted_proxies)
        self._entries: dict[Evictable, _Entry] = {}
        self._all = _Group()
        self._by_address: dict[str, _Group] = {}
        self._streams = Counter[str]()  # by client, also behind a proxy

    def __len__(self) -> int:
        return len(self._entries)

    def is_trusted_proxy(self, address: str) -> bool:
        """Tell whether what an address says of whom it speaks for is believed."""
        if not self._proxies or not _is_address(address):
            return False
        parsed = ipaddress.ip_address(address)
        return any(parsed in network for network in self._proxies)

    def resolve_client(self, peer: str, said: str) -> str:
        """Return whom a connection serves: what trusted proxies say in `X-Forwarded-For`, read from its end."""
        client = peer
        for hop in reversed(said.split(",")):
            if not self.is_trusted_proxy(client):
                break
            address = hop.strip()
            if not _is_address(address):
                break
            client = address
        return client

    def admit(self, connection: Evictable, address: str) -> bool:
        """Count a newcomer in, after others gave way for it where they had to; False: there is no room for it."""
        now = self._now()
        share = self._by_address.get(address)
        limit = self._limits.max_connections_per_address
        if share is not None and share.count_without_streams() >= limit and not self.is_trusted_proxy(address):
            self._evict_least(share, now)
            if share.count_without_streams() >= limit:
                return False
        if self._all.count() >= self._limits.max_connections:
            self._evict_least(self._all, now)
            if self._all.count() >= self._limits.max_connections:
                return False
        entry = self._entries[connection] = _Entry(connection, address, now)
        self._all.add(entry)
        self._by_address.setdefault(address, _Group()).add(entry)
        return True

    def enter(self, connection: Evictable, phase: Phase, client: str = "") -> bool:
        """Note what a connection does now. `client`: whom it serves, where a stream begins; "": its own address.

        False: it was evicted, or the client has as many streams as it may. A proxy that does not say for whom it
        asks has no limit.
        """
        entry = self._entries.get(connection)
        if entry is None or (phase is Phase.STREAMING and not self._begin_stream(entry, client or entry.address)):
            return False
        groups = (self._all, self._by_address[entry.address])
        for group in groups:
            group.remove(entry)
        entry.phase, entry.since = phase, self._now()
        for group in groups:
            group.add(entry)
        return True

    def _begin_stream(self, entry: _Entry, client: str) -> bool:
        is_full = self._streams[client] >= self._limits.max_streams_per_address
        if is_full and not self.is_trusted_proxy(client):
            return False
        entry.stream_of = client
        self._streams[client] += 1
        return True

    def remove(self, connection: Evictable) -> None:
        """Count a connection out; one that is out already may go again."""
        entry = self._entries.pop(connection, None)
        if entry is None:
            return
        share = self._by_address[entry.address]
        for group in (self._all, share):
            group.remove(entry)
        if not share.count():
            del self._by_address[entry.address]
        if entry.stream_of:
            self._streams[entry.stream_of] -= 1
            if not self._streams[entry.stream_of]:
                del self._streams[entry.stream_of]

    def evict_least(self) -> None:
        """Let one give way, because the machine has no room for more."""
        self._evict_least(self._all, self._now())

    def evict_unanswered(self) -> None:
        """Let all go that no answer is under way for, streams included: the server stops."""
        answered = (Phase.SERVING, Phase.SENDING)
        for entry in [entry for entry in self._entries.values() if entry.phase not in answered]:
            self.remove(entry.connection)
            entry.connection.evict(reset=False)

    def _evict_least(self, group: _Group, now: float) -> None:
        entry = group.find_least(now)
        if entry is not None:
            self.remove(entry.connection)
            entry.connection.evict(reset=entry.phase is not Phase.IDLE)


def client_address(peer: tuple[str, int] | tuple[str, int, int, int]) -> str:
    """Return an address as it is counted: IPv4 as such, also where an IPv6 socket accepted it."""
    return peer[0].removeprefix("::ffff:") if "." in peer[0] else peer[0]


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
