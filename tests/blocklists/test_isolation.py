"""Whatever happens in one child is its own one-line reason, and every other task has its result."""

import os
import signal
import threading
import time

import msgspec
import pytest

from blocklists.errors import FetchFailed
from blocklists.isolation import IsolatedTasks, ProcessLimits, ReportProgress


class Doubled(msgspec.Struct, frozen=True):
    number: int


def do(word: str, progress: ReportProgress) -> Doubled:  # noqa: C901 (one branch a way to fail)
    progress(1, 2)
    if word == "memory":
        bytearray(4 * 1024**3)
    elif word == "recursion":
        do_recursively(0)
    elif word == "processor":
        while True:
            pass
    elif word == "sleep":
        threading.Event().wait(600)
    elif word == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    elif word == "crashed":
        signal.signal(signal.SIGSEGV, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGSEGV)
    elif word == "left":
        os._exit(0)
    elif word == "system exit":
        raise SystemExit(3)
    elif word == "end of file":
        raise EOFError
    elif word == "ours":
        raise FetchFailed("the server answered 404")
    elif word == "several\nlines":
        raise ValueError("one\ntwo\x1b[31m")
    return Doubled(2 * len(word))


LIMITS = ProcessLimits(seconds=90.0, cpu_seconds=1, address_bytes=1024**3)
WAYS = {
    "memory": "needs more memory than one list may take",
    "recursion": "is nested too deeply",
    "processor": "took more than 1 seconds of processor time",
    "killed": "its reading was ended by the system; is there enough memory?",
    "crashed": "brought down the process that read it (SIGSEGV)",
    "left": "its reading ended without a word",
    "system exit": "could not be read (SystemExit: 3)",
    "end of file": "is damaged: what is compressed in it ends too soon, or is not what it seems to be",
    "ours": "the server answered 404",
    "several\nlines": "could not be read (ValueError: one two\N{REPLACEMENT CHARACTER}[31m)",
}


def do_recursively(depth: int) -> int:
    return do_recursively(depth + 1) + 1


@pytest.mark.parametrize("start_method", ["forkserver", "spawn"])
def test_each_way_to_fail_is_one_line_and_touches_no_other(start_method: str) -> None:
    tasks = IsolatedTasks(do, Doubled, LIMITS, start_method="spawn" if start_method == "spawn" else "forkserver")
    words = [*WAYS, "well"]
    outcomes = {one.name: one for one in tasks.run([(word, word) for word in words])}
    assert {name: one.reason for name, one in outcomes.items() if one.result is None} == WAYS
    assert outcomes["well"].result == Doubled(8)


def test_a_deadline_ends_a_child_whatever_it_waits_for() -> None:
    tasks = IsolatedTasks(do, Doubled, ProcessLimits(seconds=3.0))
    began = time.monotonic()
    outcomes = {one.name: one for one in tasks.run([("sleep", "sleep"), ("well", "well")])}
    assert outcomes["sleep"].reason == "took longer than 3 seconds"
    assert outcomes["well"].result == Doubled(8)
    assert time.monotonic() - began < 60


def test_progress_is_told_by_name() -> None:
    told: list[tuple[str, int, int]] = []
    tasks = IsolatedTasks(do, Doubled, LIMITS, progress=lambda *said: told.append(said))
    list(tasks.run([("well", "well")]))
    assert told == [("well", 1, 2)]


def test_whoever_leaves_early_leaves_no_child_behind() -> None:
    tasks = IsolatedTasks(do, Doubled, ProcessLimits(seconds=60.0), workers=2)
    running = tasks.run([("well", "well"), ("sleep", "sleep")])
    assert next(running).name == "well"
    began = time.monotonic()
    running.close()  # type: ignore[attr-defined]  # it is a generator
    assert time.monotonic() - began < 30
