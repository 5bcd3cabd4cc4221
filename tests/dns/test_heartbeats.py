"""Who beats is alive; who stops beating hangs, unless it was the machine that stood still."""

import os

from dns.heartbeats import BEAT_SECONDS, HANG_SECONDS, START_SECONDS, WorkerHeartbeats
from tests.fakes.clock import FakeClock


def hung_after(heartbeats: WorkerHeartbeats, clock: FakeClock, seconds: float) -> tuple[int, ...]:
    """Look as a supervisor does, once a second; return who hangs at the end."""
    hung: tuple[int, ...] = ()
    for _ in range(int(seconds)):
        clock.now += 1.0
        hung = heartbeats.find_hung_workers((1, 2))
    return hung


def test_a_worker_beats_from_its_own_process_and_hangs_when_it_beats_no_more() -> None:
    clock = FakeClock(1000.0)
    heartbeats = WorkerHeartbeats(clock)
    pid = os.fork()
    if pid == 0:
        heartbeats.record_heartbeat(1)
        os._exit(0)
    os.waitpid(pid, 0)
    assert hung_after(heartbeats, clock, HANG_SECONDS) == ()
    assert hung_after(heartbeats, clock, 2) == (1,)
    heartbeats.record_heartbeat(1)
    assert hung_after(heartbeats, clock, 1) == ()


def test_a_worker_that_starts_may_take_longer_and_not_for_ever() -> None:
    clock = FakeClock(1000.0)
    heartbeats = WorkerHeartbeats(clock)
    heartbeats.record_heartbeat(1)
    heartbeats.reset_worker(1)
    assert hung_after(heartbeats, clock, START_SECONDS) == ()
    assert hung_after(heartbeats, clock, 2) == (1, 2)


def test_a_machine_that_stood_still_is_no_fault_of_its_workers() -> None:
    clock = FakeClock(1000.0)
    heartbeats = WorkerHeartbeats(clock)
    heartbeats.record_heartbeat(1)
    assert hung_after(heartbeats, clock, 1) == ()
    clock.now += 3600.0
    assert hung_after(heartbeats, clock, 1) == ()


def test_there_are_many_beats_before_a_worker_counts_as_hung() -> None:
    assert HANG_SECONDS >= 5 * BEAT_SECONDS


def test_workers_beyond_those_that_have_a_place_are_taken_for_alive() -> None:
    heartbeats = WorkerHeartbeats(FakeClock(1000.0))
    heartbeats.record_heartbeat(5000)
    heartbeats.reset_worker(5000)
    assert heartbeats.find_hung_workers((5000,)) == ()
