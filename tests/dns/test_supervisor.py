"""Workers that die, and workers that are told to stop: real processes, real signals, real questions."""

import os
import select
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.bench.servers import family
from tests.fakes.resolvers import question
from tests.fakes.upstream import FakeUpstream

PROGRAM = """
import sys
from dns.heartbeats import WorkerHeartbeats
from dns.server.listen_sockets import ListenAddresses, ListenSockets
from dns.supervisor import Supervisor
from dns.worker_group import WorkerGroup
from dns.forward.server import ServerAddress
from dns.worker import Worker, run_worker
from dns.worker_config import WorkerSettings
from tests.fakes.policy import FakePolicy

class Source:
    policy = FakePolicy(blocked={"bets.example"})
    def current(self): return self.policy
    def has_changed(self): return False
    def is_touched(self): return False
    def is_whole(self): return True

count, host, port = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
settings = WorkerSettings(networks=("127.0.0.0/8",), upstreams=(ServerAddress("plain", host, port),))
sockets = ListenSockets().with_addresses(ListenAddresses(plain=(("127.0.0.1", 0),)), count)
say = lambda text: print(text, flush=True)
heartbeats = WorkerHeartbeats()
def run(number, own, ready):
    beat = lambda: heartbeats.record_heartbeat(number)
    run_worker(lambda: Worker(settings, own, Source(), beat=beat), ready)
ready = lambda: say(f"ready {sockets.addresses[0][1]}")
supervisor = Supervisor(WorkerGroup(sockets, count, run), log=say, ready=ready, heartbeats=heartbeats)
sys.exit(supervisor.supervise())
"""


class Supervised:
    def __init__(self, workers: int, upstream: FakeUpstream) -> None:
        program = textwrap.dedent(PROGRAM)
        address = upstream.address
        self.process = subprocess.Popen(
            [sys.executable, "-c", program, str(workers), address.host, str(address.port)],
            stdout=subprocess.PIPE,
            text=True,
        )
        self.port = int(self.line().split()[1])
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.settimeout(20)
        self.sock.connect(("127.0.0.1", self.port))

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def workers(self) -> list[int]:
        return family(self.process.pid)[1:]

    def ask(self, number: int) -> int:
        self.sock.send(question("bets.example", identity=number))
        return int.from_bytes(self.sock.recv(2048)[:2], "big")

    def is_answered(self, number: int) -> bool:
        """Ask as a device does, once more each second, from a port of its own."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
            device.settimeout(1)
            device.connect(("127.0.0.1", self.port))
            for _ in range(10):
                device.send(question("bets.example", identity=number))
                with suppress(TimeoutError):
                    return device.recv(2048)[:2] == number.to_bytes(2, "big")
        return False

    def close(self) -> None:
        self.sock.close()
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(20)
        if self.process.stdout is not None:
            self.process.stdout.close()


@pytest.fixture
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as one:
        yield one


@pytest.fixture(params=[1, 3])
def supervised(request: pytest.FixtureRequest, upstream: FakeUpstream) -> Iterator[Supervised]:
    one = Supervised(request.param, upstream)
    yield one
    one.close()


def test_a_killed_worker_is_replaced_and_what_arrives_meanwhile_is_answered(supervised: Supervised) -> None:
    before = supervised.workers()
    assert supervised.ask(1) == 1
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    # Sent while nobody lives: it waits in the socket, which the supervisor kept open.
    answered = {supervised.ask(number) for number in range(2, 20)}
    assert answered == set(range(2, 20))
    after = supervised.workers()
    assert len(after) == len(before)
    assert not set(after) & set(before)
    assert "starting it again" in supervised.line()


def test_a_worker_that_hangs_is_ended_and_replaced(supervised: Supervised) -> None:
    before = supervised.workers()
    assert supervised.ask(1) == 1
    os.kill(before[0], signal.SIGSTOP)
    stopped = os.pidfd_open(before[0])
    assert "worker 1 does not answer; ending it" in supervised.line()
    assert select.select([stopped], [], [], 20)[0]
    os.close(stopped)
    assert "worker 1 ended (-9); starting it again" in supervised.line()
    answered = {number for number in range(2, 40) if supervised.is_answered(number)}
    assert answered == set(range(2, 40))
    assert set(supervised.workers()) & set(before) == set(before[1:])


def test_sigterm_ends_every_worker_in_good_order(supervised: Supervised) -> None:
    workers = supervised.workers()
    supervised.process.terminate()
    assert supervised.process.wait(20) == 0
    assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]


def test_workers_do_not_outlive_a_supervisor_that_is_killed(supervised: Supervised) -> None:
    workers = [os.pidfd_open(pid) for pid in supervised.workers()]
    supervised.process.kill()
    for worker in workers:
        # Readable once the process has ended; were it not ended, the test's own time limit would be.
        assert select.select([worker], [], [], 20)[0]
        os.close(worker)


def test_workers_that_keep_dying_never_leave_nobody_at_the_address(upstream: FakeUpstream) -> None:
    one = Supervised(2, upstream)
    try:
        for _ in range(8):
            while not (alive := one.workers()):
                pass  # both are put off for a while
            for pid in alive:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            socket.create_connection(("127.0.0.1", one.port), 20).close()  # somebody's socket takes it
    finally:
        one.close()


SHARING = """
import gc, signal, sys
from pathlib import Path
from dns.server.listen_sockets import ListenAddresses, ListenSockets
from dns.supervisor import Supervisor
from dns.worker_group import WorkerGroup

made_before = [[number] for number in range(300_000)]

def run(number, own, ready):
    gc.collect()  # as a worker does
    memory = dict(line.split()[:2] for line in Path("/proc/self/smaps_rollup").read_text().splitlines()[1:])
    print(int(memory["Shared_Dirty:"]) > 4 * int(memory["Private_Dirty:"]), flush=True)
    ready()
    signal.pause()

sockets = ListenSockets().with_addresses(ListenAddresses(plain=(("127.0.0.1", 0),)), 1)
sys.exit(Supervisor(WorkerGroup(sockets, 1, run), log=print).supervise())
"""


def test_what_the_supervisor_made_is_there_once_whatever_its_workers_collect() -> None:
    with subprocess.Popen([sys.executable, "-c", SHARING], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "True\n"
        process.terminate()
    assert process.returncode == 0
