"""Keeps N workers running: forks them, starts anew what dies, relieves them by others, stops them all together.

Each worker has sockets of its own on the shared addresses (`dns.server.listen_sockets`), opened before the fork. A
worker that dies is started again at once with the same sockets, which stayed open here: what arrived in between
waits in them and is answered. One that dies again within `SETTLED_SECONDS` pauses for longer each time; its
sockets are closed for that while, so that the kernel gives its share of the questions to the others.

New settings are a new plan. Its workers are started beside the old ones, on the same sockets where the
addresses are the same; when all of them answer, the old ones are told to leave (SIGUSR1): they take nothing
new, answer what they have, and end. So nothing is lost. Where a new worker does not start, the old ones never
hear of it.

A worker never outlives its supervisor: the kernel ends it (prctl(2), PR_SET_PDEATHSIG).
"""

import ctypes
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Protocol

import msgspec

from dns.server.listen_sockets import Shares
from dns.server.sockets import Sockets

SETTLED_SECONDS = 10.0
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
STOPPING_SECONDS = 6.0
LOOK_SECONDS = 1.0  # how often the planner is asked for something new
STARTING_SECONDS = 30.0  # for the workers of a new plan; then it has failed
LEAVING_SECONDS = 20.0  # for the workers of an old plan; they give themselves less

LEAVE = signal.SIGUSR1
_STOP = frozenset({signal.SIGTERM, signal.SIGINT})
_AWAITED = _STOP | {signal.SIGCHLD, signal.SIGHUP}
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)

RunWorker = Callable[[int, Sockets, Callable[[], None]], None]


class Plan(msgspec.Struct, frozen=True):
    """How many workers there are, what they look after, and what they do.

    `run` is a worker's whole life: number, sockets, and what to call when it answers.
    """

    shares: Shares
    workers: int
    run: RunWorker


class Planner(Protocol):
    """Knows when the workers have something else to do."""

    def look(self, *, told: bool) -> Plan | None:
        """Return a new plan, if there is one. Called once a second, and when somebody says so (`told`: SIGHUP)."""

    def took(self) -> None:
        """Hear that the last plan is in force."""

    def failed(self, why: str) -> None:
        """Hear that the last plan could not be taken over; the one before it still holds."""


class _Place:
    """One worker's place: its number, its plan, and who sits there now."""

    def __init__(self, number: int, plan: Plan) -> None:
        self.number = number
        self.plan = plan
        self.is_closed = False
        self.pid = 0
        self.started_at = 0.0
        self.again_at = 0.0
        self.pause = 0.0


class Supervisor:
    """Runs workers until it gets SIGTERM or SIGINT."""

    def __init__(
        self,
        plan: Plan,
        *,
        say: Callable[[str], None],
        ready: Callable[[], None] = lambda: None,
        planner: Planner | None = None,
        beat: Callable[[tuple[int, ...]], None] = lambda _numbers: None,
        beat_seconds: float = 60.0,
    ) -> None:
        """`beat` is called at least every `beat_seconds`, with the numbers of the workers that are at work."""
        self._plan = plan
        self._places = _places(plan)
        self._say = say
        self._ready = ready
        self._planner = planner
        self._beat = beat
        self._beat_seconds = beat_seconds
        self._told = False
        self._leaving: dict[int, float] = {}  # workers of old plans, and when they must be gone
        self._stopping = False

    def run(self) -> int:
        """Run until told to stop; return the exit status. Call from the main thread, before any other exists."""
        # Blocked, and waited for below: between looking and waiting nothing can be missed.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _AWAITED)
        try:
            if not self._begin(self._places):
                return 0 if _is_told_to_stop() else 1
            self._ready()
            while not self._stopping:
                self._look_after()
            return 0
        finally:
            self._stop()
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def pids(self) -> tuple[int, ...]:
        """Return the workers' process ids."""
        return tuple(place.pid for place in self._places if place.pid)

    def _begin(self, places: list[_Place]) -> bool:
        """Start workers, and wait for one byte from each; False: one ended before, or it took too long."""
        listening, tell = os.pipe()
        try:
            try:
                for place in places:
                    self._start(place, tell)
            finally:
                os.close(tell)
            until = time.monotonic() + STARTING_SECONDS
            said = 0
            while said < len(places) and not _is_told_to_stop():
                if select.select([listening], [], [], 0.1)[0]:
                    data = os.read(listening, len(places))
                    if not data:  # every writing end is closed: those who did not speak are dead
                        break
                    said += len(data)
                elif time.monotonic() > until:
                    break
            return said == len(places)
        finally:
            os.close(listening)

    def _start(self, place: _Place, tell: int | None = None) -> None:
        if place.is_closed:
            place.plan.shares.reopen(place.number, place.plan.workers)
            place.is_closed = False
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
            signal.signal(signal.SIGHUP, signal.SIG_IGN)  # new settings are the supervisor's business
            signal.signal(signal.SIGTERM, _leave)
            signal.signal(LEAVE, _leave)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _AWAITED)
            own = place.plan.shares.of(place.number, place.plan.workers)
            for shares in (place.plan.shares, self._plan.shares):
                shares.close_beyond(own.all())
            place.plan.run(place.number, own, lambda: _tell(tell))
            status = 0
        except SystemExit as leaving:
            status = leaving.code if isinstance(leaving.code, int) else 1
        except BaseException as problem:  # noqa: BLE001 (the last frame of this process: nothing is above it)
            self._say(f"worker {place.number} failed: {type(problem).__name__}: {problem}")
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    def _look_after(self) -> None:
        due = [place.again_at for place in self._places if not place.pid]
        longest = LOOK_SECONDS if self._planner is not None or self._leaving else self._beat_seconds
        wait = max(0.0, min(longest, *(at - time.monotonic() for at in due)) if due else longest)
        self._beat(tuple(place.number for place in self._places if place.pid))
        number = signal.sigtimedwait(_AWAITED, wait)
        if number is not None and number.si_signo in _STOP:
            self._stopping = True
            return
        self._told = self._told or (number is not None and number.si_signo == signal.SIGHUP)
        self._bury()
        for place in self._places:
            if not place.pid and place.again_at <= time.monotonic():
                try:
                    self._start(place)
                except OSError as problem:
                    self._say(f"worker {place.number} cannot be started: {problem}")
                    self._put_off(place)
        if self._planner is not None and not self._leaving:  # one change of workers at a time
            self._look_ahead(self._planner)

    def _look_ahead(self, planner: Planner) -> None:
        told, self._told = self._told, False
        try:
            if (plan := planner.look(told=told)) is not None:
                self._take_over(plan, planner)
        except Exception as problem:  # noqa: BLE001 (a mistake of ours there must not end what answers here)
            self._say(f"going on as before: {type(problem).__name__}: {problem}")

    def _take_over(self, plan: Plan, planner: Planner) -> None:
        places = _places(plan)
        try:
            began = self._begin(places)
        except OSError:  # no more processes
            began = False
        if not began:
            _end(places)
            plan.shares.close_beyond(self._plan.shares.all())
            planner.failed("the workers did not start")
            return
        for place in self._places:
            if place.pid:
                os.kill(place.pid, LEAVE)
                self._leaving[place.pid] = time.monotonic() + LEAVING_SECONDS
        self._plan.shares.close_beyond(plan.shares.all())
        self._plan, self._places = plan, places
        planner.took()

    def _bury(self) -> None:
        for pid, until in list(self._leaving.items()):
            if os.waitpid(pid, os.WNOHANG)[0]:
                del self._leaving[pid]
            elif time.monotonic() > until:
                os.kill(pid, signal.SIGKILL)
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
        if any(not other.is_closed for other in self._places if other is not place):  # somebody must stay open
            place.plan.shares.close(place.number, place.plan.workers)
            place.is_closed = True

    def _stop(self) -> None:
        leaving = [_Place(0, self._plan) for _ in self._leaving]
        for place, pid in zip(leaving, self._leaving, strict=True):
            place.pid = pid
        _end([*self._places, *leaving])
        self._plan.shares.close_beyond(())


def _places(plan: Plan) -> list[_Place]:
    return [_Place(number, plan) for number in range(1, plan.workers + 1)]


def _end(places: list[_Place]) -> None:
    """End workers in good order, and those that do not heed it."""
    for place in places:
        if place.pid:
            os.kill(place.pid, signal.SIGTERM)
    until = time.monotonic() + STOPPING_SECONDS
    for place in places:
        while place.pid:
            if os.waitpid(place.pid, os.WNOHANG)[0]:
                place.pid = 0
            elif time.monotonic() > until:
                os.kill(place.pid, signal.SIGKILL)
                os.waitpid(place.pid, 0)
                place.pid = 0
            else:
                signal.sigtimedwait({signal.SIGCHLD}, 0.1)


def _is_told_to_stop() -> bool:
    return bool(_STOP & signal.sigpending())


def _leave(_number: int, _frame: FrameType | None) -> None:
    """End a worker that is told to stop before its loop runs."""
    raise SystemExit(0)


def _tell(pipe: int | None) -> None:
    if pipe is not None:
        os.write(pipe, b".")
        os.close(pipe)
