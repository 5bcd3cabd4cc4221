"""Keeps N workers running: forks them, starts anew what dies, stops them all together.

Each worker has sockets of its own on the shared addresses (SO_REUSEPORT), opened here, before the fork. A worker
that dies is started again at once with the same sockets, which stayed open here: what arrived in between waits in
them and is answered. One that dies again within `SETTLED_SECONDS` pauses for longer each time; its sockets are
closed for that while, so that the kernel gives its share of the questions to the others.

A worker never outlives its supervisor: the kernel ends it (prctl(2), PR_SET_PDEATHSIG).
"""

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType

from dns.listeners.sockets import Sockets

SETTLED_SECONDS = 10.0
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
STOPPING_SECONDS = 6.0

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)

RunWorker = Callable[[int, Sockets, Callable[[], None]], None]


class _Place:
    """One worker's place: its number, its sockets, and who sits there now."""

    def __init__(self, number: int, sockets: Sockets) -> None:
        self.number = number
        self.sockets: Sockets | None = sockets
        self.pid = 0
        self.started_at = 0.0
        self.again_at = 0.0
        self.pause = 0.0


class Supervisor:
    """Runs workers until it gets SIGTERM or SIGINT."""

    def __init__(
        self,
        sockets: list[Sockets],
        reopen: Callable[[], Sockets],
        run: RunWorker,
        *,
        say: Callable[[str], None],
        ready: Callable[[], None] = lambda: None,
    ) -> None:
        """`run` is a worker's whole life: number, sockets, and what to call when it answers."""
        self._places = [_Place(number, one) for number, one in enumerate(sockets, start=1)]
        self._reopen = reopen
        self._run = run
        self._say = say
        self._ready = ready
        self._stopping = False

    def run(self) -> int:
        """Run until told to stop; return the exit status. Call from the main thread, before any other exists."""
        blocked = {signal.SIGTERM, signal.SIGINT, signal.SIGCHLD}
        # Blocked, and waited for below: between looking and waiting nothing can be missed.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, blocked)
        try:
            listening, tell = os.pipe()
            for place in self._places:
                self._start(place, tell)
            os.close(tell)
            settled = self._wait_until_ready(listening)
            if settled and not self._stopping:
                self._ready()
            while not self._stopping:
                self._look_after(blocked)
            return 0 if settled else 1
        finally:
            self._stop()
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def pids(self) -> tuple[int, ...]:
        """Return the workers' process ids."""
        return tuple(place.pid for place in self._places if place.pid)

    def _wait_until_ready(self, listening: int) -> bool:
        """Wait for one byte from each worker; False: one of them ended before."""
        said = 0
        while said < len(self._places):
            data = os.read(listening, len(self._places))
            if not data:  # every writing end is closed: those who did not speak are dead
                self._stopping = True
                break
            said += len(data)
        os.close(listening)
        return said == len(self._places)

    def _start(self, place: _Place, tell: int | None = None) -> None:
        if place.sockets is None:
            place.sockets = self._reopen()
        sys.stdout.flush()
        sys.stderr.flush()
        supervisor = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._be_worker(place, supervisor, tell)
        place.pid = pid
        place.started_at = time.monotonic()

    def _be_worker(self, place: _Place, supervisor: int, tell: int | None) -> None:
        status = 1
        try:
            _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != supervisor:
                return
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C: the supervisor stops us in good order
            signal.signal(signal.SIGTERM, _leave)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGINT, signal.SIGCHLD})
            for other in self._places:
                if other is not place and other.sockets is not None:
                    other.sockets.close()
            if place.sockets is not None:
                self._run(place.number, place.sockets, lambda: _tell(tell))
            status = 0
        except SystemExit as leaving:
            status = leaving.code if isinstance(leaving.code, int) else 1
        except BaseException as problem:  # noqa: BLE001 (the last frame of this process: nothing is above it)
            self._say(f"worker {place.number} failed: {type(problem).__name__}: {problem}")
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    def _look_after(self, signals: set[signal.Signals]) -> None:
        due = [place.again_at for place in self._places if not place.pid]
        wait = max(0.0, min(due) - time.monotonic()) if due else 60.0
        number = signal.sigtimedwait(signals, wait)
        if number is not None and number.si_signo in {signal.SIGTERM, signal.SIGINT}:
            self._stopping = True
            return
        self._bury()
        for place in self._places:
            if not place.pid and place.again_at <= time.monotonic():
                try:
                    self._start(place)
                except OSError as problem:
                    self._say(f"worker {place.number} cannot be started: {problem}")
                    self._put_off(place)

    def _bury(self) -> None:
        for place in self._places:
            if not place.pid:
                continue
            pid, status = os.waitpid(place.pid, os.WNOHANG)
            if pid:
                place.pid = 0
                ran = time.monotonic() - place.started_at
                self._say(f"worker {place.number} ended ({os.waitstatus_to_exitcode(status)}); starting it again")
                if ran >= SETTLED_SECONDS or not place.pause:
                    place.pause = FIRST_PAUSE_SECONDS
                    place.again_at = 0.0
                else:
                    self._put_off(place)

    def _put_off(self, place: _Place) -> None:
        place.again_at = time.monotonic() + place.pause
        place.pause = min(place.pause * 2, LONGEST_PAUSE_SECONDS)
        if place.sockets is not None and len(self._places) > 1:
            place.sockets.close()
            place.sockets = None

    def _stop(self) -> None:
        for place in self._places:
            if place.pid:
                os.kill(place.pid, signal.SIGTERM)
        until = time.monotonic() + STOPPING_SECONDS
        for place in self._places:
            while place.pid:
                if os.waitpid(place.pid, os.WNOHANG)[0]:
                    place.pid = 0
                elif time.monotonic() > until:
                    os.kill(place.pid, signal.SIGKILL)
                    os.waitpid(place.pid, 0)
                    place.pid = 0
                else:
                    signal.sigtimedwait({signal.SIGCHLD}, 0.1)
            if place.sockets is not None:
                place.sockets.close()


def _leave(_number: int, _frame: FrameType | None) -> None:
    """End a worker that is told to stop before its loop runs."""
    raise SystemExit(0)


def _tell(pipe: int | None) -> None:
    if pipe is not None:
        os.write(pipe, b".")
        os.close(pipe)
