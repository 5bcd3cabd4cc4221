"""What our own code costs for a forwarded miss, the kernel left out: `python -m tests.bench.miss`.

Questions go along the real chain with a real policy and a real index, to a real upstream's port, whose datagrams
are answered in this process; records of all answers are packed. Times are of this process's CPU. Two kinds of
names: children of one parent (`a1.run.example`, as content networks make them), and names that each have a parent
of their own.
"""

import argparse
import asyncio
import gc
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from appliance.settings.values import UpstreamSetting
from blocklists.index import open_index
from dns.cache import MessageCache
from dns.forward.udp import UdpServer
from dns.forward.upstreams import Upstreams
from dns.message.constants import RecordType
from dns.message.edns import OPT_BYTES
from dns.message.query import build_query
from dns.policy.compiled_policy import CompiledPolicy
from dns.policy.document import Group, PolicyDocument, Profile
from dns.querylog.sender import QueryLogSender
from dns.resolver import Resolver
from dns.resolver_config import ResolverConfig
from tests.bench.answerer import answer
from tests.bench.dns import build_index

QUESTIONS = 40_000
TOGETHER = 64  # questions that arrive at once
TICK_EVERY = 4096
_DEVICE = b"\x7f\0\0\1"


class Answering:
    """A `dns.forward.connected_batch.ConnectedDatagrams` without the kernel.

    What is sent is answered at once, and waits to be received.
    """

    def __init__(self) -> None:
        self.sent: dict[socket.socket, list[bytes]] = {}

    def send(self, sock: socket.socket, datagrams: Sequence[bytes]) -> None:
        self.sent.setdefault(sock, []).extend(datagrams)

    def receive(self, sock: socket.socket) -> list[bytes]:
        return self.sent.pop(sock, [])


def children(run: int) -> Iterator[str]:
    for number in range(QUESTIONS):
        yield f"n{number:x}.run{run}.example.net"


def strangers(run: int) -> Iterator[str]:
    for number in range(QUESTIONS):
        yield f"www.n{number:x}-{run}.example"


def packets(names: Iterator[str]) -> list[bytes]:
    """Return the questions as dnsperf asks them: without EDNS."""
    made = []
    for number, name in enumerate(names):
        query = build_query(name, RecordType.A)
        made.append((number & 0xFFFF).to_bytes(2, "big") + query[2:10] + b"\0\0" + query[12:-OPT_BYTES])
    return made


class Bench:
    """A resolver with everything but the kernel."""

    def __init__(self, index: Path, silent: socket.socket) -> None:
        host, port = silent.getsockname()
        self.upstreams = Upstreams([UpstreamSetting("plain", host, port)])
        profile = Profile(name="pupils", closed=("gambling",), safe_search=True)
        document = PolicyDocument(
            version=1,
            groups=(Group(name="pupils", profile="pupils"),),
            default_group="pupils",
            profiles=(profile,),
        )
        self.query_log = QueryLogSender(None)
        self.resolver = Resolver(
            ResolverConfig(
                policy=CompiledPolicy(document, open_index(index)),
                upstream=self.upstreams,
                query_log=self.query_log,
                cache=MessageCache(),
                clock=time.time,
                networks=("127.0.0.0/8",),
            )
        )
        self.answering = Answering()

    async def start(self) -> None:
        await self.upstreams.start()
        rota = self.upstreams._default_pool
        assert rota is not None
        (self.server,) = rota._servers
        assert isinstance(self.server, UdpServer)
        self.server.batch = self.answering  # the kernel is left out

    async def run(self, asked: list[bytes]) -> float:
        """Return the CPU seconds that our code took for all of them."""
        resolver, server = self.resolver, self.server
        assert isinstance(server, UdpServer)
        client = resolver.clients.lookup_client(_DEVICE)
        replies: list[bytes] = []
        spent = 0.0
        for at in range(0, len(asked), TOGETHER):
            begun = time.process_time()
            now = time.time()
            for packet in asked[at : at + TOGETHER]:
                resolver.handle_query(packet, client, replies.append, "udp", now)
            server._send_outbox()
            spent += time.process_time() - begun
            for sock, sent in self.answering.sent.items():
                self.answering.sent[sock] = [answer(datagram) for datagram in sent]
            begun = time.process_time()
            for port in (*server._sockets, *server._draining):
                if port._socket in self.answering.sent:
                    port._receive_answers()
            if at % TICK_EVERY == 0:
                resolver.tick(now, 0.05)
            spent += time.process_time() - begun
            for number in list(self.query_log.delivery.unconfirmed):
                self.query_log.delivery.confirm_batch(number)
            await asyncio.sleep(0)  # let the loop take what `call_soon` was given
        assert len(replies) == len(asked)
        return spent


async def measure(index: Path, rounds: int) -> None:
    kinds: dict[str, Callable[[int], Iterator[str]]] = {"children": children, "strangers": strangers}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        bench = Bench(index, silent)
        await bench.start()
        gc.collect()
        gc.freeze()
        gc.set_threshold(200_000, 10, 10)  # as `dns.worker` does
        for label, names in kinds.items():
            taken = [await bench.run(packets(names(run))) / QUESTIONS * 1e6 for run in range(rounds)]
            sys.stdout.write(f"{label}: {statistics.median(taken):.1f} µs a miss (best {min(taken):.1f})\n")
        await bench.upstreams.close()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.miss", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--names", type=int, default=100_000, help="listed")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(build_index(Path(folder), asked.names), asked.rounds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
