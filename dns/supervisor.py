"""Keeps N workers running: forks them, starts anew what dies, drains them by others, stops them all together.

Each worker has sockets of its own on the shared addresses (`dns.server.listen_sockets`), opened before the fork. A
worker that dies is started again at once with the same sockets, which stayed open here: what arrived in between
waits in them and is answered. One that dies again within `STABLE_SECONDS` pauses for longer each time; its
sockets are closed for that while, so that the kernel gives its share of the questions to the others. One that
hangs (`dns.heartbeats`) is ended, and then it is one that died.

New settings are a new worker group. Its workers are started beside the old ones, on the same sockets where the
addresses are the same; when all of them answer, the old ones are told to leave (SIGUSR1): they take nothing
new, answer what they have, and end. So nothing is lost. Where a new worker does not start, the old ones never
hear of it.

A worker never outlives its supervisor: the kernel ends it (prctl(2), PR_SET_PDEATHSIG).
"""

import ctypes
import gc
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType

from dns.heartbeats import WorkerHeartbeats
from dns.worker_group import WorkerGroup, WorkerGroupSource

STABLE_SECONDS = 10.0
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
STOP_TIMEOUT_SECONDS = 6.0
POLL_SECONDS = 1.0  # how often workers are looked at, and the group source is asked for something new
START_POLL_SECONDS = 0.1  # a signal to stop is heard that soon
START_TIMEOUT_SECONDS = 30.0  # for the workers of a new worker group; then it has failed
DRAIN_TIMEOUT_SECONDS = 20.0  # for the workers of an old group; they give themselves less

DRAIN_SIGNAL = signal.SIGUSR1
_STOP_SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT})
_AWAITED_SIGNALS = _STOP_SIGNALS | {signal.SIGCHLD, signal.SIGHUP}
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


class _WorkerSlot:
    """One worker's slot: its number, its group, and the process that fills it now."""

    def __init__(self, number: int, group: WorkerGroup) -> None:
        self.number = number
        self.group = group
        self.is_closed = False
        self.pid = 0
        self.started_at = 0.0
        self.restart_at = 0.0
        self.restart_pause = 0.0


class Supervisor:
    """Runs workers until it gets SIGTERM or SIGINT."""

    def __init__(
        self,
        group: WorkerGroup,
        *,
        log: Callable[[str], None],
        ready: Callable[[], None] = lambda: None,
        group_source: WorkerGroupSource | None = None,
        heartbeats: WorkerHeartbeats | None = None,
        keepalive: Callable[[], None] = lambda: None,
    ) -> None:
        """`heartbeats`: those of the workers, which then must beat; `keepalive` is called once a second."""
        self._group = group
        self._slots = _slots_of(group)
        self._log = log
        self._ready = ready
        self._group_source = group_source
        self._heartbeats = heartbeats
        self._keepalive = keepalive
        self._reload_requested = False
        self._draining: dict[int, float] = {}  # workers of old plans, and when they must be gone
        self._is_stopping = False

    def supervise(self) -> int:
        """Run until told to stop; return the exit status. Call from the main thread, before any other exists."""
        # Blocked, and waited for below: between looking and waiting nothing can be missed.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _AWAITED_SIGNALS)
        try:
            if not self._start_workers(self._slots):
                return 0 if _is_stop_pending() else 1
            self._ready()
            while not self._is_stopping:
                self._wait_and_restart()
            return 0
        finally:
            self._stop_all()
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def worker_pids(self) -> tuple[int, ...]:
        """Return the workers' process ids."""
        return tuple(slot.pid for slot in self._slots if slot.pid)

    def _start_workers(self, slots: list[_WorkerSlot]) -> bool:
        """Start workers, and wait for one byte from each; False: one ended before, or it took too long."""
        _share_with_workers()
        listening, ready_pipe = os.pipe()
        try:
            try:
                for slot in slots:
                    self._fork_worker(slot, ready_pipe)
            finally:
                os.close(ready_pipe)
            until = time.monotonic() + START_TIMEOUT_SECONDS
            said = 0
            while said < len(slots) and not _is_stop_pending():
                self._keepalive()
                if select.select([listening], [], [], START_POLL_SECONDS)[0]:
                    data = os.read(listening, len(slots))
                    if not data:  # every writing end is closed: those who did not speak are dead
                        break
                    said += len(data)
                elif time.monotonic() > until:
                    break
            return said == len(slots)
        finally:
            os.close(listening)

    def _fork_worker(self, slot: _WorkerSlot, ready_pipe: int | None = None) -> None:
        if slot.is_closed:
            slot.group.listen_sockets.reopen_sockets_of_worker(slot.number, slot.group.workers)
            slot.is_closed = False
        if self._heartbeats is not None:
            self._heartbeats.reset_worker(slot.number)
        sys.stdout.flush()
        sys.stderr.flush()
        supervisor = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._run_in_child(slot, supervisor, ready_pipe)
        slot.pid = pid
        slot.started_at = time.monotonic()

    def _run_in_child(self, slot: _WorkerSlot, supervisor: int, ready_pipe: int | None) -> None:
        status = 1
        try:
            _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != supervisor:
                return
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C: the supervisor stops us in good order
            signal.signal(signal.SIGHUP, signal.SIG_IGN)  # new settings are the supervisor's business
            signal.signal(signal.SIGTERM, _exit_on_signal)
            signal.signal(DRAIN_SIGNAL, _exit_on_signal)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _AWAITED_SIGNALS)
            own = slot.group.listen_sockets.sockets_of_worker(slot.number, slot.group.workers)
            for listen_sockets in (slot.group.listen_sockets, self._group.listen_sockets):
                listen_sockets.close_except(own.all_sockets())
            slot.group.run_worker(slot.number, own, lambda: _signal_ready(ready_pipe))
            status = 0
        except SystemExit as draining:
            status = draining.code if isinstance(draining.code, int) else 1
        except BaseException as problem:  # noqa: BLE001 (the last frame of this process: nothing is above it)
            self._log(f"worker {slot.number} failed: {type(problem).__name__}: {problem}")
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    def _wait_and_restart(self) -> None:
        due = [slot.restart_at for slot in self._slots if not slot.pid]
        wait = max(0.0, min(POLL_SECONDS, *(at - time.monotonic() for at in due)) if due else POLL_SECONDS)
        self._keepalive()
        number = signal.sigtimedwait(_AWAITED_SIGNALS, wait)
        if number is not None and number.si_signo in _STOP_SIGNALS:
            self._is_stopping = True
            return
        self._reload_requested = self._reload_requested or (
            number is not None and number.si_signo == signal.SIGHUP
        )
        self._end_hung_workers()
        self._reap_workers()
        for slot in self._slots:
            if not slot.pid and slot.restart_at <= time.monotonic():
                try:
                    self._fork_worker(slot)
                except OSError as problem:
                    self._log(f"worker {slot.number} cannot be started: {problem}")
                    self._delay_restart(slot)
        if self._group_source is not None and not self._draining:  # one change of workers at a time
            self._poll_group_source(self._group_source)

    def _poll_group_source(self, source: WorkerGroupSource) -> None:
        reload_requested, self._reload_requested = self._reload_requested, False
        try:
            if (group := source.poll(reload_requested=reload_requested)) is not None:
                self._replace_group(group, source)
        except Exception as problem:  # noqa: BLE001 (a mistake of ours there must not end what answers here)
            self._log(f"going on as before: {type(problem).__name__}: {problem}")

    def _replace_group(self, group: WorkerGroup, source: WorkerGroupSource) -> None:
        slots = _slots_of(group)
        try:
            began = self._start_workers(slots)
        except OSError:  # no more processes
            began = False
        if not began:
            _stop_workers(slots)
            group.listen_sockets.close_except(self._group.listen_sockets.all_sockets())
            source.rejected("the workers did not start")
            return
        for slot in self._slots:
            if slot.pid:
                os.kill(slot.pid, DRAIN_SIGNAL)
                self._draining[slot.pid] = time.monotonic() + DRAIN_TIMEOUT_SECONDS
        self._group.listen_sockets.close_except(group.listen_sockets.all_sockets())
        self._group, self._slots = group, slots
        source.committed()

    def _end_hung_workers(self) -> None:
        """End those whose loops stand still; a process that is stopped hears no other signal."""
        if self._heartbeats is None:
            return
        running = {slot.number: slot for slot in self._slots if slot.pid}
        for number in self._heartbeats.find_hung_workers(running):
            self._log(f"worker {number} does not answer; ending it")
            os.kill(running[number].pid, signal.SIGKILL)
            self._heartbeats.reset_worker(number)  # its end may take a while, and is said once

    def _reap_workers(self) -> None:
        for pid, until in list(self._draining.items()):
            if os.waitpid(pid, os.WNOHANG)[0]:
                del self._draining[pid]
            elif time.monotonic() > until:
                os.kill(pid, signal.SIGKILL)
        for slot in self._slots:
            if not slot.pid:
                continue
            pid, status = os.waitpid(slot.pid, os.WNOHANG)
            if pid:
                slot.pid = 0
                ran = time.monotonic() - slot.started_at
                self._log(f"worker {slot.number} ended ({os.waitstatus_to_exitcode(status)}); starting it again")
                if ran >= STABLE_SECONDS or not slot.restart_pause:
                    slot.restart_pause = FIRST_PAUSE_SECONDS
                    slot.restart_at = 0.0
                else:
                    self._delay_restart(slot)

    def _delay_restart(self, slot: _WorkerSlot) -> None:
        slot.restart_at = time.monotonic() + slot.restart_pause
        slot.restart_pause = min(slot.restart_pause * 2, LONGEST_PAUSE_SECONDS)
        if any(not other.is_closed for other in self._slots if other is not slot):  # somebody must stay open
            slot.group.listen_sockets.close_sockets_of_worker(slot.number, slot.group.workers)
            slot.is_closed = True

    def _stop_all(self) -> None:
        draining = [_WorkerSlot(0, self._group) for _ in self._draining]
        for slot, pid in zip(draining, self._draining, strict=True):
            slot.pid = pid
        _stop_workers([*self._slots, *draining])
        self._group.listen_sockets.close_except(())


def _slots_of(group: WorkerGroup) -> list[_WorkerSlot]:
    return [_WorkerSlot(number, group) for number in range(1, group.workers + 1)]


def _stop_workers(slots: list[_WorkerSlot]) -> None:
    """End workers in good order, and those that do not heed it."""
    for slot in slots:
        if slot.pid:
            os.kill(slot.pid, signal.SIGTERM)
    until = time.monotonic() + STOP_TIMEOUT_SECONDS
    for slot in slots:
        while slot.pid:
            if os.waitpid(slot.pid, os.WNOHANG)[0]:
                slot.pid = 0
            elif time.monotonic() > until:
                os.kill(slot.pid, signal.SIGKILL)
                os.waitpid(slot.pid, 0)
                slot.pid = 0
            else:
                signal.sigtimedwait({signal.SIGCHLD}, 0.1)


def _share_with_workers() -> None:
    """Let no worker's collector write to what is here: then its memory is there once, for all of them."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def _is_stop_pending() -> bool:
    return bool(_STOP_SIGNALS & signal.sigpending())


def _exit_on_signal(_number: int, _frame: FrameType | None) -> None:
    """End a worker that is told to stop before its loop runs."""
    raise SystemExit(0)


def _signal_ready(pipe: int | None) -> None:
    if pipe is not None:
        os.write(pipe, b".")
        os.close(pipe)
