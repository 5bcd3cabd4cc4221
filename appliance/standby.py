"""What a server that stands by is: its open sockets, and a look now and then whether somebody needs it.

It is run by `appliance.web_standby` in place of a program that nobody has needed for a while, in the same process
(execve(2)), and becomes that program again as soon as

- somebody connects, who waits in the kernel's queue until the program accepts; or
- one of the files that are written to whenever the machine is used looks other than before.

What is imported here stays in memory instead of a whole site: the standard library's smallest parts, nothing else.
"""

import os
import select
import signal
import sys
from collections.abc import Callable, Sequence

from appliance.sd_notify import sd_notify

LOOK_SECONDS = 2.0


def stand_by(sockets: Sequence[int], is_used: Callable[[], bool]) -> bool:
    """Wait until somebody connects, or `is_used` says so; False: whoever started this process is gone."""
    parent = os.getppid()
    poll = select.poll()
    for number in sockets:
        poll.register(number, select.POLLIN)
    while not poll.poll(LOOK_SECONDS * 1000):
        sd_notify("WATCHDOG=1")
        if os.getppid() != parent:
            return False
        if is_used():
            break
    return True


def look_at(paths: Sequence[str]) -> str:
    """Return what changes whenever one of some files is written to."""
    return ", ".join(map(_look_at_file, paths))


def _look_at_file(path: str) -> str:
    try:
        found = os.stat(path)  # noqa: PTH116 (pathlib would be as large as all of this)
    except OSError:
        return "nothing"
    return f"{found.st_ino} {found.st_mtime_ns} {found.st_size}"


def main() -> None:
    """Run `python -c CODE SIGNS BEFORE SOCKETS COMMAND...`: stand by, then become the command.

    BEFORE: how the files SIGNS, one a line, looked when the machine was used last (`look_at`).
    """
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # "open the log files anew": it has none
    signs, before, sockets, *command = sys.argv[1:]
    if not stand_by([int(number) for number in sockets.split(",")], lambda: look_at(signs.split("\n")) != before):
        return
    sd_notify("WATCHDOG=1")  # the program takes a while to begin
    try:
        os.execv(command[0], command)  # noqa: S606 (whoever ran this says what)
    except OSError as problem:
        sys.exit(f"{command[0]} cannot be run again: {problem.strerror}")
