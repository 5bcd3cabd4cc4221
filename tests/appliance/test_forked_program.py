"""Programs that are copies of the process that keeps them running: what they share, and how they end.

Each test is a process of its own: whoever forks must have no threads, and pytest has some.
"""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

_BEGIN = """
import os, signal, sys, time
from pathlib import Path
from appliance.forked_program import ForkedProgram, prepare_to_fork
from appliance.processes import ProcessGroup

folder = Path(sys.argv[1])
shared = ["made once"]
prepare_to_fork()
"""


def start(folder: Path, code: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", _BEGIN + textwrap.dedent(code), str(folder)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def run(folder: Path, code: str) -> str:
    with start(folder, code) as process:
        said, _ = process.communicate(timeout=60)
    return said


def test_a_copy_has_what_was_made_before_and_a_name_and_a_session_of_its_own(tmp_path: Path) -> None:
    said = run(
        tmp_path,
        """
        def tell():
            print(shared, Path("/proc/self/comm").read_text().strip(), os.getsid(0) == os.getpid(), flush=True)
            sys.exit(7)

        print(ForkedProgram("copy", tell, title="a copy of this process").start({}).wait(20))
        """,
    )
    assert said == "['made once'] a copy of this True\n7\n"


def test_a_copy_that_fails_is_started_again_from_the_same_state(tmp_path: Path) -> None:
    said = run(
        tmp_path,
        """
        def fail_once():
            shared.append("by the copy")
            print(len(shared), flush=True)
            with (folder / "starts").open("a") as starts:
                starts.write("x")
            if len((folder / "starts").read_text()) == 1:
                os.kill(os.getpid(), signal.SIGKILL)
            os.kill(os.getppid(), signal.SIGTERM)
            signal.pause()

        group = ProcessGroup(lambda text: print(text, flush=True), lambda name: False)
        group.start_programs([ForkedProgram("copy", fail_once, title="copy")])
        print("status", group.run_until_signal(), shared)
        """,
    )
    assert said == "2\ncopy ended (-9); starting it again\n2\nstatus 0 ['made once']\n"


def test_a_signal_to_stop_in_a_copys_first_moment_is_not_lost(tmp_path: Path) -> None:
    said = run(
        tmp_path,
        """
        signal.signal(signal.SIGTERM, lambda *_: None)  # as a supervisor has one
        for _ in range(20):
            process = ForkedProgram("copy", signal.pause, title="copy").start({})
            process.send_signal(signal.SIGTERM)
            print(process.wait(20))
        """,
    )
    assert said == "-15\n" * 20


def test_a_copy_never_outlives_who_made_it(tmp_path: Path) -> None:
    process = start(
        tmp_path,
        """
        def mark():
            (folder / "pid.new").write_text(str(os.getpid()))
            (folder / "pid.new").rename(folder / "pid")
            signal.pause()

        ForkedProgram("copy", mark, title="copy").start({}).wait()
        """,
    )
    with process:
        until = time.monotonic() + 30
        while not (tmp_path / "pid").exists():
            assert time.monotonic() < until
            time.sleep(0.02)
        copy = int((tmp_path / "pid").read_text())
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=20)  # it ends only once nobody can write to its output any more
    while not is_gone(copy):
        assert time.monotonic() < until + 30
        time.sleep(0.02)


def is_gone(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    return "State:\tZ" in Path(f"/proc/{process}/status").read_text()
