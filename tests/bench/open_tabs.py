"""What ten open pages of a room cost its devices: how long answers take with them and without, in turn.

    python -m tests.bench.open_tabs [--rows 1000000] [--pairs 5] [--tabs 10] [--all-processors]

A real central and room, a log of a million rows, a teacher's page of Today open ten times: each follows the room's
events and fetches what has changed, as its script does, while one name a second is refused. Names that are
remembered are asked at a steady rate meanwhile. The bar: the slowest hundredth at most 1.1 times as slow as
without the pages (median of the pairs), in which they are open and closed in turn. Said besides: what the pages'
process and the agent worked for them, in thousandths of a processor.

Who asks has a processor alone: on a machine with two the room, which may have four on a board, is left with one.
With `--all-processors` the room has all of them, and who asks takes a twentieth of one: it sleeps between its
packets, and is woken before everybody else (SCHED_FIFO).

What the pages' browsers do is a process of the same machine, beside the room's own on the same processors, where
it takes what is left over (SCHED_IDLE): browsers have machines of their own. Rounds from which the host took
processor time are put aside, as in the benchmark of DNS. On a machine that has more to do than it can the pages do
not step aside, and the benchmark says that.
"""

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from tests.bench import load
from tests.bench.latency import ROUNDS_ASIDE, STOLEN_SECONDS, Latency, ask, cores_apart
from tests.bench.log_page import write_rows
from tests.bench.machine import stolen_seconds
from tests.bench.servers import Server, cpu_seconds, family
from tests.e2e.browser import Browser
from tests.e2e.school import Room, School, until

TABS = 10
RATE = 2000  # questions a second: several times what a busy classroom asks
SECONDS = 5.0
BAR = 1.1
LOOK_SECONDS = 2.0  # between two looks of one page, as webui/shared/static/refresh.js has it
REFUSED = "coolmathgames.com"
_LIMITS = httpx.Limits(max_connections=4 * TABS)


def main() -> int:
    """Measure, and say what came out."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.open_tabs", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the room's log (1,000,000)")
    parser.add_argument("--pairs", type=int, default=5, help="rounds with and without open pages (5)")
    parser.add_argument("--tabs", type=int, default=TABS, help="open pages (10)")
    parser.add_argument("--all-processors", action="store_true", help="for the room")
    parser.add_argument("--keep-open", help=argparse.SUPPRESS)  # the pages' own process: where, and who looks
    arguments = parser.parse_args()
    if arguments.keep_open:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        asyncio.run(_keep_open(**json.loads(arguments.keep_open)))
        return 0
    with School() as school:
        room = school.room("Room 4")
        room.wait_until_answering()
        room.process.stop()
        write_rows(room.folder / "data" / "log.db", arguments.rows)
        room.process.start()
        room.wait_until_answering()
        until("the room to follow central", lambda: room.dig.addresses(REFUSED) == ["0.0.0.0"], 60)
        teacher = Browser(room.url).sign_in("tess", school.account("tess", "teacher"))
        cookies = dict(teacher.client.cookies)
        server = Server("hallpass", room.dns_port, [room.process._process])
        _remember_names(room)
        pages = OpenPages(room.url, cookies, arguments.tabs)
        until("the pages to step aside: less load than processors", lambda: _steps_aside(room), 120)
        ratios = [
            _measure_pair(server, room, pages, number, has_all=arguments.all_processors)
            for number in range(arguments.pairs)
        ]
    ratio = statistics.median(ratios)
    sys.stdout.write(
        f"p99 with {arguments.tabs} open pages / without: {ratio:.2f} ({'met' if ratio <= BAR else 'MISSED'})\n"
    )
    return 0


def _measure_pair(server: Server, room: Room, pages: "OpenPages", number: int, *, has_all: bool) -> float:
    """Return how many times as slow the slowest hundredth is with open pages; which comes first changes."""
    taken: dict[bool, Latency] = {}
    worked: dict[bool, dict[str, float]] = {}
    for is_open in (True, False) if number % 2 else (False, True):
        server.settle()
        with contextlib.ExitStack() as beside:
            processes = [beside.enter_context(_refusals(room))]
            if is_open:
                processes.append(beside.enter_context(pages.keep_open()))
            theirs = beside.enter_context(_asked_first() if has_all else cores_apart([server]))
            for process in processes:
                os.sched_setaffinity(process.pid, theirs)
            before, begun = _work(room), time.monotonic()
            taken[is_open] = _ask_undisturbed(server, sleeps=has_all)
            elapsed = time.monotonic() - begun
            worked[is_open] = {name: (seconds - before[name]) / elapsed for name, seconds in _work(room).items()}
    for is_open, one in sorted(taken.items()):
        work = ", ".join(f"{name} {part * 1000:.0f}" for name, part in worked[is_open].items())
        sys.stdout.write(
            f"{'with' if is_open else 'without'}: median {one.median:.0f} us, p99 {one.p99:.0f} us, "
            f"lost {one.lost} (the client's own lateness: p99 {one.late:.0f} us); work: {work} thousandths\n"
        )
    sys.stdout.flush()
    return taken[True].p99 / taken[False].p99


@contextlib.contextmanager
def _asked_first() -> Iterator[set[int]]:
    """Have this process woken before everybody else; yield the processors, which are everybody's."""
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    try:
        yield os.sched_getaffinity(0)
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def _ask_undisturbed(server: Server, *, sleeps: bool) -> Latency:
    """Ask again while the host takes processor time away meanwhile, at most three times."""
    for _ in range(ROUNDS_ASIDE):
        before = stolen_seconds()
        found = ask(server, RATE, SECONDS, sleeps=sleeps)
        if stolen_seconds() - before <= STOLEN_SECONDS:
            break
    return found


def _processes(room: Room) -> dict[str, int]:
    """Return the number of each process of a room that pages are the business of."""
    found: dict[str, int] = {}
    for pid in family(room.process.pid):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        found |= {name: pid for name in ("web", "agent", "recorder") if name.encode() in words}
    return found


def _work(room: Room) -> dict[str, float]:
    """Return the processor seconds of each."""
    return {name: cpu_seconds(pid) for name, pid in _processes(room).items()}


def _steps_aside(room: Room) -> bool:
    return os.sched_getscheduler(_processes(room)["web"]) == os.SCHED_IDLE


def _remember_names(room: Room) -> None:
    for name in load.cached_names()[:1000]:
        room.dig.addresses(name)


@contextlib.contextmanager
def _refusals(room: Room) -> Iterator[subprocess.Popen[bytes]]:
    """Have one name a second refused, in a process of its own."""
    script = (
        "import sys, time; from tests.e2e.school import Dig\n"
        "while True: Dig(int(sys.argv[1])).addresses(sys.argv[2]); time.sleep(1)"
    )
    with _process([sys.executable, "-c", script, str(room.dns_port), REFUSED]) as asker:
        yield asker


class OpenPages:
    """A teacher's page of Today, so many times, in a process of its own."""

    def __init__(self, url: str, cookies: dict[str, str], count: int) -> None:
        self._told = json.dumps({"url": url, "cookies": cookies, "count": count})

    @contextlib.contextmanager
    def keep_open(self) -> Iterator[subprocess.Popen[bytes]]:
        """Open them, and close them at the end."""
        with _process([sys.executable, "-m", "tests.bench.open_tabs", "--keep-open", self._told]) as pages:
            assert pages.stdout is not None
            said = pages.stdout.readline()
            if said != b"open\n":
                raise RuntimeError(f"the pages did not open: {said!r}")
            yield pages
            if pages.poll() is not None:
                raise RuntimeError("the pages were closed meanwhile")


@contextlib.contextmanager
def _process(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.terminate()


async def _keep_open(url: str, cookies: dict[str, str], count: int) -> None:
    """Be as many browsers that have the page of Today open."""
    async with httpx.AsyncClient(
        base_url=url, cookies=cookies, timeout=None, trust_env=False, limits=_LIMITS
    ) as client:
        opened = [asyncio.Event() for _ in range(count)]
        async with asyncio.TaskGroup() as tabs:
            for one in opened:
                tabs.create_task(_keep_one_open(client, one))
            for one in opened:
                await one.wait()
            sys.stdout.write("open\n")
            sys.stdout.flush()


async def _keep_one_open(client: httpx.AsyncClient, opened: asyncio.Event) -> None:
    (await client.get("/")).raise_for_status()
    known, looked_at = "1", 0.0
    async with client.stream("GET", "/events", headers={"Accept": "text/event-stream"}) as events:
        events.raise_for_status()
        opened.set()
        async for line in events.aiter_lines():
            if not line.startswith("event: changed"):
                continue
            await asyncio.sleep(max(0.05, looked_at + LOOK_SECONDS - time.monotonic()))
            looked_at = time.monotonic()
            answer = await client.get("/", headers={"X-Refresh": known})
            answer.raise_for_status()
            versions = {name: part["version"] for name, part in answer.json()["parts"].items()}
            known = ",".join(f"{name}={version}" for name, version in versions.items()) or known


if __name__ == "__main__":
    sys.exit(main())
