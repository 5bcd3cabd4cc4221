"""A school for a story: central, rooms and a stand-in for the internet, all real processes on loopback."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import httpx
from dnslib import QTYPE, DNSRecord

from tests.bench.servers import family
from tests.e2e.browser import Browser
from tests.fakes.ports import free_port
from tests.fakes.programs import HALLPASS

T = TypeVar("T")


def until(what: str, look: Callable[[], T | None], seconds: float = 20.0) -> T:
    """Look until something is there, and return it; fail with what was waited for."""
    end = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(0.02)


class Process:
    """A process of ours, with what it said."""

    def __init__(self, folder: Path, name: str, *arguments: str) -> None:
        self._said = folder / f"{name}.said"
        self._arguments = arguments
        self.start()

    def start(self) -> None:
        with self._said.open("ab") as said:
            self._process = subprocess.Popen(
                self._arguments, stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def said(self) -> str:
        return self._said.read_text(errors="replace")

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def stop(self) -> int:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        return self._process.wait(timeout=20)

    def kill(self) -> None:
        """Kill it and all that it started: nothing of it answers any more."""
        for one in family(self._process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)
        self._process.wait()


class Dig:
    """Asks a resolver as a device would, with `dig`."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self._port = port
        self._host = host

    def __call__(self, name: str, *options: str) -> tuple[str, list[str]]:
        """Return the status ("NOERROR", …) and the addresses; ("", []) where nothing answers."""
        result = subprocess.run(
            ["dig", f"@{self._host}", "-p", str(self._port), name, "A", "+tries=1", "+time=2", *options],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        status = re.search(r"status: (\w+)", result.stdout)
        return (status[1] if status else "", re.findall(r"^[^;].*\sIN\s+A\s+(\S+)", result.stdout, re.MULTILINE))

    def addresses(self, name: str) -> list[str]:
        """Return the addresses quickly, without a process of its own for each question.

        Asks again after two seconds as every stub does (RFC 1035, section 4.2.1). Raises TimeoutError after three.
        """
        query = DNSRecord.question(name)
        with socket.socket(type=socket.SOCK_DGRAM) as asker:
            asker.settimeout(2)
            for tries_left in (2, 1, 0):
                asker.sendto(query.pack(), (self._host, self._port))
                try:
                    answer = DNSRecord.parse(asker.recv(4096))
                    break
                except TimeoutError:
                    if not tries_left:
                        raise
        return [str(record.rdata) for record in answer.rr if record.rtype == QTYPE.A]


class Room:
    """One room: its processes, its DNS, its page."""

    def __init__(self, school: "School", name: str, *, alone: str = "", web: str = "", settings: str = "") -> None:
        self.name = name
        self.folder = school.folder / name.lower().replace(" ", "")
        self.folder.mkdir()
        self.dns_port, self.web_port, self.https_port = free_port(), free_port(), free_port()
        self.config = self.folder / "room.toml"
        source = alone or (
            f'[central]\nurl = "{school.rooms_url}"\ntoken_file = "{school.enrol(name)}"\n'
            "index_spread_seconds = 1\n"
            if school.central
            else ""
        )
        self.config.write_text(
            f'[room]\nname = "{name}"\ndata = "data"\n'
            f'[dns]\nlisten = ["127.0.0.1:{self.dns_port}"]\nupstreams = ["127.0.0.1:{school.upstream_port}"]\n'
            f'clients = ["127.0.0.0/8"]\nworkers = 1\nrate_limit = 0\n'
            f'[web]\nlisten = "127.0.0.1:{self.web_port}"\nhttps_listen = "127.0.0.1:{self.https_port}"\n{web}'
            f'[led]\ndriver = "simulated"\n{source}{settings}'
        )
        self.process = Process(self.folder, "room", *HALLPASS, "room", "--config", str(self.config))
        self.dig = Dig(self.dns_port)
        self.url = f"http://127.0.0.1:{self.web_port}"

    @property
    def lamp(self) -> str:
        path = self.folder / "data" / "run" / "lamp"
        return path.read_text() if path.exists() else ""

    def wait_until_answering(self) -> None:
        until(f"{self.name} to answer DNS", lambda: self.dig("example.org")[1], 30)
        until(f"{self.name}'s page", lambda: answers(self.url), 30)

    @property
    def has_log(self) -> bool:
        path = self.folder / "data" / "log.db"
        if not path.exists():
            return False
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as log:
            return bool(log.execute("SELECT 1 FROM sqlite_master WHERE name = 'queries'").fetchall())

    def stats(self) -> dict[str, int]:
        found: dict[str, int] = json.loads(hallpass("log", "stats", "--config", str(self.config), "--json"))
        return found


class School:
    """Central, a stand-in for the internet, and as many rooms as a story wants."""

    def __init__(
        self, *, central: bool = True, folder: Path | None = None, prefix: tuple[str, ...] = (), settings: str = ""
    ) -> None:
        """`prefix`: the beginning of each command that touches central's folder.

        `settings`: more for its file, in which "URL" stands for where its pages are.
        """
        self._prefix = prefix
        self._settings = settings
        self.folder = folder or Path(tempfile.mkdtemp(prefix="hp-", dir="/tmp"))  # short: sockets live below it
        self.upstream_port = free_port()
        self._processes: list[Process] = [
            Process(
                self.folder, "internet", sys.executable, "-c",
                "import asyncio; from appliance.demo.stand_in import serve_dns;"
                f"asyncio.run(serve_dns('127.0.0.1', {self.upstream_port}))",
            )
        ]  # fmt: skip
        self.central: Process | None = None
        if central:
            self._start_central()

    def __enter__(self) -> "School":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in reversed(self._processes):
            if error is not None:
                sys.stderr.write(process.said)
            process.stop()
        shutil.rmtree(self.folder)

    def _start_central(self) -> None:
        self.central_port, self.rooms_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.central_port}"
        self.rooms_url = f"http://127.0.0.1:{self.rooms_port}"
        self.config = self.folder / "central.toml"
        self.config.write_text(
            f'[central]\nschool = "Example Primary"\ndata = "central"\nlisten = "127.0.0.1:{self.central_port}"\n'
            f'rooms_listen = "127.0.0.1:{self.rooms_port}"\nrooms_url = "{self.rooms_url}"\n'
            + self._settings.replace("URL", self.url)
        )
        self.central = Process(
            self.folder, "central", *self._prefix, *HALLPASS, "central", "--config", str(self.config)
        )
        self._processes.append(self.central)
        until("central's page", lambda: answers(self.url), 30)

    def room(self, name: str, *, alone: str = "", web: str = "", settings: str = "") -> Room:
        room = Room(self, name, alone=alone, web=web, settings=settings)
        self._processes.append(room.process)
        return room

    def enrol(self, name: str) -> Path:
        path = self.folder / f"{name.lower().replace(' ', '')}.token"
        enrol = ("central", "enrol", name, "--config", str(self.config), "--output", str(path))
        hallpass(*enrol, prefix=self._prefix)
        return path

    def account(self, username: str, role: str) -> str:
        """Add an account as a technician would, and return its password."""
        said = hallpass(
            "account", "add", username, "--role", role, "--name", username.title(), "--generate",
            "--config", str(self.config), prefix=self._prefix,
        )  # fmt: skip
        return said.split()[-1]

    def let_openings_end(self, *, seconds: float, site: str = "%") -> int:
        """Let the time of each opening, or of a site's, be over soon, as the clock would; return how many."""
        text = time.strftime("%Y-%m-%d %H:%M:%S.000000", time.gmtime(time.time() + seconds))
        with closing(sqlite3.connect(self._database, timeout=10)) as database, database:
            changed = database.execute(
                "UPDATE unblocks SET until = ? WHERE ended_at IS NULL AND until > ? AND site LIKE ?",
                (text, text, site),
            ).rowcount
            database.execute("UPDATE pulse SET beat = beat + 1, school_revision = beat + 1")  # every room is told
        return changed

    def epoch(self) -> str:
        """Return which life of the database this is."""
        with closing(sqlite3.connect(self._database, timeout=10)) as database:
            found: str = database.execute("SELECT epoch FROM pulse").fetchone()[0]
        return found

    def back_up(self, path: Path) -> None:
        """Copy central's database while it runs, as docs/central.md says."""
        with closing(sqlite3.connect(self._database)) as live, closing(sqlite3.connect(path)) as copy:
            live.backup(copy)

    def restore(self, path: Path) -> None:
        """Put a copy back; central has stopped."""
        for left in self._database.parent.glob("central.db*"):
            left.unlink()
        shutil.copy(path, self._database)

    @property
    def _database(self) -> Path:
        return self.folder / "central" / "central.db"

    def coordinator(self, password: str) -> Browser:
        return Browser(self.url).sign_in("coordinator", password)


def hallpass(*arguments: str, prefix: tuple[str, ...] = ()) -> str:
    """Run a command of ours and return what it printed."""
    result = subprocess.run(
        [*prefix, *HALLPASS, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode == 0, f"hallpass {' '.join(arguments)}: {result.stderr}"
    return result.stdout


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5, trust_env=False, follow_redirects=True).status_code < 500
    except httpx.TransportError:
        return False
