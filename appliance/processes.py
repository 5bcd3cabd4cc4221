"""Runs several commands in the foreground as one: starts them, restarts what dies or hangs, stops them together.

On the card systemd does this; `hallpass room` and `hallpass demo` do it on a developer's machine. Rules:

- A child that dies is restarted, after a pause that doubles from one second up to thirty.
- A child that has a watchdog says that it lives as it does to systemd (`appliance.sd_notify`). Where it is silent
  for too long it is ended, with all processes that it started, and then it is one that died.
- A child that fails before it ever ran well may have something wrong that no restart will mend. Whoever made the
  group is asked (`is_hopeless`); then everything stops, and the status is 1. The child has said why.
- SIGINT or SIGTERM stops everything: SIGTERM to each child, SIGKILL to what is left after `STOP_TIMEOUT_SECONDS`.
- A child never outlives us: the kernel ends it when this process dies, however it dies (Linux, prctl(2)).

What is imported here stays for months with whoever runs a central: the standard library's smallest parts, and
nothing else (docs/adr/0028).
"""

import contextlib
import ctypes
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from types import FrameType
from typing import NamedTuple, Protocol

from appliance.process_watchdog import ProcessWatchdog

PR_SET_PDEATHSIG = 1  # prctl(2)
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
STARTUP_SECONDS = 3.0  # a child without a watchdog that lived so long ran well
STOP_TIMEOUT_SECONDS = 8.0
MAX_RESTART_DELAY_SECONDS = 30.0
WATCHDOG_SECONDS = 20.0
_POLL_SECONDS = 0.1

_libc = ctypes.CDLL(None)


class ChildProcess(Protocol):
    """What runs: a part of what `subprocess.Popen` offers."""

    @property
    def pid(self) -> int:
        """Its number."""

    @property
    def returncode(self) -> int | None:
        """How it ended; negative: by which signal."""

    def poll(self) -> int | None:
        """Return how it ended, or None."""

    def send_signal(self, number: int, /) -> None:
        """Send a signal."""

    def wait(self, timeout: float | None = None) -> int:
        """Return how it ended. Raises subprocess.TimeoutExpired."""


class Program(NamedTuple):
    """A command to keep running; `watchdog_seconds`: after so long without a sign of life it is replaced."""

    name: str  # what it is called when something is said about it
    arguments: tuple[str, ...]
    watchdog_seconds: float | None = None
    sockets: tuple[int, ...] = ()  # what it finds open, under the same numbers

    def start(self, environment: Mapping[str, str]) -> ChildProcess:
        """Start it."""
        return subprocess.Popen(
            self.arguments,
            stdin=subprocess.DEVNULL,
            env=environment,
            pass_fds=self.sockets,
            start_new_session=True,  # Ctrl-C reaches us alone; we then stop the children in good order
            preexec_fn=_die_with_parent,  # noqa: PLW1509 (we start children from the main thread only)
        )


def hallpass_program(name: str, *arguments: str, watchdog_seconds: float | None = None) -> Program:
    """Return the program that runs a subcommand of ours with this very interpreter."""
    return Program(name, (sys.executable, "-m", "appliance", name, *arguments), watchdog_seconds)


class AdoptedProcess:
    """A child of this process that it did not start as it is now: before execve(2) it was another program."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return how it ended, or None."""
        if self.returncode is None:
            ended, status = os.waitpid(self.pid, os.WNOHANG)
            self.returncode = os.waitstatus_to_exitcode(status) if ended else None
        return self.returncode

    def send_signal(self, number: int, /) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def wait(self, timeout: float | None = None) -> int:
        """Return how it ended. Raises subprocess.TimeoutExpired."""
        until = time.monotonic() + timeout if timeout is not None else math.inf
        while (status := self.poll()) is None:
            if time.monotonic() >= until:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0.0)
            time.sleep(_POLL_SECONDS)
        return status


class _RunningProgram:
    def __init__(self, program: Program, watchdog: ProcessWatchdog | None = None) -> None:
        self.program = program
        if watchdog is None and program.watchdog_seconds is not None:
            watchdog = ProcessWatchdog(program.watchdog_seconds)
        self.watchdog = watchdog
        self.restart_delay = 1.0
        self.restart_at = 0.0
        self._ran_well = False

    def start(self) -> None:
        environment = dict(os.environ)
        if self.watchdog is not None:
            self.watchdog.reset()
            environment |= self.watchdog.environment
        self.adopt(self.program.start(environment))

    def adopt(self, process: ChildProcess) -> None:
        self.started_at = time.monotonic()
        self.process = process

    def ever_ran_well(self) -> bool:
        """Tell whether it did, in this or an earlier process. Called when the process has ended."""
        if self.watchdog is not None:
            self.watchdog.is_silent()  # hears the last signs of life
            self._ran_well |= self.watchdog.has_spoken
        else:
            self._ran_well |= time.monotonic() - self.started_at >= STARTUP_SECONDS
        return self._ran_well

    def stop(self, number: signal.Signals) -> None:
        if self.process.poll() is None:
            self.process.send_signal(number)

    def kill_all(self) -> None:
        """End it with everything that it started: one of these may be what hangs."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.stop(signal.SIGKILL)  # a copy that has just begun has no group of its own yet
        self.process.wait()

    def close(self) -> None:
        if self.watchdog is not None:
            self.watchdog.close()


class ProcessGroup:
    """Some programs that live and die together."""

    def __init__(
        self, say: Callable[[str], None], is_hopeless: Callable[[str], bool] = lambda _name: True
    ) -> None:
        """`is_hopeless` is told the name of a program that fails at its start."""
        self._say = say
        self._is_hopeless = is_hopeless
        self._running: list[_RunningProgram] = []
        self._stopping = False

    def start_programs(self, programs: Sequence[Program]) -> None:
        """Start some programs, in their order."""
        for program in programs:
            running = _RunningProgram(program)
            running.start()
            self._running.append(running)

    def adopt_program(self, program: Program, pid: int, watchdog: ProcessWatchdog) -> None:
        """Take on a child that runs, and speaks to a watchdog; when it has ended, the program is started."""
        running = _RunningProgram(program, watchdog)
        running.adopt(AdoptedProcess(pid))
        self._running.append(running)

    def run_until_signal(self, on_tick: Callable[[], None] = lambda: None) -> int:
        """Keep everything running until a signal or a failure; call `on_tick` ten times a second.

        Returns the exit status.
        """
        with _signal_handler(self._on_signal):
            # Whoever became this process (execve(2)) held them back until somebody listens.
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
            try:
                while not self._stopping:
                    self._end_hung()
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
                one.kill_all()
            one.close()
        self._running.clear()

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True

    def _end_hung(self) -> None:
        for one in self._running:
            if one.watchdog is None or one.process.poll() is not None or not one.watchdog.is_silent():
                continue
            self._say(f"{one.program.name} does not answer; ending it")
            one.kill_all()

    def _restart_ended(self) -> str | None:
        now = time.monotonic()
        for one in self._running:
            if one.process.poll() is None:
                continue
            if one.restart_at == 0.0:
                if not one.ever_ran_well() and self._is_hopeless(one.program.name):
                    return one.program.name
                self._plan_restart(one, now)
            if now >= one.restart_at:
                one.restart_at = 0.0
                try:
                    one.start()
                except OSError as problem:  # no more processes, or no memory for one
                    self._say(f"{one.program.name} cannot be started: {problem}")
                    self._plan_restart(one, now)
        return None

    def _plan_restart(self, one: _RunningProgram, now: float) -> None:
        if now - one.started_at > MAX_RESTART_DELAY_SECONDS:
            one.restart_delay = 1.0  # it ran well for a while: this is a new trouble, not the old one
        self._say(f"{one.program.name} ended ({one.process.returncode}); starting it again")
        one.restart_at = now + one.restart_delay
        one.restart_delay = min(one.restart_delay * 2, MAX_RESTART_DELAY_SECONDS)


class _signal_handler:  # noqa: N801 (used as a statement, like contextlib's own)
    """Hands SIGINT and SIGTERM to a function while a block runs."""

    def __init__(self, handler: Callable[[int, FrameType | None], None]) -> None:
        self._handler = handler

    def __enter__(self) -> None:
        self._before = {number: signal.signal(number, self._handler) for number in STOP_SIGNALS}

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)


def _die_with_parent() -> None:
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
