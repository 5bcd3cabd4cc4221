"""All upstreams of a room: which servers a name is put to, and how they are.

Names under a domain with servers of its own (the school's own domain) go to those servers and to nobody else;
every other name goes to the general ones. The longest domain wins. No name is ever put to a server that the
settings do not give for it.

`Upstreams` belongs to the event loop in which it was started; `ask` costs no task, future or timer.
"""

import asyncio
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence

import msgspec

from dns.errors import MalformedMessage
from dns.forward.connected_batch import Burst
from dns.forward.entropy import Chance
from dns.forward.health import Health, State
from dns.forward.pool import RETRY_SECONDS, Rota
from dns.forward.server import Address, Server, is_address
from dns.forward.stream import StreamServer
from dns.forward.udp import UdpServer
from dns.message.names import parents
from dns.message.scanner import skim
from dns.message.wire import OPT_BYTES, A, ask_for


class Forward(msgspec.Struct, frozen=True):
    """A domain, with its subdomains, that has servers of its own."""

    domain: str  # canonical
    servers: tuple[Address, ...]


class Upstreams:
    """Puts questions to the servers that the settings give for their names."""

    def __init__(
        self,
        servers: Sequence[Address],
        forwards: Sequence[Forward] = (),
        *,
        trust: Callable[[], ssl.SSLContext] = ssl.create_default_context,
        now: Callable[[], float] = time.time,
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        self._addresses = tuple(servers)
        self._forwards = tuple(forwards)
        self._trust = trust
        self._context: ssl.SSLContext | None = None
        self._now = now
        self._retry_seconds = retry_seconds
        self._burst = Burst()
        self._general: Rota | None = None
        self._special: dict[str, Rota] = {}
        self._bootstrap: Rota | None = None  # finds servers that are given by name

    async def start(self) -> None:
        """Make ready to ask, in the running event loop. Nothing is sent yet."""
        chance = Chance()
        self._general = self._rota(self._addresses, chance)
        plain = [address for address in self._addresses if address.transport == "plain"]
        if plain and any(not is_address(address.host) for address in self._all_addresses()):
            self._bootstrap = self._rota(plain, chance)
        self._special = {forward.domain: self._rota(forward.servers, chance) for forward in self._forwards}

    async def close(self) -> None:
        """Let go of every socket; questions under way are answered with None."""
        rotas = [rota for rota in (*self._special.values(), self._general, self._bootstrap) if rota is not None]
        self._general, self._special, self._bootstrap = None, {}, None
        for rota in rotas:
            await rota.close()

    def ask(self, query: bytes, end: int, name: str, done: Callable[[bytes | None], None]) -> None:
        """Put the one question of a message to an upstream.

        It ends at offset `end` of `query`; `name` is its name in canonical form. `done` is called once, now or
        later on the loop: with a whole answer to that question, or with None where no server answered. The
        answer's id, and the case of the letters in its question, are as they were sent.
        """
        rota = self._general
        if self._special:
            for parent in parents(name):
                if parent in self._special:
                    rota = self._special[parent]
                    break
        if rota is None:
            done(None)
        else:
            rota.ask(query, end, done)

    def states(self) -> tuple[State, ...]:
        """Return how every server is, the general ones first."""
        rotas = [*([self._general] if self._general else []), *self._special.values()]
        return tuple(state for rota in rotas for state in rota.states())

    def down_since(self) -> float | None:
        """Return since when every general server has been down (Unix seconds), or None: one of them is well."""
        if self._general is None:
            return None
        times = [state.down_since for state in self._general.states()]
        known = [since for since in times if since is not None]
        return max(known) if known and len(known) == len(times) else None

    def _all_addresses(self) -> Iterator[Address]:
        yield from self._addresses
        for forward in self._forwards:
            yield from forward.servers

    def _rota(self, addresses: Sequence[Address], chance: Chance) -> Rota:
        rota = Rota(chance, self._retry_seconds)
        rota.staff([self._server(address, rota, chance) for address in addresses])
        return rota

    def _server(self, address: Address, rota: Rota, chance: Chance) -> Server:
        health = Health(self._now)
        if address.transport == "plain":
            return UdpServer(address, rota, chance, self._burst, health)
        if self._context is None:
            self._context = self._trust()
            self._context.minimum_version = ssl.TLSVersion.TLSv1_2
        if address.transport == "tls":
            return StreamServer(address, rota, chance, health, self._context)
        # Only who asks over HTTPS pays for its library: half the memory of a small resolver.
        from dns.forward.https import HttpsServer  # noqa: PLC0415 (see the line above)

        return HttpsServer(address, rota, health, self._context, self._find)

    async def _find(self, name: str) -> Sequence[str]:
        """Return the addresses of an upstream that is given by name, asked of the plain upstreams."""
        if self._bootstrap is None:
            return ()
        found: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()

        def done(answer: bytes | None) -> None:
            if not found.done():
                found.set_result(answer)

        query = ask_for(name, A)
        self._bootstrap.ask(query, len(query) - OPT_BYTES, done)
        answer = await found
        try:
            records = skim(answer).answer if answer is not None else []
        except MalformedMessage:
            return ()
        data = [answer[record.data_at :][:4] for record in records if record.rtype == A] if answer else []
        return [socket.inet_ntop(socket.AF_INET, one) for one in data if len(one) == 4]
