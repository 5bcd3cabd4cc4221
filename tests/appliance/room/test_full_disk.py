"""A room whose disk is full says so: its health and its lamp still change.

The disk is a small file system in memory, in a mount namespace of the recorder's own.
"""

import contextlib
import os
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.room import health
from appliance.room.conditions import Condition
from appliance.room.health import ProcessHealth
from appliance.room.paths import RoomPaths
from dns.querylog.records import QueryRecord, RecordBatch, encode_frame
from tests.fakes.enrolled import wait_until

ROOM = """
[room]
name = "Room 4"
data = "data"
[dns]
listen = ["127.0.0.1:0"]
upstreams = ["127.0.0.1:9"]
[led]
driver = "simulated"
"""


class SmallDisk:
    """A recorder whose data lies on a disk of one megabyte."""

    def __init__(self, folder: Path) -> None:
        (folder / "room.toml").write_text(ROOM)
        data = folder / "data"
        data.mkdir()
        mount = f"mount -t tmpfs -o size=1m,mode=0700 none {shlex.quote(str(data))}"
        command = [sys.executable, "-m", "appliance", "recorder", "--config", str(folder / "room.toml")]
        mapped = [] if os.geteuid() == 0 else ["--map-root-user"]
        self.process = subprocess.Popen(
            ["unshare", *mapped, "--mount", "sh", "-c", f"{mount} && exec {shlex.join(command)}"],
            stderr=subprocess.DEVNULL,
        )
        self._seen = Path(f"/proc/{self.process.pid}/root{data}")
        self.paths = RoomPaths(data=self._seen, sockets=self._seen / "run")

    def said(self) -> list[ProcessHealth]:
        return [
            one for one in health.read_health(self.paths.health_folder, time.time()) if "recorder" in one.process
        ]

    def fill(self) -> None:
        with (self._seen / "filler").open("wb", buffering=0) as file:
            for size in (65536, 4096, 1):
                with contextlib.suppress(OSError):
                    while True:
                        file.write(b"x" * size)

    def empty(self) -> None:
        (self._seen / "filler").unlink()

    def send(self, sequence: int) -> None:
        """Hand in what a worker would: more than fits into what is free."""
        second = int(time.time()) - 10
        records = tuple(
            QueryRecord(
                second=second,
                device="192.0.2.7",
                name=f"n{number}.example",
                qtype=1,
                verdict="refused",
                count=1,
                group="pupils",
            )
            for number in range(2000)
        )
        with socket.socket(socket.AF_UNIX) as worker:
            worker.settimeout(20)
            worker.connect(str(self.paths.query_log_socket))
            worker.sendall(encode_frame(RecordBatch("w", sequence, records)))
            wait_until("what came of it", lambda: self._is_heard(worker))

    def _is_heard(self, worker: socket.socket) -> bool:
        worker.setblocking(False)
        try:
            return bool(worker.recv(100))
        except BlockingIOError:
            return bool(self.said() and self.said()[0].conditions)


@pytest.fixture
def disk(short_path: Path) -> Iterator[SmallDisk]:
    made = SmallDisk(short_path)
    yield made
    made.process.terminate()
    made.process.wait(20)


def test_a_full_disk_is_said_and_so_is_its_end(disk: SmallDisk) -> None:
    wait_until("the recorder", lambda: disk.said() and disk.paths.query_log_socket.exists())
    disk.fill()
    disk.send(1)
    (said,) = disk.said()
    assert said.conditions == (Condition.DISK_TROUBLE,)
    lamp = disk.paths.simulated_lamp
    wait_until("the lamp", lambda: lamp.read_text().strip() == "on disk-trouble")
    wait_until("a health that is renewed", lambda: disk.said()[0].time > said.time)
    disk.empty()
    wait_until("its end", lambda: not disk.said()[0].conditions, seconds=40)
    wait_until("the lamp", lambda: lamp.read_text().strip() == "off")
