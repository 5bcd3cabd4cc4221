"""Central as the benchmark runs it: its processes, its simulated rooms, and a coordinator at its pages."""

import asyncio
import contextlib
import hashlib
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import httpx

from appliance.central import accounts, room_life, rules
from appliance.central.models import PublicationRow
from appliance.central.service import open_central
from appliance.protocol import UnblockRequest
from appliance.settings.central import CentralSettings
from appliance.settings.load import load_settings
from blocklists.container import INDEX_NAME
from tests.bench.servers import anonymous, cpu_seconds, family, pss
from tests.bench.simulated_rooms import SimulatedRoom
from tests.fakes.authority import Authority
from tests.fakes.ports import free_port

HOST = "127.0.0.1"
PASSWORD = "a pass phrase for the bench"
SCHOOL_ROOMS = 100
STARTED_AT_ONCE = 200  # rooms that open their first feed together
PAGE_SECONDS = 0.2  # between two looks at the coordinator's page
_TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


class Central:
    """`hallpass central` in a folder, with a coordinator and so many rooms."""

    def __init__(self, folder: Path, count: int, *, database: str = "") -> None:
        self.folder = folder
        authority = Authority(folder)
        certificate, key = authority.sign(HOST)
        self.authority = authority.file
        self.trust = authority.trust()
        self.port, self.rooms_port = free_port(), free_port()
        self.config = folder / "central.toml"
        self.config.write_text(
            f'[central]\nschool = "Example Primary"\ndata = "{folder}/central"\nlisten = "{HOST}:{self.port}"\n'
            f'rooms_listen = "{HOST}:{self.rooms_port}"\ndatabase = "{database}"\n'
            f'[tls]\ncertificate = "{certificate}"\nkey = "{key}"\n'
        )
        self.rooms = [
            # A school comes from one address, a thousand rooms from those of ten schools.
            SimulatedRoom(
                name, token, HOST, self.rooms_port, self.trust, source=f"127.0.1.{number // SCHOOL_ROOMS + 1}"
            )
            for number, (name, token) in enumerate(self._enrol(count))
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

    def own_megabytes(self) -> float:
        """Return the same without libraries: they cost little beside other interpreters, and some 20 MB alone."""
        return sum(anonymous(pid) for pid in self.processes()) / 1e6

    def cpu(self) -> float:
        """Return the processor seconds of all its processes."""
        return sum(cpu_seconds(pid) for pid in self.processes())

    def block(self, name: str) -> None:
        """Close a name for the school, as a command beside the running central would."""
        central = open_central(load_settings(self.config, CentralSettings))
        with central.store.write_session() as session:
            rules.add_rule(session, central.now(), name=name, action="block", by="bench")
        central.store.close()

    def publish_index(self, content: bytes) -> str:
        """Publish some bytes as a compiled index, before the start; return what it is called."""
        name = hashlib.sha256(content).hexdigest()
        central = open_central(load_settings(self.config, CentralSettings))
        folder = central.settings.central.shared_folder / "indexes" / name
        folder.mkdir(parents=True)
        (folder / INDEX_NAME).write_bytes(content)
        with central.store.write_session() as session:
            session.add(PublicationRow(hash=name, built_at=central.now(), names=0))
        central.store.close()
        return name

    def _enrol(self, count: int) -> Iterator[tuple[str, str]]:
        central = open_central(load_settings(self.config, CentralSettings))
        with central.store.write_session() as session:
            accounts.add_account(
                session, central.now(), username="coordinator", name="Coordinator", roles=("coordinator",),
                password=PASSWORD, by="bench",
            )  # fmt: skip
            for number in range(1, count + 1):
                name = f"Room {number}"
                yield name, room_life.enrol_room(session, central.now(), name=name, by="bench")
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

    async def aclose(self) -> None:
        """Close the browser."""
        await self._http.aclose()

    async def keep_looking(self) -> None:
        """Open the page of requests again and again, and note how long each took."""
        while True:
            begun = time.monotonic()
            (await self._http.get("/")).raise_for_status()
            self.page_seconds.append(time.monotonic() - begun)
            await asyncio.sleep(PAGE_SECONDS)


@contextlib.asynccontextmanager
async def running(central: Central) -> AsyncIterator[Coordinator]:
    """Start central and every simulated room, some at a time; wait until all are in step."""
    await asyncio.to_thread(central.start)
    tasks: list[asyncio.Task[None]] = []
    try:
        for begun in range(0, len(central.rooms), STARTED_AT_ONCE):
            coming = central.rooms[begun : begun + STARTED_AT_ONCE]
            tasks += [asyncio.create_task(room.follow()) for room in coming]
            await until_all(coming, lambda room: room.policy is not None, 120)
        async with contextlib.aclosing(Coordinator(central)) as coordinator:
            await coordinator.sign_in()
            yield coordinator
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.to_thread(central.stop)


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


async def approve_one(central: Central, coordinator: Coordinator, scope: str) -> float:
    """Let the first room ask for a site and open it; return after how many seconds the last one had it."""
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
