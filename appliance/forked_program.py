"""Programs that are copies of one process instead of commands: what was imported is imported once.

Pages of memory that nobody writes to are shared between copies (fork(2)). The process that makes them must have no
threads, no event loop and no connection open: a copy would have half of them. Of what it imported it needs nothing
once they run, so it becomes their supervisor (`appliance.server_supervisor`), under the same number.
"""

import ctypes
import multiprocessing
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn

import msgspec

from appliance.allocator import freeze_heap
from appliance.process_watchdog import ProcessWatchdog
from appliance.processes import PR_SET_PDEATHSIG, STOP_SIGNALS, Program
from appliance.server_supervisor import RunningCopy, become_supervisor

_PR_SET_NAME = 15
_NAME_BYTES = 15

_libc = ctypes.CDLL(None)
_context = multiprocessing.get_context("fork")


class ForkedProgram(msgspec.Struct, frozen=True):
    """A function to run in a copy of this process; it returns, or leaves with SystemExit."""

    run: Callable[[], None]
    title: str  # what ps(1) and top(1) show, at most 15 bytes
    watchdog_seconds: float
    again: Program  # what runs instead when it has ended; its sockets stay open


def supervise_copies(programs: Sequence[ForkedProgram], arguments: Sequence[str], kept: Sequence[int]) -> NoReturn:
    """Start copies, and become the process that keeps them running.

    `arguments`: what ps(1) shows of it; `kept`: the open files that it keeps, beside the programs' sockets.
    """
    freeze_heap()
    # A signal that comes between a process's first moment and its own handlers waits for them.
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    watchdogs = [ProcessWatchdog(program.watchdog_seconds) for program in programs]
    copies = [
        RunningCopy(_fork(program, watchdog.environment), watchdog.socket.fileno(), program.again)
        for program, watchdog in zip(programs, watchdogs, strict=True)
    ]
    become_supervisor(copies, arguments, kept)


def name_process(title: str) -> None:
    """Say what ps(1) and top(1) call this process."""
    _libc.prctl(_PR_SET_NAME, title.encode()[:_NAME_BYTES])


def run_apart(run: Callable[[], None]) -> None:
    """Run it in a process that ends, which leaves nothing of it in this one. It may have no threads."""
    process = _context.Process(target=run)
    process.start()
    process.join()


def _fork(program: ForkedProgram, environment: Mapping[str, str]) -> int:
    arguments = (program.run, program.title, dict(environment), os.getpid())
    process = _context.Process(target=_run_copy, args=arguments, name=program.title)
    process.start()
    return process.pid or 0


def _run_copy(run: Callable[[], None], title: str, environment: dict[str, str], parent: int) -> None:
    os.environ.update(environment)
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    name_process(title)
    os.setsid()  # Ctrl-C reaches the supervisor alone
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
    if os.getppid() == parent:
        run()
