"""The command, and stories that need an interpreter, or several, of their own."""

import subprocess
import sys
import textwrap

HALLPASS = (sys.executable, "-m", "appliance")
TOGETHER = 4  # processes


def run(*arguments: str, typed: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run `hallpass` to its end."""
    return subprocess.run(
        [*HALLPASS, *arguments], capture_output=True, text=True, timeout=60, check=False, input=typed
    )


def run_together(code: str, *arguments: str) -> list[tuple[str, int]]:
    """Run it in several processes that begin at the same moment; return what each said of errors, and its status.

    The code prints a line when it is ready, and goes on when it has read one.
    """
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for _ in range(TOGETHER)
    ]  # fmt: skip
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    return [(process.communicate(timeout=60)[1], process.returncode) for process in processes]


def run_under_gevent(imports: str, story: str) -> str:
    """Run it in an interpreter of its own: an event loop, once there, changes how a thread waits."""
    code = f"import threading, time, gevent\n{imports}\n{textwrap.dedent(story)}"
    command = [sys.executable, "-X", "dev", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
