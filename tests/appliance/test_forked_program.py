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

import pytest

_BEGIN = """
import os, signal, socket, sys, time
from pathlib import Path
from appliance.forked_program import ForkedProgram, supervise_copies
from appliance.processes import Program
from appliance.sd_notify import sd_notify

folder = Path(sys.argv[1])
shared = ["made once"]

def tell(text):
    os.write(1, f"{text}\\n".encode())

def mark():
    (folder / "pid.new").write_text(str(os.getpid()))
    (folder / "pid.new").rename(folder / "pid")
    signal.pause()

def supervise(run, then="raise SystemExit", sockets=(), kept=(), seconds=60.0, title="copy"):
    again = Program("copy", (sys.executable, "-c", f"import os, signal, socket, sys\\n{then}"), seconds, sockets)
    supervise_copies([ForkedProgram(run, title, seconds, again)], ("test",), kept)

STOP = "os.kill(os.getppid(), signal.SIGTERM); signal.pause()"
"""


def start(folder: Path, code: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", _BEGIN + textwrap.dedent(code), str(folder)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def run(folder: Path, code: str) -> str:
    with start(folder, code) as process:
        said, _ = process.communicate(timeout=60)
    return said + f"status {process.returncode}"


def test_a_copy_has_what_was_made_before_and_a_name_and_a_session_of_its_own(tmp_path: Path) -> None:
    said = run(
        tmp_path,
        """
        def show():
            tell((shared, Path("/proc/self/comm").read_text().strip(), os.getsid(0) == os.getpid()))
            os.kill(os.getppid(), signal.SIGTERM)
            signal.pause()

        supervise(show, title="a copy of this process")
        """,
    )
    assert said == "(['made once'], 'a copy of this', True)\nstatus 0"


def test_who_made_a_copy_keeps_its_number_and_what_it_was_told_to_and_forgets_the_rest(tmp_path: Path) -> None:
    said = run(
        tmp_path,
        """
        opened = os.open(folder / "kept", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
        supervisor = os.getpid()

        def look():
            while b"-m" not in Path(f"/proc/{supervisor}/cmdline").read_bytes().split(b"\\0"):
                time.sleep(0.01)  # not yet: it was started with -c
            kept = os.readlink(f"/proc/{supervisor}/fd/{opened}")
            tell((os.getppid() == supervisor, kept == str(folder / "kept")))
            tell("msgspec" in Path(f"/proc/{supervisor}/maps").read_text())
            os.kill(supervisor, signal.SIGTERM)
            signal.pause()

        import msgspec
        supervise(look, kept=[opened])
        """,
    )
    assert said == "(True, True)\nFalse\nstatus 0"


def test_a_copy_that_ends_is_replaced_by_a_command_on_the_same_sockets(tmp_path: Path) -> None:
    said = run(
        tmp_path,
        """
        listener = socket.create_server(("127.0.0.1", 0))
        number, port = listener.fileno(), listener.getsockname()[1]

        def fail():
            tell("once")
            os.kill(os.getpid(), signal.SIGKILL)

        again = f"print(socket.socket(fileno={number}).getsockname()[1] == {port}, flush=True); {STOP}"
        supervise(fail, again, sockets=(number,))
        """,
    )
    assert said == "once\ntest: copy ended (-9); starting it again\nTrue\nstatus 0"


def test_a_copy_that_hangs_is_replaced(tmp_path: Path) -> None:
    said = run(
        tmp_path,
        """
        def hang():
            sd_notify("WATCHDOG=1")
            os.kill(os.getpid(), signal.SIGSTOP)

        supervise(hang, STOP, seconds=0.5)
        """,
    )
    ended = "test: copy does not answer; ending it\ntest: copy ended (-9); starting it again\n"
    assert said.startswith(ended)
    assert said.endswith("status 0")


def test_a_signal_to_stop_in_a_first_moment_is_not_lost(tmp_path: Path) -> None:
    """Neither by the copy, before it has handlers, nor by who made it, while it becomes another program."""
    for _ in range(5):
        said = run(
            tmp_path,
            """
            def stop_at_once():
                signal.signal(signal.SIGTERM, lambda *_: (tell("stopped"), sys.exit()))
                os.kill(os.getppid(), signal.SIGTERM)
                while True:
                    signal.pause()

            supervise(stop_at_once)
            """,
        )
        assert said == "stopped\nstatus 0"


def test_a_copy_never_outlives_who_made_it(tmp_path: Path) -> None:
    process = start(tmp_path, "supervise(mark)")
    with process:
        until = time.monotonic() + 30
        while not (tmp_path / "pid").exists():
            assert time.monotonic() < until
            time.sleep(0.02)
        copy = int((tmp_path / "pid").read_text())
        while Path(f"/proc/{process.pid}/cmdline").read_bytes().split(b"\0")[1] != b"-m":
            assert time.monotonic() < until
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=20)  # it ends only once nobody can write to its output any more
    while not is_gone(copy):
        assert time.monotonic() < until + 30
        time.sleep(0.02)


@pytest.mark.usefixtures("without_coverage")
def test_who_looks_after_copies_has_imported_what_that_needs_and_no_more() -> None:
    """It stays for months: each of these is a megabyte or more."""
    unwanted = {"asyncio", "click", "hashlib", "inspect", "logging", "msgspec", "multiprocessing", "sqlalchemy"}
    script = f"import sys, appliance.server_supervisor; print(*sorted({unwanted!r}.intersection(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("\n", "")


def is_gone(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    return "State:\tZ" in Path(f"/proc/{process}/status").read_text()
