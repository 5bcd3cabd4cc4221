"""Streams that do not end: they are never silent for long, and a client that is gone holds nothing.

Central and a room's pages run as they are really served, and their clients are bare sockets.
"""

import contextlib
import ctypes
import socket
import struct
import time
from pathlib import Path

import httpx
import msgspec
import pytest

from appliance.commands import forked_servers, web
from appliance.protocol import RoomHealth
from appliance.settings.values import Endpoint
from appliance.web_server import gunicorn_arguments
from tests.bench.servers import family
from tests.e2e.browser import Browser
from tests.e2e.school import Process, Room, School, answers, until
from tests.fakes.ports import free_port
from tests.fakes.web_client import server_command

pytestmark = pytest.mark.timeout(180)

LONGEST_SILENCE_SECONDS = 10.0
FREED_WITHIN_SECONDS = 15.0
STREAMS = 10  # of each kind: together more than a server has threads
OWN_THREADS = 4  # the event loop's, and those that follow the database or the other processes
_SO_ATTACH_FILTER = 26


class Server:
    """A server of ours, the streams that one of its clients may hold, and what they cost it."""

    def __init__(self, port: int, path: str, headers: dict[str, str]) -> None:
        self._port = port
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{lines}\r\n".encode()
        self._worker = _worker(port)

    def stream(self) -> socket.socket:
        """Open a stream and read until its first line has come."""
        connection = socket.create_connection(("127.0.0.1", self._port), timeout=30)
        connection.sendall(self._request)
        received = b""
        while received.partition(b"\r\n\r\n")[2].count(b"\n") < 2:  # the length of a piece, then the piece
            data = connection.recv(4096)
            assert data, received
            received += data
        assert received.startswith(b"HTTP/1.1 200"), received
        return connection

    def threads(self) -> int:
        return len(list(Path(f"/proc/{self._worker}/task").iterdir()))

    def connections(self) -> set[str]:
        """Return the sockets that the worker holds open, whatever has become of their connections."""
        return {file for file in _files(Path(f"/proc/{self._worker}")) if file.startswith("socket:")}


def _listener(port: int) -> str:
    """Return the socket that listens on a port, as it is named among a process's files (proc(5))."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if int(fields[1].rpartition(":")[2], 16) == port and fields[3] == "0A":
            return f"socket:[{fields[9]}]"
    raise AssertionError(f"nobody listens on {port}")


def _worker(port: int) -> int:
    """Return the process that serves a port: the one that opened it, or the one child of it that has it too."""
    listener = _listener(port)
    holders = {int(one.name) for one in Path("/proc").glob("[0-9]*") if listener in _files(one)}
    (opener,) = [one for one in holders if holders <= set(family(one))]
    (server,) = holders - {opener} or {opener}
    return server


def _files(process: Path) -> set[str]:
    found = set()
    with contextlib.suppress(OSError):  # it has ended, or is somebody else's
        for file in (process / "fd").iterdir():
            with contextlib.suppress(OSError):
                found.add(str(file.readlink()))
    return found


def vanish(connection: socket.socket) -> None:
    """Let no packet reach a socket any more: nothing is acknowledged, nothing refused, nothing closed."""
    drop_all = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))  # BPF: return 0 bytes
    program = struct.pack("HL", 1, ctypes.addressof(drop_all))
    connection.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)


def coordinator_events(school: School) -> Server:
    with Browser(school.url) as browser:
        browser.sign_in("coordinator", school.account("coordinator", "coordinator"))
        return Server(school.central_port, "/events", _cookies(browser))


def teacher_events(school: School, room: Room) -> Server:
    password = school.account("teacher", "teacher")
    with Browser(room.url) as browser:
        until("the teacher to be let in", lambda: _signed_in(browser, password))
        return Server(room.web_port, "/events", _cookies(browser))


def _signed_in(browser: Browser, password: str) -> bool:
    browser.open("/sign-in")
    form = browser.form_with("username", "password")
    fields = form.fields | {"username": "teacher", "password": password}
    return browser.client.post("/sign-in", data=fields).status_code == 200


def _cookies(browser: Browser) -> dict[str, str]:
    return {"Cookie": "; ".join(f"{name}={value}" for name, value in browser.client.cookies.items())}


def room_feed(school: School, name: str) -> Server:
    return Server(school.rooms_port, "/api/v1/feed", _token(school, name))


def _token(school: School, name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {school.enrol(name).read_text().strip()}"}


def lines_are_never_far_apart(connection: socket.socket, happens: httpx.Client, seconds: float) -> int:
    """Report another room's health again and again, and return how often something came on a stream."""
    body = msgspec.json.encode(RoomHealth(version="1", policy=1, index="", index_age_seconds=0.0, conditions=()))
    connection.settimeout(0.5)
    count, heard = 0, time.monotonic()
    end = heard + seconds
    while time.monotonic() < end:
        assert happens.put("/api/v1/health", content=body).status_code == 200
        with contextlib.suppress(TimeoutError):
            assert connection.recv(4096), "the stream was closed"
            count, heard = count + 1, time.monotonic()
        assert time.monotonic() - heard < LONGEST_SILENCE_SECONDS
    return count


def test_a_feed_is_never_silent_for_long_while_other_rooms_report_their_health(school: School) -> None:
    server = room_feed(school, "Room 1")
    with (
        server.stream() as feed,
        httpx.Client(
            base_url=school.rooms_url, headers=_token(school, "Room 2"), trust_env=False, timeout=20
        ) as other,
    ):
        assert lines_are_never_far_apart(feed, other, LONGEST_SILENCE_SECONDS + 2) > 0


@pytest.mark.parametrize("kind", ["room's feed", "coordinator's page", "teacher's page"])
def test_a_client_that_is_gone_holds_nothing(school: School, room: Room, kind: str) -> None:
    if kind == "room's feed":
        server = room_feed(school, "Room 3")
    else:
        server = teacher_events(school, room) if kind == "teacher's page" else coordinator_events(school)
    before = server.connections()
    with contextlib.ExitStack() as clients:
        closed = [clients.enter_context(server.stream()) for _ in range(STREAMS)]
        vanished = [clients.enter_context(server.stream()) for _ in range(STREAMS)]
        held = server.connections() - before
        assert len(held) >= 2 * STREAMS
        for one in vanished:
            vanish(one)
        for one in closed:
            one.close()
        until("the connections to be given back", lambda: not held & server.connections(), FREED_WITHIN_SECONDS)
        for _ in range(2 * STREAMS):
            clients.enter_context(server.stream())
        threads = web.THREADS if kind == "teacher's page" else forked_servers.THREADS
        assert server.threads() <= threads + OWN_THREADS  # streams hold none


def test_a_write_to_a_client_that_takes_nothing_ends(tmp_path: Path) -> None:
    port = free_port()
    flood = gunicorn_arguments("tests.fakes.flood:create_app()", Endpoint("127.0.0.1", port), threads=2)
    served = server_command(flood)
    process = Process(tmp_path, "flood", *served)
    try:
        until("the site", lambda: answers(f"http://127.0.0.1:{port}/"), 30)
        server = Server(port, "/flood", {})
        before = server.connections()
        with server.stream():
            held = server.connections() - before
            assert held
            until("the write to end", lambda: not held & server.connections(), FREED_WITHIN_SECONDS)
    finally:
        process.stop()
