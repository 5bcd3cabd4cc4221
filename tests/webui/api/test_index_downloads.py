"""Indexes for many rooms: some at once, slowly enough, and whoever is gone holds nothing. Real servers."""

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from appliance.central.models import PublicationRow
from blocklists.container import INDEX_NAME
from tests.e2e.school import Process, answers, until
from tests.fakes.ports import free_port
from tests.fakes.programs import HALLPASS
from tests.fakes.school import FakeSchool

VERSION = "f" * 64
SIZE = 4_000_000
SLOTS = 2


class Central:
    """A central with an index, its rooms' port, and a room's token."""

    def __init__(self, folder: Path, *, uplink_mbit: float | None) -> None:
        self.port = free_port()
        config = folder / "central.toml"
        config.write_text(
            f'[central]\nschool = "S"\ndata = "central"\nlisten = "127.0.0.1:{free_port()}"\n'
            f'rooms_listen = "127.0.0.1:{self.port}"\nindex_downloads = {SLOTS}\n'
            + (f"uplink_mbit = {uplink_mbit}\n" if uplink_mbit else "")
        )
        school = FakeSchool(folder / "central")
        self.headers = {"Authorization": f"Bearer {school.enrol()}"}
        home = folder / "central" / "indexes" / VERSION
        home.mkdir(parents=True)
        self.content = bytes(range(256)) * (SIZE // 256)
        (home / INDEX_NAME).write_bytes(self.content)
        with school.store.write_session() as session:
            session.add(PublicationRow(hash=VERSION, built_at=school.clock(), names=1))
        school.close()
        self.url = f"http://127.0.0.1:{self.port}/api/v1/index/{VERSION}"
        self.process = Process(folder, "central", *HALLPASS, "central", "--config", str(config))
        until("the rooms' port", lambda: answers(f"http://127.0.0.1:{self.port}/"), 60)

    def get(self, **headers: str) -> httpx.Response:
        return httpx.get(self.url, headers=self.headers | headers, trust_env=False, timeout=60)

    def begin(self) -> socket.socket:
        """Ask for the index over a bare socket, and read only the answer's first bytes."""
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(30)
        connection.connect(("127.0.0.1", self.port))
        lines = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        connection.sendall(f"GET /api/v1/index/{VERSION} HTTP/1.1\r\nHost: x\r\n{lines}\r\n".encode())
        assert connection.recv(12) == b"HTTP/1.1 200"
        return connection


@contextlib.contextmanager
def running(folder: Path, *, uplink_mbit: float | None = None) -> Iterator[Central]:
    central = Central(folder, uplink_mbit=uplink_mbit)
    try:
        yield central
    finally:
        with contextlib.suppress(subprocess.TimeoutExpired):
            central.process.stop()


@pytest.mark.timeout(180)
def test_so_many_at_once_and_a_room_that_is_gone_gives_its_slot_back(tmp_path: Path) -> None:
    with running(tmp_path) as central:
        assert central.get().content == central.content
        assert central.get(Range="bytes=100-199").content == central.content[100:200]
        waiting = [central.begin() for _ in range(SLOTS)]
        refused = central.get()
        assert refused.status_code == 503
        assert 5 <= int(refused.headers["Retry-After"]) <= 30
        assert refused.headers["Content-Type"] == "application/problem+json"
        waiting[0].close()
        until("the slot of a room that went", lambda: central.get().status_code == 200, 20)
        # The other room's takes nothing any more: its slot is free again as well, in time.
        waiting.append(central.begin())
        until("the slot of a room that takes nothing", lambda: central.get().status_code == 200, 60)
        for one in waiting:
            one.close()


@pytest.mark.timeout(180)
def test_downloads_share_the_uplink_and_arrive_whole(tmp_path: Path) -> None:
    with running(tmp_path, uplink_mbit=16) as central, ThreadPoolExecutor(SLOTS) as rooms:
        began = time.monotonic()
        got = list(rooms.map(lambda _: central.get().content, range(SLOTS)))
        seconds = time.monotonic() - began
    assert got == [central.content] * SLOTS
    assert seconds >= SLOTS * SIZE * 8 / 16e6 * 0.9  # four seconds for both together, not two
