"""All upstreams of a room: which servers a name is put to, and how they are.

Names under a domain with servers of its own (the school's own domain) go to those servers and to nobody else;
every other name goes to the general ones. The longest domain wins. No name is ever put to a server that the
settings do not give for it.

`Upstreams` belongs to the event loop in which it was started; `resolve_query` costs no task, future or timer.
"""

import asyncio
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence

import msgspec

from dns.errors import MalformedMessage
from dns.forward.connected_batch import ConnectedDatagramBatch
from dns.forward.entropy import EntropyPool
from dns.forward.health import UpstreamHealth, UpstreamState
from dns.forward.pending_query import AnswerReceiver
from dns.forward.pool import RETRY_SECONDS, UpstreamPool
from dns.forward.server import UpstreamAddress, UpstreamServer, is_ip_address
from dns.forward.stream import StreamServer
from dns.forward.udp import UdpServer
from dns.message.constants import RecordType
from dns.message.edns import OPT_BYTES
from dns.message.names import parents
from dns.message.query import build_query
from dns.message.scanner import scan_message


class ForwardZone(msgspec.Struct, frozen=True):
    """A domain, with its subdomains, that has servers of its own."""

    domain: str  # canonical
    servers: tuple[UpstreamAddress, ...]


class Upstreams:
    """Puts questions to the servers that the settings give for their names."""

    def __init__(
        self,
        servers: Sequence[UpstreamAddress],
        forward_zones: Sequence[ForwardZone] = (),
        *,
        trust: Callable[[], ssl.SSLContext] = ssl.create_default_context,
        now: Callable[[], float] = time.time,
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        self._addresses = tuple(servers)
        self._forward_zones = tuple(forward_zones)
        self._trust = trust
        self._context: ssl.SSLContext | None = None
        self._now = now
        self._retry_seconds = retry_seconds
        self._batch = ConnectedDatagramBatch()
        self._default_pool: UpstreamPool | None = None
        self._zone_pools: dict[str, UpstreamPool] = {}
        self._bootstrap_pool: UpstreamPool | None = None  # finds servers that are given by name
        self.on_recovery: Callable[[], None] = lambda: None  # called when a server that was down is well again

    async def start(self) -> None:
        """Make ready to ask, in the running event loop. Nothing is sent yet."""
        entropy = EntropyPool()
        self._default_pool = self._make_pool(self._addresses, entropy)
        plain = [address for address in self._addresses if address.transport == "plain"]
        if plain and any(not is_ip_address(address.host) for address in self._all_addresses()):
            self._bootstrap_pool = self._make_pool(plain, entropy)
        self._zone_pools = {
            forward.domain: self._make_pool(forward.servers, entropy, forward.domain)
            for forward in self._forward_zones
        }

    async def close(self) -> None:
        """Let go of every socket; questions under way are answered with None."""
        pools = [
            pool
            for pool in (*self._zone_pools.values(), self._default_pool, self._bootstrap_pool)
            if pool is not None
        ]
        self._default_pool, self._zone_pools, self._bootstrap_pool = None, {}, None
        for pool in pools:
            await pool.close()

    def resolve_query(self, query: bytes, end: int, name: str, done: AnswerReceiver) -> None:
        """Put the one question of a message to an upstream.

        It ends at offset `end` of `query`; `name` is its name in canonical form. `done` is called now or later on
        the loop: with an answer to that question, or with None where no server answered. Where it returns False,
        because the answer is malformed, it is called again with another; after None perhaps once more, with an
        answer that came late. The answer's id, and the case of the letters in its question, are as they were sent.
        """
        pool = self._default_pool
        if self._zone_pools:
            for parent in parents(name):
                if parent in self._zone_pools:
                    pool = self._zone_pools[parent]
                    break
        if pool is None:
            done(None)
        else:
            pool.resolve_query(query, end, done)

    def states(self) -> tuple[UpstreamState, ...]:
        """Return how every server is, the general ones first."""
        pools = [*([self._default_pool] if self._default_pool else []), *self._zone_pools.values()]
        return tuple(state for pool in pools for state in pool.states())

    def down_since(self) -> float | None:
        """Return since when every general server has been down (Unix seconds), or None: one of them is well."""
        if self._default_pool is None:
            return None
        times = [state.down_since for state in self._default_pool.states()]
        known = [since for since in times if since is not None]
        return max(known) if known and len(known) == len(times) else None

    def _all_addresses(self) -> Iterator[UpstreamAddress]:
        yield from self._addresses
        for forward in self._forward_zones:
            yield from forward.servers

    def _make_pool(
        self, addresses: Sequence[UpstreamAddress], entropy: EntropyPool, zone: str = ""
    ) -> UpstreamPool:
        pool = UpstreamPool(entropy, self._retry_seconds, zone)
        pool.set_servers([self._make_server(address, pool, entropy) for address in addresses])
        return pool

    def _make_server(self, address: UpstreamAddress, pool: UpstreamPool, entropy: EntropyPool) -> UpstreamServer:
        health = UpstreamHealth(self._now, self._handle_recovery)
        if address.transport == "plain":
            return UdpServer(address, pool, entropy, self._batch, health)
        if address.transport == "tls":
            self._context = self._context or self._make_context()
            return StreamServer(address, pool, entropy, health, self._context)
        # Only who asks over HTTPS pays for its library.
        from dns.forward.https import HttpsServer  # noqa: PLC0415 (see the line above)

        return HttpsServer(address, pool, health, self._make_context(), self._lookup_addresses)

    def _make_context(self) -> ssl.SSLContext:
        context = self._trust()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context

    def _handle_recovery(self) -> None:
        self.on_recovery()

    async def _lookup_addresses(self, name: str) -> Sequence[str]:
        """Return the addresses of an upstream that is given by name, asked of the plain upstreams."""
        if self._bootstrap_pool is None:
            return ()
        found: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()

        def done(answer: bytes | None) -> None:
            if not found.done():
                found.set_result(answer)

        query = build_query(name, RecordType.A)
        self._bootstrap_pool.resolve_query(query, len(query) - OPT_BYTES, done)
        answer = await found
        try:
            records = scan_message(answer).answer if answer is not None else []
        except MalformedMessage:
            return ()
        data = (
            [answer[record.rdata_offset :][:4] for record in records if record.rtype == RecordType.A]
            if answer
            else []
        )
        return [socket.inet_ntop(socket.AF_INET, one) for one in data if len(one) == 4]
