"""Several programs live and die together, and nothing is left running."""

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

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
    foreground = ProcessGroup(said.append, startup_seconds=0.0)
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
