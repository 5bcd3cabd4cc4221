"""Runs several commands in the foreground as one: starts them, restarts what dies, stops them all together.

On the card systemd does this; `hallpass room` and `hallpass demo` do it on a developer's machine. Rules:

- A child that fails within `STARTUP_SECONDS` of the first start has something wrong that a restart will not
  mend (a port taken, a mistake in the settings): everything stops, and the status is 1. The child has said why.
- A child that dies later is restarted, after a pause that doubles from one second up to thirty.
- SIGINT or SIGTERM stops everything: SIGTERM to each child, SIGKILL to what is left after `STOP_TIMEOUT_SECONDS`.
- A child never outlives us: the kernel ends it when this process dies, however it dies (Linux, prctl(2)).
"""

import ctypes
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from types import FrameType

import msgspec

STARTUP_SECONDS = 3.0
STOP_TIMEOUT_SECONDS = 8.0
MAX_RESTART_DELAY_SECONDS = 30.0
_POLL_SECONDS = 0.1

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


class Program(msgspec.Struct, frozen=True):
    """A command to keep running."""

    name: str
    arguments: tuple[str, ...]


def hallpass_program(name: str, *arguments: str) -> Program:
    """Return the program that runs a subcommand of ours with this very interpreter."""
    return Program(name, (sys.executable, "-m", "appliance", name, *arguments))


class _RunningProgram:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.restart_delay = 1.0
        self.restart_at = 0.0
        self.start()

    def start(self) -> None:
        self.started_at = time.monotonic()
        self.process = subprocess.Popen(
            self.program.arguments,
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C reaches us alone; we then stop the children in good order
            preexec_fn=_die_with_parent,  # noqa: PLW1509 (we start children from the main thread only)
        )

    def stop(self, number: signal.Signals) -> None:
        if self.process.poll() is None:
            self.process.send_signal(number)


class ProcessGroup:
    """Some programs that live and die together."""

    def __init__(self, say: Callable[[str], None], startup_seconds: float = STARTUP_SECONDS) -> None:
        self._say = say
        self._startup_seconds = startup_seconds
        self._running: list[_RunningProgram] = []
        self._stopping = False

    def start_programs(self, programs: Sequence[Program]) -> None:
        """Start some programs, in their order."""
        for program in programs:
            self._running.append(_RunningProgram(program))

    def run_until_signal(self, on_tick: Callable[[], None] = lambda: None) -> int:
        """Keep everything running until a signal or a failure; call `each` ten times a second.

        Returns the exit status.
        """
        with _signal_handler(self._on_signal):
            try:
                while not self._stopping:
                    if (failed := self._restart_ended()) is not None:
                        self._say(f"{failed} did not start; stopping")
                        return 1
                    on_tick()
                    time.sleep(_POLL_SECONDS)
                return 0
            finally:
                self.stop_programs()

    def failed_program(self) -> str | None:
        """Return the name of a program that ended with a failure, if one did."""
        return next((one.program.name for one in self._running if one.process.poll() not in (None, 0)), None)

    def stop_programs(self) -> None:
        """Stop everything that runs, and wait for it."""
        for one in reversed(self._running):
            one.stop(signal.SIGTERM)
        until = time.monotonic() + STOP_TIMEOUT_SECONDS
        for one in reversed(self._running):
            try:
                one.process.wait(timeout=max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                self._say(f"{one.program.name} does not stop; ending it")
                one.stop(signal.SIGKILL)
                one.process.wait()
        self._running.clear()

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True

    def _restart_ended(self) -> str | None:
        now = time.monotonic()
        for one in self._running:
            if one.process.poll() is None:
                continue
            if one.restart_at == 0.0:
                if now - one.started_at < self._startup_seconds and one.restart_delay == 1.0:
                    return one.program.name
                if now - one.started_at > MAX_RESTART_DELAY_SECONDS:
                    one.restart_delay = 1.0  # it ran well for a while: this is a new trouble, not the old one
                self._say(f"{one.program.name} ended ({one.process.returncode}); starting it again")
                one.restart_at = now + one.restart_delay
                one.restart_delay = min(one.restart_delay * 2, MAX_RESTART_DELAY_SECONDS)
            if now >= one.restart_at:
                one.restart_at = 0.0
                one.start()
        return None


class _signal_handler:  # noqa: N801 (used as a statement, like contextlib's own)
    """Hands SIGINT and SIGTERM to a function while a block runs."""

    def __init__(self, handler: Callable[[int, FrameType | None], None]) -> None:
        self._handler = handler

    def __enter__(self) -> None:
        self._before = {number: signal.signal(number, self._handler) for number in (signal.SIGINT, signal.SIGTERM)}

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)


def _die_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
