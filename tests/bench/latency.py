"""How long answers take at half the rate at which servers saturate: the latency of the DNS benchmark.

The client has a core for itself, as a room's devices do: it never sleeps, and a server that the scheduler put
behind it would wait out its slice of some milliseconds.

The slowest hundredth of three seconds is thirty milliseconds. A virtual machine whose host takes the processor
away for that long measures its neighbours: such rounds are put aside, for all servers, and others made.
"""

import os
import select
import socket
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import msgspec

from dns.message.constants import RecordType
from dns.message.edns import OPT_BYTES
from dns.message.query import build_query
from tests.bench import load
from tests.bench.machine import stolen_seconds
from tests.bench.servers import Server

SECONDS = 3.0
STOLEN_SECONDS = 0.01  # in a round, of all processors together; a machine of one's own has none
ROUNDS_ASIDE = 3  # for each that is wanted, at most

_NAMES = 1000


class Latency(msgspec.Struct, frozen=True):
    """What one round said of one server, in microseconds."""

    median: float
    p99: float
    late: float  # how late the client itself was, its slowest hundredth
    lost: int


class Rounds(msgspec.Struct, frozen=True):
    """The rounds that count, each with what it said of each server, and how many were put aside."""

    rate: float
    kept: list[dict[str, Latency]]
    aside: int
    restless: bool  # so many were put aside that others had to be taken as they came


def measure(servers: Sequence[Server], rate: float, rounds: int) -> Rounds:
    """Ask each server in turn at a steady rate."""
    kept: list[dict[str, Latency]] = []
    wanted = 2 * rounds + 1  # a hundredth is made by few stalls: one round says little
    aside = 0
    with cores_apart(servers):
        while len(kept) < wanted:
            said, stolen = {}, 0.0
            for server in servers if (len(kept) + aside) % 2 else reversed(servers):
                before = stolen_seconds()
                said[server.name] = ask(server, rate)
                stolen = max(stolen, stolen_seconds() - before)
                server.settle()
            if stolen > STOLEN_SECONDS and aside < ROUNDS_ASIDE * wanted:
                aside += 1
            else:
                kept.append(said)
    return Rounds(rate=rate, kept=kept, aside=aside, restless=aside == ROUNDS_ASIDE * wanted)


def ask(server: Server, rate: float, seconds: float = SECONDS, *, sleeps: bool = False) -> Latency:
    """Ask cached names at a steady rate; tell how long answers took.

    `sleeps`: it does so between two packets, for whoever is woken at once (SCHED_FIFO).

    Questions leave at their time whether or not earlier ones were answered, and the time counts from when they
    should have left: a server that stalls is not excused for what could not be asked meanwhile.
    """
    # Without EDNS, as dnsperf asks: then these are the very questions that the servers are warm for.
    asked = [build_query(name, RecordType.A) for name in load.cached_names()[:_NAMES]]
    names = [one[2:10] + b"\0\0" + one[12:-OPT_BYTES] for one in asked]
    count = int(rate * seconds)
    due: list[float] = [0.0] * 0x10000
    taken: list[float] = []
    late: list[float] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
        sock.connect(("127.0.0.1", server.port))
        sock.setblocking(False)
        send, receive, clock = sock.send, sock.recv, time.perf_counter
        begun = clock() + 0.01
        leaves, step, sent = begun, 1 / rate, 0
        while len(taken) < count:
            now = clock()
            if leaves <= now and sent < count:
                number = sent & 0xFFFF
                due[number] = leaves
                send(number.to_bytes(2, "big") + names[sent % _NAMES])
                late.append(now - leaves)
                sent += 1
                leaves = begun + sent * step
            try:
                data = receive(2048)
            except BlockingIOError:
                if now > begun + seconds + 2:
                    break
                if sleeps:
                    select.select([sock], (), (), max(leaves - clock(), 0.0) if sent < count else 0.1)
                continue
            number = int.from_bytes(data[:2], "big")
            if due[number]:
                taken.append(clock() - due[number])
                due[number] = 0.0
    taken.sort()
    late.sort()
    if not taken:
        return Latency(median=float("inf"), p99=float("inf"), late=0.0, lost=count)
    return Latency(
        median=taken[len(taken) // 2] * 1e6,
        p99=taken[int(len(taken) * 0.99)] * 1e6,
        late=late[int(len(late) * 0.99)] * 1e6,
        lost=count - len(taken),
    )


def describe(rounds: Rounds, bar: float) -> Iterator[str]:
    """Yield the lines that say what came out, for a console."""
    if rounds.aside:
        yield (
            f"{rounds.aside} rounds were put aside: the host took more than {STOLEN_SECONDS * 1000:.0f} ms of the "
            "processors' time"
        )
    if rounds.restless:
        yield "[bold]the host did so again and again: do not believe what follows"
    for name in sorted(rounds.kept[0]):
        said = [one[name] for one in rounds.kept]
        middle = {
            field: statistics.median(getattr(one, field) for one in said) for field in ("median", "p99", "late")
        }
        yield (
            f"latency at {rounds.rate:,.0f}/s, {name}: median {middle['median']:.0f} µs, "
            f"p99 {middle['p99']:.0f} µs, lost {sum(one.lost for one in said)} "
            f"(of it the client's own lateness: p99 {middle['late']:.0f} µs)"
        )
    ratios = sorted(one["hallpass"].p99 / one["unbound"].p99 for one in rounds.kept)
    ratio = statistics.median(ratios)
    yield (
        f"p99 Hallpass ÷ Unbound: {ratio:.2f} (bar ≤ {bar:.2f} {'met' if ratio <= bar else 'MISSED'}; of the "
        f"rounds: {', '.join(f'{one:.2f}' for one in ratios)})"
    )


@contextmanager
def cores_apart(servers: Sequence[Server]) -> Iterator[set[int]]:
    """Keep this process on one core and the servers on the others, which are given."""
    cores = os.sched_getaffinity(0)
    mine, theirs = ({min(cores)}, cores - {min(cores)}) if len(cores) > 1 else (cores, cores)
    for server in servers:
        server.keep_to(theirs)
    os.sched_setaffinity(0, mine)
    try:
        yield theirs
    finally:
        os.sched_setaffinity(0, cores)
        for server in servers:
            server.keep_to(cores)
