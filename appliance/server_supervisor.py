"""Keeps copies of a process running that this one was until a moment ago (`appliance.forked_program`).

Whoever imported everything and made the copies becomes this (execve(2)): the process, its children, its locks and
the sockets stay, and its memory goes. A copy that ends is replaced by a command that serves on the same sockets.
"""

import json
import os
import socket
import sys
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple, NoReturn

from appliance.process_watchdog import ProcessWatchdog
from appliance.processes import ProcessGroup, Program

_COPIES_VARIABLE = "HALLPASS_COPIES"


class RunningCopy(NamedTuple):
    """A child that runs: its number, the socket of its watchdog, and what is started when it has ended."""

    pid: int
    watchdog: int
    again: Program


def become_supervisor(copies: Sequence[RunningCopy], arguments: Sequence[str], kept: Sequence[int]) -> NoReturn:
    """Be what keeps copies running from now on; `arguments` are only shown; `kept`: files that stay open."""
    for number in (*kept, *(one.watchdog for one in copies), *(fd for one in copies for fd in one.again.sockets)):
        os.set_inheritable(number, True)  # noqa: FBT003 (its signature)
    environment = os.environ | {_COPIES_VARIABLE: json.dumps(copies)}
    os.execve(sys.executable, [sys.executable, "-m", __name__, *arguments], environment)  # noqa: S606 (ourselves)


def main() -> NoReturn:
    """Keep the copies running that the environment names, until a signal; then stop them."""
    name = sys.argv[1] if len(sys.argv) > 1 else "hallpass"
    # Whatever fails at its first start or later is started again, and the others go on meanwhile: all that can be
    # wrong from the start was asked for before anything was copied.
    group = ProcessGroup(partial(_say, name), is_hopeless=lambda _name: False)
    for pid, watchdog, (title, command, seconds, sockets) in json.loads(os.environ.pop(_COPIES_VARIABLE)):
        opened = socket.socket(fileno=watchdog)
        program = Program(title, tuple(command), seconds, tuple(sockets))
        group.adopt_program(program, pid, ProcessWatchdog(seconds, opened))
    sys.exit(group.run_until_signal())


def _say(name: str, text: str) -> None:
    sys.stderr.write(f"{name}: {text}\n")


if __name__ == "__main__":
    main()
