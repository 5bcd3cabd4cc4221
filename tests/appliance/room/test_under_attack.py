"""A whole resolver in processes of its own while somebody means harm, and while its workers are shot."""

import os
import resource
import signal
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from itertools import islice
from pathlib import Path

import pytest

from dns.message.header import is_truncated
from dns.server.connection_limiter import ConnectionLimits
from tests.fakes.load import Load
from tests.fakes.processes import Room
from tests.fakes.resolvers import question
from tests.fakes.upstream import FakeUpstream

ATTEMPTS = 10_000
HELD = 1500  # at a time: more than a worker lets in
ABORT = struct.pack("ii", 1, 0)  # close with a reset: no ports left waiting
_BESIDE_CONNECTIONS = 60  # descriptors of a worker that are none: its own sockets, files, the loop


@pytest.fixture(autouse=True)
def _descriptors() -> Iterator[None]:
    """Let this process hold as many connections as an attacker would."""
    before, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, most), most))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (before, most))


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    with FakeUpstream() as upstream:
        one = Room(tmp_path, upstream)
        yield one
        one.close()


@pytest.fixture
def small_room(room: Room) -> Room:
    """The same with one worker, whose connections can be counted."""
    room.write(workers=1)
    room.follow(1)
    return room


def connect(source: str, port: int) -> socket.socket:
    """Begin to connect; nobody waits for it."""
    sock = socket.socket()
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
    sock.bind((source, 0))
    sock.connect_ex(("127.0.0.1", port))
    return sock


def strangers_addresses() -> Iterator[str]:
    """Yield loopback addresses, each a device of its own, over and over."""
    while True:
        for number in range(2000):
            yield f"127.9.{number // 250}.{number % 250 + 1}"


class PoliteDevice:
    """Asks over one TCP connection, as RFC 7766 has it, and over UDP."""

    def __init__(self, port: int) -> None:
        self.stream = socket.create_connection(("127.0.0.1", port), 20, source_address=("127.8.0.1", 0))
        self.datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.datagrams.settimeout(20)
        self.datagrams.bind(("127.8.0.1", 0))
        self.datagrams.connect(("127.0.0.1", port))
        self.reader = self.stream.makefile("rb")
        self.number = 0

    def ask(self) -> None:
        self.number += 1
        asked = question(f"n{self.number}.example", identity=self.number)
        self.datagrams.send(asked)
        assert self.datagrams.recv(2048)[:2] == asked[:2]
        self.stream.sendall(len(asked).to_bytes(2, "big") + asked)
        answer = self.reader.read(int.from_bytes(self.reader.read(2), "big"))
        assert answer[:2] == asked[:2]

    def close(self) -> None:
        self.reader.close()
        self.stream.close()
        self.datagrams.close()


def descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def test_ten_thousand_tcp_attempts_from_many_devices_stay_within_the_caps_and_keep_nobody_out(
    small_room: Room,
) -> None:
    (worker,) = small_room.workers()
    polite = PoliteDevice(small_room.port)
    held: list[socket.socket] = []
    most = 0
    for number, source in enumerate(islice(strangers_addresses(), ATTEMPTS)):
        held.append(connect(source, small_room.port))
        if len(held) > HELD:
            held.pop(0).close()
        if number % 200 == 199:
            polite.ask()
            most = max(most, descriptors(worker))
    for sock in held:
        sock.close()
    polite.ask()
    polite.close()
    assert (
        0.9 * ConnectionLimits().max_connections < most <= ConnectionLimits().max_connections + _BESIDE_CONNECTIONS
    )
    assert small_room.workers() == [worker]


def test_a_device_over_its_share_of_connections_loses_its_own_and_no_other(small_room: Room) -> None:
    share = ConnectionLimits().max_connections_per_client
    polite = PoliteDevice(small_room.port)
    greedy = [
        socket.create_connection(("127.0.0.1", small_room.port), 20, source_address=("127.7.0.1", 0))
        for _ in range(share + 20)
    ]
    asked = question("www.example.org")
    answered = 0
    for sock in greedy:
        with suppress(OSError):
            sock.sendall(len(asked).to_bytes(2, "big") + asked)
            answered += sock.recv(2) != b""
    assert answered == share
    with socket.create_connection(("127.0.0.1", small_room.port), 20, source_address=("127.7.0.1", 0)) as one_more:
        one_more.sendall(len(asked).to_bytes(2, "big") + asked)
        assert one_more.recv(2) != b""
    polite.ask()
    polite.close()
    for sock in greedy:
        sock.close()


def test_a_flood_from_one_device_leaves_the_others_their_answers(small_room: Room) -> None:
    small_room.write(workers=1, rate_limit=200)
    small_room.follow(1)
    polite = PoliteDevice(small_room.port)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as flood:
        flood.setblocking(False)
        flood.bind(("127.7.0.2", 0))
        flood.connect(("127.0.0.1", small_room.port))
        for number in range(20_000):
            with suppress(BlockingIOError, ConnectionRefusedError):
                flood.send(question(f"f{number}.example", identity=number % 65536))
            if number % 500 == 499:
                polite.ask()
    polite.close()


def test_a_device_has_its_limit_once_and_not_from_each_worker(room: Room) -> None:
    rate, workers, ports = 50, 2, 24  # the kernel gives each port to one of the workers
    room.write(workers=workers, rate_limit=rate)
    room.follow(workers)
    asked = answered = 0
    seconds = 0.0
    with ExitStack() as stack:
        flood = [stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(ports)]
        for sock in flood:
            sock.settimeout(20)
            sock.bind(("127.7.0.4", 0))
            sock.connect(("127.0.0.1", room.port))
        began = time.monotonic()
        while seconds < 2:  # a limit is for each second: less would show nothing
            sock = flood[asked % ports]
            sock.send(question("www.example.org", identity=asked % 65536))
            answered += not is_truncated(sock.recv(2048))
            asked += 1
            seconds = time.monotonic() - began
    # Who was quiet may ask a second's worth at once, of each worker until they have told each other.
    assert answered <= rate * (seconds + workers) * 1.1
    assert answered >= min(asked, rate)


def test_workers_that_are_killed_under_load_lose_no_more_than_they_held(room: Room) -> None:
    victims = room.workers()
    with Load(room.port, forgiving=True) as load:
        load.wait_for(200)
        for victim in victims:
            os.kill(victim, signal.SIGKILL)
            room.until("starting it again")
            load.wait_for(200)
    # A device has one question under way at a time, and a worker held at most all of them.
    assert len(load.lost) <= len(victims) * load.devices
    assert all("timed out" in one for one in load.lost)
