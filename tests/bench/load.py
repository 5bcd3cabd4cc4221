"""What is asked in the DNS benchmark, and how: files of names, put to a server by dnsperf."""

import random
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from dns.message.constants import RecordType
from dns.message.edns import OPT_BYTES
from dns.message.query import build_query
from tests.bench.servers import Server

CACHED_NAMES = 10_000
REFUSED_NAMES = 10_000
LATENCY_SECONDS = 3.0

_LOST = re.compile(r"Queries lost:\s+(\d+)")
_COMPLETED = re.compile(r"Queries completed:\s+(\d+)")
_RATE = re.compile(r"Queries per second:\s+([\d.]+)")


class Run(msgspec.Struct, frozen=True):
    """One run of dnsperf against one server."""

    rate: float  # queries a second
    lost: int
    cpu: float  # microseconds a query
    beside: float  # of the recorder, microseconds a query


def cached_names() -> list[str]:
    """Return the names that are asked again and again."""
    return [f"host{number}.example.org" for number in range(CACHED_NAMES)]


def listed_name(number: int) -> str:
    """Return one of the names in the benchmark's list."""
    return f"bet{number:x}.casino{number % 977}.example.com"


def new_names(count: int, run: str) -> Iterator[str]:
    """Yield names that nobody has asked before."""
    for number in range(count):
        yield f"n{number:x}.{run}.example.net"


def write(path: Path, names: Iterator[str] | list[str]) -> Path:
    """Write a file for dnsperf."""
    path.write_text("".join(f"{name} A\n" for name in names))
    return path


def mixed_names(run: str, count: int) -> list[str]:
    """Return a classroom's trace: 85 % cached, 10 % refused, 5 % new."""
    chance = random.Random(run)
    cached = cached_names()
    fresh = new_names(count, run)
    trace = []
    for _ in range(count):
        kind = chance.random()
        if kind < 0.85:
            trace.append(chance.choice(cached))
        elif kind < 0.95:
            trace.append(listed_name(chance.randrange(REFUSED_NAMES)))
        else:
            trace.append(next(fresh))
    return trace


def warm(server: Server, data: Path) -> None:
    """Ask everything three times, gently: the first asks upstreams, from the second on it is popular."""
    _dnsperf(server.port, data, "-n", "3", "-q", "50")


def run(server: Server, data: Path, seconds: float) -> Run:
    """Ask as fast as the server answers, with 100 questions under way."""
    cpu, beside = server.cpu_seconds(), server.beside_seconds()
    said = _dnsperf(server.port, data, "-l", str(seconds), "-q", "100")
    completed = int(_found(_COMPLETED, said)) or 1
    return Run(
        rate=float(_found(_RATE, said)),
        lost=int(_found(_LOST, said)),
        cpu=(server.cpu_seconds() - cpu) / completed * 1e6,
        beside=(server.beside_seconds() - beside) / completed * 1e6,
    )


def latencies(server: Server, rate: float, seconds: float = LATENCY_SECONDS) -> list[float]:
    """Ask cached names at a steady rate; return how long each answer took, in microseconds, sorted.

    Questions leave at their time whether or not earlier ones were answered, and the time counts from when they
    should have left: a server that stalls is not excused for what could not be asked meanwhile.
    """
    # Without EDNS, as dnsperf asks: then these are the very questions that the servers are warm for.
    asked = [build_query(name, RecordType.A) for name in cached_names()[:1000]]
    names = [one[2:10] + b"\0\0" + one[12:-OPT_BYTES] for one in asked]
    taken = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
        sock.connect(("127.0.0.1", server.port))
        sock.setblocking(False)
        begun = time.perf_counter()
        count = int(rate * seconds)
        due: dict[int, float] = {}
        sent = 0
        while sent < count or due:
            now = time.perf_counter()
            while sent < count and begun + sent / rate <= now:
                due[sent & 0xFFFF] = begun + sent / rate
                sock.send((sent & 0xFFFF).to_bytes(2, "big") + names[sent % 1000])
                sent += 1
            try:
                data = sock.recv(2048)
            except BlockingIOError:
                if now > begun + seconds + 2:
                    break
                continue
            left = due.pop(int.from_bytes(data[:2], "big"), None)
            if left is not None:
                taken.append((time.perf_counter() - left) * 1e6)
    return sorted(taken)


def _dnsperf(port: int, data: Path, *more: str) -> str:
    command = ["dnsperf", "-s", "127.0.0.1", "-p", str(port), "-d", str(data), *more]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout


def _found(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text)
    return match[1] if match else "0"
