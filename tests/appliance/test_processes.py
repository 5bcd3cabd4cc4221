"""Several programs live and die together, and nothing is left running."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance import process_watchdog
from appliance.processes import ProcessGroup, Program


def python(name: str, code: str) -> Program:
    return Program(name, (sys.executable, "-c", textwrap.dedent(code)))


SLEEPER = python("sleeper", "import signal; signal.pause()")


class Said(list[str]):
    """What was said to the person at the terminal."""


@pytest.fixture
def said() -> Said:
    return Said()


@pytest.fixture
def foreground(said: Said) -> Iterator[ProcessGroup]:
    group = ProcessGroup(said.append)
    yield group
    group.stop_programs()


def test_a_program_that_cannot_start_stops_the_whole_group(foreground: ProcessGroup, said: Said) -> None:
    foreground.start_programs([SLEEPER, python("broken", "raise SystemExit(1)")])
    assert foreground.run_until_signal() == 1
    assert said == ["broken did not start; stopping"]


def test_a_signal_stops_everything_and_leaves_nothing_running(foreground: ProcessGroup, tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    program = python(
        "child",
        f"""
        import os, pathlib, signal
        pathlib.Path({str(mark)!r}).write_text(str(os.getpid()))
        signal.pause()
        """,
    )
    foreground.start_programs([program])

    def interrupt_when_started() -> None:
        if mark.exists() and mark.read_text():
            os.kill(os.getpid(), signal.SIGINT)

    assert foreground.run_until_signal(on_tick=interrupt_when_started) == 0
    with pytest.raises(ProcessLookupError):
        os.kill(int(mark.read_text()), 0)


def test_a_program_that_dies_later_is_started_again(said: Said, tmp_path: Path) -> None:
    foreground = ProcessGroup(said.append, is_hopeless=lambda name: False)
    starts = tmp_path / "starts"
    program = python(
        "mortal",
        f"""
        import pathlib, signal
        starts = pathlib.Path({str(starts)!r})
        count = len(starts.read_text()) if starts.exists() else 0
        starts.write_text("x" * (count + 1))
        if count:
            signal.pause()
        """,
    )
    foreground.start_programs([program])

    def interrupt_after_the_second_start() -> None:
        if starts.exists() and starts.read_text() == "xx":
            os.kill(os.getpid(), signal.SIGTERM)

    assert foreground.run_until_signal(on_tick=interrupt_after_the_second_start) == 0
    assert said == ["mortal ended (0); starting it again"]


def test_a_program_that_fails_at_its_start_stops_nobody_where_there_is_hope(said: Said, tmp_path: Path) -> None:
    group = ProcessGroup(said.append, is_hopeless=lambda name: False)
    other, failing = tmp_path / "other", tmp_path / "failing"
    group.start_programs([counting("other", other, "signal.pause()"), counting("failing", failing, "sys.exit(1)")])

    def interrupt_after_the_second_failure() -> None:
        if failing.exists() and failing.read_text() == "xx":
            os.kill(os.getpid(), signal.SIGTERM)

    assert group.run_until_signal(on_tick=interrupt_after_the_second_failure) == 0
    assert other.read_text() == "x"
    assert said[0] == "failing ended (1); starting it again"


SPEAKING = """
from appliance.sd_notify import sd_notify
speaker = os.getpid()
worker = os.fork()
if not worker:
    while os.getppid() == speaker:  # stopped like a server's worker that hangs
        time.sleep(0.1)
    sys.exit()
pathlib.Path({worker!r}).write_text(str(worker))
while True:
    sd_notify("WATCHDOG=1")
    time.sleep(0.05)
"""


def test_a_program_that_hangs_is_ended_with_all_it_started_and_started_again(said: Said, tmp_path: Path) -> None:
    group = ProcessGroup(said.append)
    starts, worker = tmp_path / "starts", tmp_path / "worker"
    program = counting("speaker", starts, SPEAKING.format(worker=str(worker)))
    group.start_programs([Program(program.name, program.arguments, watchdog_seconds=1.0)])
    stopped: list[int] = []

    def stop_the_first_and_wait_for_the_second() -> None:
        if not stopped and worker.exists() and worker.read_text():
            stopped.extend((int(worker.read_text()), parent_of(int(worker.read_text()))))
            for pid in stopped:
                os.kill(pid, signal.SIGSTOP)
        if starts.exists() and starts.read_text() == "xx":
            os.kill(os.getpid(), signal.SIGTERM)

    assert group.run_until_signal(on_tick=stop_the_first_and_wait_for_the_second) == 0
    assert said[:2] == ["speaker does not answer; ending it", "speaker ended (-9); starting it again"]
    assert not [pid for pid in stopped if is_running(pid)]


def test_a_program_that_never_speaks_is_given_longer(said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_watchdog, "FIRST_SIGN_SECONDS", 0.5)
    group = ProcessGroup(said.append)
    started = time.monotonic()
    group.start_programs([Program(SLEEPER.name, SLEEPER.arguments, watchdog_seconds=0.1)])

    def interrupt_when_it_was_ended() -> None:
        if said:
            os.kill(os.getpid(), signal.SIGTERM)

    group.run_until_signal(on_tick=interrupt_when_it_was_ended)
    assert said[0] == "sleeper does not answer; ending it"
    assert time.monotonic() - started >= 0.5


def counting(name: str, starts: Path, then: str) -> Program:
    """Return a program that notes each of its starts."""
    head = f"import os, pathlib, signal, sys, time; starts = pathlib.Path({str(starts)!r})"
    note = "starts.write_text((starts.read_text() if starts.exists() else '') + 'x')"
    return Program(name, (sys.executable, "-c", f"{head}\n{note}\n{textwrap.dedent(then)}"))


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_no_child_outlives_a_group_that_was_killed(tmp_path: Path) -> None:
    code = """
        from appliance.processes import ProcessGroup, Program
        import sys
        group = ProcessGroup(print)
        group.start_programs([Program("child", (sys.executable, "-c",
            "import os, signal; print(os.getpid(), flush=True); signal.pause()"))])
        group.run_until_signal()
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child = os.pidfd_open(int(parent.stdout.readline()))
        parent.kill()
        # The child holds the other end of this pipe: its end is the end of the stream.
        assert parent.stdout.read() == ""
        os.close(child)
