"""What is asked in the DNS benchmark, and how: files of names, put to a server by dnsperf."""

import random
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec

from tests.bench.machine import Watch
from tests.bench.servers import Server

CACHED_NAMES = 10_000
REFUSED_NAMES = 10_000

_LOST = re.compile(r"Queries lost:\s+(\d+)")
_COMPLETED = re.compile(r"Queries completed:\s+(\d+)")
_RATE = re.compile(r"Queries per second:\s+([\d.]+)")


class Run(msgspec.Struct, frozen=True):
    """One run of dnsperf against one server."""

    rate: float  # queries a second
    lost: int
    cpu: float  # microseconds a query
    beside: float  # of the recorder, until it has written all of them, microseconds a query
    stolen: float  # share of a processor that the host took
    others: float  # share of a processor that went to what is none of ours

    @property
    def whole(self) -> float:
        """Return what the server and its recorder take together, microseconds a query."""
        return self.cpu + self.beside


def missing() -> list[str]:
    """Return the programs that putting a load needs and that are not there."""
    return [name for name in ("dnsperf",) if shutil.which(name) is None]


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
    """Ask as fast as the server answers, with 100 questions under way, then wait for what runs beside it."""
    cpu, beside = server.cpu_seconds(), server.beside_seconds()
    with Watch() as watch:
        said = _dnsperf(server.port, data, "-l", str(seconds), "-q", "100")
        spent = server.cpu_seconds() - cpu
    server.settle()
    completed = int(_found(_COMPLETED, said)) or 1
    return Run(
        rate=float(_found(_RATE, said)),
        lost=int(_found(_LOST, said)),
        cpu=spent / completed * 1e6,
        beside=(server.beside_seconds() - beside) / completed * 1e6,
        stolen=watch.stolen / watch.elapsed,
        others=watch.others / watch.elapsed,
    )


def _dnsperf(port: int, data: Path, *more: str) -> str:
    command = ["dnsperf", "-s", "127.0.0.1", "-p", str(port), "-d", str(data), *more]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout


def _found(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text)
    return match[1] if match else "0"
