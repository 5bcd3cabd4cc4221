"""A resolver in processes of its own, and the settings file that it follows."""

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import dnslib

from appliance.room import health
from appliance.room.paths import RoomPaths
from appliance.settings.load import load_settings
from appliance.settings.room import RoomSettings
from tests.bench.servers import family
from tests.fakes.resolvers import question
from tests.fakes.upstream import FakeUpstream

ROOM = """
[room]
name = "Room 4"
data = "data"
[dns]
listen = [{listen}]
upstreams = ["127.0.0.1:{upstream}"]
workers = {workers}
rate_limit = {rate_limit}
{more}
[web]
listen = "127.0.0.1:8080"
"""


class Room:
    """The resolver, started when it is made. `upstream` and the file may be changed while it runs."""

    def __init__(self, folder: Path, upstream: FakeUpstream, **settings: str) -> None:
        self.file = folder / "room.toml"
        self.upstream = upstream
        self.write(**settings)  # type: ignore[arg-type]  # what is text there
        self.paths = RoomPaths.from_settings(load_settings(self.file, RoomSettings))
        command = [sys.executable, "-m", "appliance", "resolver", "--config", str(self.file)]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        self.port = int(self.until("answering on").rpartition(":")[2])

    def write(
        self, *, listen: str = '"127.0.0.1:0"', workers: int = 2, rate_limit: int = 0, more: str = ""
    ) -> None:
        text = ROOM.format(
            listen=listen, upstream=self.upstream.port, workers=workers, rate_limit=rate_limit, more=more
        )
        self.file.write_text(text)

    def until(self, words: str) -> str:
        """Return the next line on the standard error output that has these words in it."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if words in line:
                return line.strip()
        raise AssertionError(f"it ended without a word of {words!r}")

    def hang_up(self) -> None:
        self.process.send_signal(signal.SIGHUP)

    def ask(self, name: str, port: int = 0) -> list[str]:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(20)
            sock.connect(("127.0.0.1", port or self.port))
            sock.send(question(name))
            return [str(record.rdata) for record in dnslib.DNSRecord.parse(sock.recv(2048)).rr]

    def answers(self, name: str, expected: list[str]) -> bool:
        """Wait until a name is answered so: the old workers answer as well until they have heard of it."""
        while self.ask(name) != expected:
            pass
        return True

    def follow(self, workers: int) -> None:
        """Have the file followed, and wait until the workers from before have gone."""
        before = set(self.workers())
        self.hang_up()
        self.until("following")
        while before & set(self.workers()):
            self.ask("www.example.org")
        assert len(self.workers()) == workers

    def workers(self) -> list[int]:
        return family(self.process.pid)[1:]

    def problem(self) -> str:
        """Return what the room's health says of the settings."""
        said = {one.process: one.details for one in health.read_health(self.paths.health_folder, time.time())}
        return said.get("resolver-settings", {}).get("settings-problem", "")

    def close(self) -> int:
        self.process.terminate()
        status = self.process.wait(20)
        if self.process.stderr is not None:
            self.process.stderr.close()
        return status
