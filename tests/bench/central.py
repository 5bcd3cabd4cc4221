"""`python -m tests.bench.central`: a central service with many rooms, as real processes, over real TLS.

Rooms are simulated (`tests.bench.simulated_rooms`); a room's time is counted to its own acknowledgement: that it
holds the policy. Each row says its bar. `python -m tests.bench.central approval --rooms 100` runs one alone;
`--minutes` makes the long ones shorter.
"""

import argparse
import asyncio
import contextlib
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import httpx
import msgspec

from appliance.central import accounts, rooms
from appliance.central.service import open_central
from appliance.protocol import UnblockRequest
from appliance.settings.central import CentralSettings
from appliance.settings.load import load_settings
from tests.bench.servers import cpu_seconds, family, pss
from tests.bench.simulated_rooms import Interrupted, SimulatedRoom
from tests.fakes.authority import Authority
from tests.fakes.ports import free_port

HOST = "127.0.0.1"
PASSWORD = "a pass phrase for the bench"
PAGE_SECONDS = 0.2  # between two looks at the coordinator's page
_TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


class Central:
    """`hallpass central` in a folder, with a coordinator and so many rooms."""

    def __init__(self, folder: Path, count: int, *, database: str = "") -> None:
        self.folder = folder
        authority = Authority(folder)
        certificate, key = authority.sign(HOST)
        self.trust = authority.trust()
        self.port, self.rooms_port = free_port(), free_port()
        self.config = folder / "central.toml"
        self.config.write_text(
            f'[central]\nschool = "Example Primary"\ndata = "{folder}/central"\nlisten = "{HOST}:{self.port}"\n'
            f'rooms_listen = "{HOST}:{self.rooms_port}"\ndatabase = "{database}"\n'
            f'[tls]\ncertificate = "{certificate}"\nkey = "{key}"\n'
        )
        self.rooms = [
            SimulatedRoom(name, token, HOST, self.rooms_port, self.trust) for name, token in self._enrol(count)
        ]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait for its page."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "appliance", "central", "--config", str(self.config)]
        )
        until = time.monotonic() + 60
        while time.monotonic() < until:
            with contextlib.suppress(httpx.TransportError):
                httpx.get(f"https://{HOST}:{self.port}/sign-in", verify=self.trust, trust_env=False)
                return
            time.sleep(0.05)
        raise TimeoutError("central's page does not answer")

    def stop(self) -> None:
        """End it as systemd would."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)

    def kill(self) -> None:
        """End every process of it without a word."""
        assert self._process is not None
        for pid in family(self._process.pid):
            with contextlib.suppress(ProcessLookupError):
                subprocess.run(["kill", "-9", str(pid)], check=False, capture_output=True)
        self._process.wait(30)

    def processes(self) -> list[int]:
        """Return the processes of it."""
        assert self._process is not None
        return family(self._process.pid)

    def megabytes(self) -> float:
        """Return the memory of all its processes, shared pages counted once (PSS)."""
        return sum(pss(pid) for pid in self.processes()) / 1e6

    def cpu(self) -> float:
        """Return the processor seconds of all its processes."""
        return sum(cpu_seconds(pid) for pid in self.processes())

    def _enrol(self, count: int) -> Iterator[tuple[str, str]]:
        central = open_central(load_settings(self.config, CentralSettings))
        with central.store.write_session() as session:
            accounts.add_account(
                session, central.now(), username="coordinator", name="Coordinator", role="coordinator",
                password=PASSWORD, by="bench",
            )  # fmt: skip
            for number in range(1, count + 1):
                yield f"Room {number}", rooms.enrol_room(session, central.now(), name=f"Room {number}", by="bench")
        central.store.close()


class Coordinator:
    """A person at central's pages, who also looks at them again and again."""

    def __init__(self, central: Central) -> None:
        self._http = httpx.AsyncClient(
            base_url=f"https://{HOST}:{central.port}", verify=central.trust, trust_env=False, timeout=30,
            follow_redirects=True, headers={"Referer": f"https://{HOST}:{central.port}/"},  # as browsers send it
        )  # fmt: skip
        self.page_seconds: list[float] = []

    async def sign_in(self) -> None:
        """Sign in."""
        token = _csrf((await self._http.get("/sign-in")).text)
        answer = await self._http.post(
            "/sign-in", data={"username": "coordinator", "password": PASSWORD, "csrf_token": token}
        )
        answer.raise_for_status()

    async def approve(self, request_id: str, scope: str) -> float:
        """Open what a room asked for; return when the button was pressed, by the monotonic clock."""
        token = _csrf((await self._http.get("/")).text)
        pressed = time.monotonic()
        answer = await self._http.post(
            f"/requests/{request_id}/decide", data={"decision": "approve", "scope": scope, "csrf_token": token}
        )
        answer.raise_for_status()
        return pressed

    async def keep_looking(self) -> None:
        """Open the page of requests again and again, and note how long each took."""
        while True:
            begun = time.monotonic()
            (await self._http.get("/")).raise_for_status()
            self.page_seconds.append(time.monotonic() - begun)
            await asyncio.sleep(PAGE_SECONDS)


@contextlib.asynccontextmanager
async def running(central: Central) -> AsyncIterator[Coordinator]:
    """Start central and every simulated room; wait until all are in step."""
    central.start()
    tasks = [asyncio.create_task(room.follow()) for room in central.rooms]
    try:
        await until_all(central.rooms, lambda room: room.policy is not None, 120)
        coordinator = Coordinator(central)
        await coordinator.sign_in()
        yield coordinator
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        central.stop()


async def until_all(
    simulated: list[SimulatedRoom], is_there: Callable[[SimulatedRoom], bool], seconds: float
) -> bool:
    """Wait until something holds for every room; tell whether it came to that in time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if all(map(is_there, simulated)):
            return True
        await asyncio.sleep(0.005)
    return False


def ask(site: str) -> UnblockRequest:
    """Return a teacher's request."""
    return UnblockRequest(
        id=uuid4().hex,
        site=site,
        reason="For the lesson",
        minutes=60,
        teacher="teacher",
        asked_at=datetime.now(UTC),
    )


async def at_rest(central: Central, options: argparse.Namespace) -> None:
    """30 rooms, ten minutes: no feed cut, <= 1 % of a core, <= 150 MB, no growth."""
    async with running(central):
        await asyncio.sleep(10)
        begun, cpu, memory = time.monotonic(), central.cpu(), central.megabytes()
        await asyncio.sleep(options.minutes * 60)
        share = (central.cpu() - cpu) / (time.monotonic() - begun)
        report("feeds cut", sum(room.cuts for room in central.rooms), "0")
        report("of a core, %", round(100 * share, 2), "<= 1")
        report("MB (PSS), at first", round(memory, 1), "<= 150")
        report("MB (PSS), at last", round(central.megabytes(), 1), "no growth")


async def approvals(central: Central, options: argparse.Namespace) -> None:
    """An approval for the school -> the last room: 100 rooms p99 <= 0.5 s, 1,000 rooms <= 5 s; pages meanwhile."""
    async with running(central) as coordinator:
        looking = asyncio.create_task(coordinator.keep_looking())
        spent = [await _approve(central, coordinator, "school") for _ in range(options.times)]
        looking.cancel()
        report("last room, s: median", round(percentile(spent, 50), 3), "")
        report("last room, s: p99", round(percentile(spent, 99), 3), "<= 0.5 (1,000 rooms: 5)")
        report("page, s: longest", round(max(coordinator.page_seconds), 3), "<= 0.2 (100 rooms)")
        report("feeds cut", sum(room.cuts for room in central.rooms), "0")


async def one_room(central: Central, options: argparse.Namespace) -> None:
    """A change for one room wakes none of the others."""
    async with running(central) as coordinator:
        await asyncio.sleep(2)
        others = central.rooms[1:]
        lines = sum(room.lines for room in others)
        spent = [await _approve(central, coordinator, "room") for _ in range(options.times)]
        report("the room, s: p99", round(percentile(spent, 99), 3), "<= 0.5")
        report("lines for other rooms", sum(room.lines for room in others) - lines, "0")


async def coming_back(central: Central, options: argparse.Namespace) -> None:
    """All come back at once: in step <= 15 s, pages <= 1 s meanwhile, no error seen by a room."""
    async with running(central):
        central.stop()
        for room in central.rooms:
            room.policy, room.errors = None, []
        await asyncio.sleep(2)
        central.start()
        back = time.monotonic()
        for room in central.rooms:
            room.errors = []
        coordinator = Coordinator(central)
        await coordinator.sign_in()
        looking = asyncio.create_task(coordinator.keep_looking())
        whole = await until_all(central.rooms, lambda room: room.policy is not None, 120)
        report("all in step, s", round(time.monotonic() - back, 1) if whole else "never", "<= 15")
        looking.cancel()
        report("page, s: longest", round(max(coordinator.page_seconds), 3), "<= 1")
        wrong = [error for room in central.rooms for error in room.errors if "refused" not in error]
        report("errors seen by rooms", len(wrong), "0")
        for error in sorted(set(wrong))[:5]:
            report("  ", error, "")


async def many_requests(central: Central, options: argparse.Namespace) -> None:
    """200 requests a minute, central killed ten times: none lost, none doubled."""
    central.start()
    sent: list[str] = []
    kills = {round(options.minutes * 60 / 11 * number) for number in range(1, 11)}
    ends = time.monotonic() + options.minutes * 60

    async def one_request(room: SimulatedRoom) -> None:
        request = ask(f"{uuid4().hex[:12]}.example.org")
        sent.append(request.id)
        while True:
            with contextlib.suppress(OSError, Interrupted, asyncio.IncompleteReadError, TimeoutError):
                await room.put(f"requests/{request.id}", request)
                return
            await asyncio.sleep(0.5)

    async with asyncio.TaskGroup() as group:
        begun = time.monotonic()
        while time.monotonic() < ends:
            group.create_task(one_request(random.choice(central.rooms)))
            await asyncio.sleep(60 / 200)
            if kills and time.monotonic() - begun >= min(kills):
                kills.remove(min(kills))
                central.kill()
                await asyncio.to_thread(central.start)
    found = [
        one["request"]["id"]
        for room in central.rooms
        for one in msgspec.json.decode(await room.call("GET /api/v1/requests"))
    ]
    report("sent", len(sent), "")
    report("lost", len(set(sent) - set(found)), "0")
    report("doubled", len(found) - len(set(found)), "0")
    central.stop()


async def slow_clients(central: Central, options: argparse.Namespace) -> None:
    """5,000 half-open or byte-a-second connections from one address: pages <= 1 s for others."""
    async with running(central) as coordinator:
        slow = [asyncio.create_task(_hold(central.port, number)) for number in range(options.connections)]
        await asyncio.sleep(5)
        looking = asyncio.create_task(coordinator.keep_looking())
        await asyncio.sleep(20)
        looking.cancel()
        for task in slow:
            task.cancel()
        report("page, s: longest", round(max(coordinator.page_seconds), 3), "<= 1")
        report("feeds cut", sum(room.cuts for room in central.rooms), "0")


async def _hold(port: int, number: int) -> None:
    """Open a connection from 127.0.0.2 and say a byte a second, or nothing; open another where it is ended."""
    while True:
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection(HOST, port, local_addr=("127.0.0.2", 0))
            while not reader.at_eof() and not writer.is_closing():
                if number % 2:
                    writer.write(b"\x16")
                await asyncio.sleep(1)
            writer.close()
        await asyncio.sleep(0.5)


async def _approve(central: Central, coordinator: Coordinator, scope: str) -> float:
    request = ask(f"{uuid4().hex[:12]}.example.org")
    await central.rooms[0].put(f"requests/{request.id}", request)
    pressed = await coordinator.approve(request.id, scope)
    concerned = central.rooms if scope == "school" else central.rooms[:1]
    if not await until_all(concerned, lambda room: room.has_unblock(request.site), 60):
        return 60.0
    return max(room.in_step_at for room in concerned) - pressed


def percentile(values: list[float], percent: float) -> float:
    """Return the smallest of the values that so many per cent do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def report(what: str, value: object, bar: str) -> None:
    """Print one figure and its bar."""
    sys.stdout.write(f"{what:28} {value!s:>12}   {bar}\n")
    sys.stdout.flush()


def _csrf(page: str) -> str:
    found = _TOKEN.search(page)
    return found[1] if found else ""


Row = Callable[[Central, argparse.Namespace], Coroutine[None, None, None]]
ROWS: dict[str, tuple[int, Row]] = {
    "rest": (30, at_rest),
    "approval": (100, approvals),
    "one-room": (1000, one_room),
    "all-rooms": (1000, approvals),
    "coming-back": (1000, coming_back),
    "requests": (30, many_requests),
    "slow": (30, slow_clients),
}


def main(asked: list[str]) -> int:
    """Run the rows that are asked for, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*", choices=[*ROWS, []], help="which rows; left out: all")
    parser.add_argument("--rooms", type=int, help="how many rooms, instead of what the row says")
    parser.add_argument("--minutes", type=float, default=10.0, help="how long rest and requests take")
    parser.add_argument("--times", type=int, default=20, help="how many approvals")
    parser.add_argument("--connections", type=int, default=5000, help="how many slow connections")
    parser.add_argument("--database", default="", help="an SQLAlchemy URL; left out: SQLite")
    options = parser.parse_args(asked)
    for name in options.rows or ROWS:
        count, row = ROWS[name]
        count = options.rooms or count
        sys.stdout.write(f"-- {name}, {count} rooms: {row.__doc__}\n")
        with tempfile.TemporaryDirectory(prefix="hp-", dir="/tmp") as folder:
            asyncio.run(row(Central(Path(folder), count, database=options.database), options))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
