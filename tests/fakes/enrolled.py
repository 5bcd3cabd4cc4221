"""An enrolled room in processes of its own: its resolver, and its agent where a test wants one."""

import asyncio
import copy
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import dnslib
import msgspec

from appliance.protocol import Target
from appliance.room import health
from appliance.room.agent import installer
from appliance.room.conditions import Condition
from appliance.room.health import ProcessHealth
from appliance.room.paths import RoomPaths
from appliance.settings.load import load_settings
from appliance.settings.room import RoomSettings
from blocklists.compiler import build_index
from blocklists.container import INDEX_NAME
from blocklists.index import open_index
from blocklists.sources import Source
from dns.policy.document import Group, PolicyDocument, Profile, Rule
from tests.fakes.central import TOKEN, FakeCentral
from tests.fakes.resolvers import question
from tests.fakes.upstream import FakeUpstream

SETTINGS = """
[room]
name = "Room 4"
data = "data"
[dns]
listen = ["127.0.0.1:0"]
upstreams = ["127.0.0.1:{upstream}"]
workers = 2
rate_limit = 0
[web]
listen = "127.0.0.1:8080"
{source}
"""
# Names that the policy closes by rules of the school's own.
SCHOOLS_OWN = ("the-schools-own.example", "locked-by-the-school.example")
LISTED = 3000  # names, so that an index is more than a few pages

REFUSED = "refused"
OPEN = "open"
FAILED = "failed"
SILENT = "silent"


def policy(version: int = 7) -> bytes:
    """Return a policy in which gambling is closed, and two names by the school's own rules."""
    return msgspec.json.encode(
        PolicyDocument(
            version=version,
            room="Room 4",
            default_group="pupils",
            groups=(Group(name="pupils", profile="pupils"),),
            profiles=(Profile(name="pupils", closed=("gambling",)),),
            rules=(
                Rule(name="the-schools-own.example", action="block"),
                Rule(name="locked-by-the-school.example", action="block", locked=True),
            ),
        )
    )


def compiled(folder: Path, name: str, *closed: str) -> tuple[str, bytes]:
    """Compile an index that closes some names as gambling; return its version and its content."""
    listed = (*closed, *(f"n{number}.bets.example" for number in range(LISTED)))
    source = folder / f"{name}.txt"
    source.write_text("\n".join(listed) + "\n")
    build_index(
        [Source(name="a-list", category="gambling", location=str(source), match="subdomains")], folder / name
    )
    return open_index(folder / name).version, (folder / name / INDEX_NAME).read_bytes()


class EnrolledRoom:
    """A room that has a policy, the index in use and the one before it. `start` starts its resolver."""

    def __init__(self, folder: Path, upstream: FakeUpstream, central: FakeCentral) -> None:
        self.file = folder / "room.toml"
        (folder / "token").write_text(TOKEN)
        source = f'[central]\nurl = "{central.url}"\ntoken_file = "token"'
        self.file.write_text(SETTINGS.format(upstream=upstream.port, source=source))
        self.paths = RoomPaths.from_settings(load_settings(self.file, RoomSettings))
        self.paths.data.mkdir()
        before, now = (compiled(folder, name, f"{name}.example", "both.example") for name in ("before", "now"))
        central.indexes |= dict((before, now))
        for version, content in (before, now):
            asyncio.run(installer.install_index(self.paths, version, gives(content)))
        central.policy, self.version = policy(), now[0]
        central.target = Target(policy=7, index=self.version, requests=0)
        installer.install_policy(self.paths, policy())
        self.prefix: tuple[str, ...] = ()  # of the commands of its processes
        self._processes: list[subprocess.Popen[str]] = []

    @property
    def index(self) -> Path:
        """The file of the index in use."""
        return self.paths.indexes / self.version / INDEX_NAME

    def at(self, folder: Path) -> "EnrolledRoom":
        """Return the same room as it was copied into another folder, of which nothing runs yet."""
        moved = copy.copy(self)
        moved.file, moved._processes = folder / self.file.name, []
        moved.paths = RoomPaths.from_settings(load_settings(moved.file, RoomSettings))
        return moved

    def start(self) -> None:
        """Start the resolver, and wait until it answers."""
        process = self.start_process("resolver")
        assert process.stderr is not None
        said = ""
        for line in process.stderr:
            said += line
            if "answering on" in line:
                self.port = int(line.rpartition(":")[2])
                return
        raise AssertionError(f"the resolver did not start: {said}")

    def start_agent(self) -> None:
        self.start_process("agent")

    def stop(self) -> None:
        """Stop everything that runs."""
        for process in reversed(self._processes):
            process.terminate()
        for process in self._processes:
            process.wait(20)
            if process.stderr is not None:
                process.stderr.close()
        self._processes.clear()

    def ask(self, name: str, seconds: float = 5.0) -> str:
        """Ask as a device does: once more each second."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(1)
            sock.connect(("127.0.0.1", self.port))
            for _ in range(int(seconds)):
                try:
                    sock.send(question(name))
                    answer = dnslib.DNSRecord.parse(sock.recv(2048))
                except (TimeoutError, ConnectionError):
                    continue
                if answer.header.rcode:
                    return FAILED
                return REFUSED if [str(one.rdata) for one in answer.rr] == ["0.0.0.0"] else OPEN
        return SILENT

    def said(self) -> tuple[ProcessHealth, ...]:
        return health.read_health(self.paths.health_folder, time.time())

    def conditions(self) -> set[Condition]:
        """Return what the resolver's workers say of the room."""
        return {condition for one in self.said() for condition in one.conditions if "resolver" in one.process}

    def start_process(self, name: str) -> subprocess.Popen[str]:
        """Start one of the room's processes, and do not wait for it."""
        command = [*self.prefix, sys.executable, "-m", "appliance", name, "--config", str(self.file)]
        log = subprocess.PIPE if name == "resolver" else subprocess.DEVNULL
        process = subprocess.Popen(command, stderr=log, text=True)
        self._processes.append(process)
        return process


def gives(content: bytes) -> Callable[[str, Path], Awaitable[None]]:
    """Return how an index is fetched that is at hand."""

    async def fetch(_base: str, path: Path) -> None:
        path.write_bytes(content)

    return fetch


def wait_until(what: str, look: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait until something is so."""
    until = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < until, f"waited for {what}"
        time.sleep(0.02)


def remove(path: Path) -> None:
    """Remove whatever stands there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
