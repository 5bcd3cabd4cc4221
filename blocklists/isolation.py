"""Runs work in child processes, where its failure, its time and its memory are its own.

Each task gets a child of its own: limits on memory and processor time that the kernel holds, and a deadline by the
monotonic clock after which the child is killed, whatever it waits for. Several run at once. Whatever ends a child
(an exception of any library, a signal, a limit) is the one-line reason of its own task and touches no other.

What a child returns is a msgspec struct, as MessagePack: nothing that a list brought is ever unpickled here. A
child dies with the process that it came from, and an alarm ends it if even that should fail.
"""

import contextlib
import ctypes
import math
import multiprocessing
import os
import resource
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess, SpawnProcess
from typing import Any, Generic, Literal, TypeVar

import msgspec

from blocklists.errors import describe_failure

Argument = TypeVar("Argument")
Result = TypeVar("Result")
StartMethod = Literal["forkserver", "spawn"]
ReportProgress = Callable[[int, int], None]  # how much is done, and how much there is (0: not known)

PROGRESS_SECONDS = 0.25  # how often a child says how far it is
MAX_MESSAGE_BYTES = 1 << 20
_ALARM_GRACE_SECONDS = 30
_CPU_GRACE_SECONDS = 5
_PR_SET_PDEATHSIG = 1
_SECONDS_TO_DIE = 10.0


class ProcessLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What one child may use."""

    seconds: float = 600.0  # by the monotonic clock, from its start
    cpu_seconds: int = 600
    address_bytes: int = 768 * 1024**2  # of addresses: what it maps, not only what it touches
    file_bytes: int = 2 * 1024**3  # of any one file that it writes


class _Message(msgspec.Struct, frozen=True, array_like=True):
    kind: Literal["progress", "result", "failure"]
    done: int = 0
    total: int = 0
    reason: str = ""
    result: msgspec.Raw = msgspec.Raw(b"\xc0")


class TaskOutcome(msgspec.Struct, Generic[Result], frozen=True, kw_only=True):
    """What became of one task: a result, or the reason why there is none."""

    name: str
    result: Result | None = None
    reason: str = ""


class IsolatedTasks(Generic[Argument, Result]):
    """Runs one function on many arguments, each in a child of its own."""

    def __init__(
        self,
        work: Callable[[Argument, ReportProgress], Result],
        result_type: type[Result],
        limits: ProcessLimits,
        *,
        workers: int = 0,
        progress: Callable[[str, int, int], None] | None = None,
        start_method: StartMethod = "forkserver",
    ) -> None:
        """Do nothing yet. `work` is a function of a module; `workers`: children at once, 0: two, or one a core.

        `start_method`: a fork server begins each child within milliseconds, and stays until this process ends;
        "spawn" takes half a second for each and leaves nothing: for a single task in a process that lives long.
        """
        self._start_method = start_method
        self._work = work
        self._result_type = result_type
        self._limits = limits
        self._workers = workers or max(2, os.cpu_count() or 1)
        self._progress = progress or (lambda _name, _done, _total: None)

    def run(self, tasks: Sequence[tuple[str, Argument]]) -> Iterator[TaskOutcome[Result]]:
        """Run every task; yield what became of each as it ends. Raises nothing for what happens in a child."""
        waiting = deque(tasks)
        children: dict[Connection, _Child] = {}
        context = _context(self._start_method)
        try:
            while waiting or children:
                while waiting and len(children) < self._workers:
                    name, argument = waiting.popleft()
                    child = _Child(context, name, (self._work, argument, self._limits), self._limits)
                    children[child.receiver] = child
                next_deadline = min(child.deadline for child in children.values())
                ready = wait(list(children), max(0.0, next_deadline - time.monotonic()))
                for receiver, child in list(children.items()):
                    outcome = self._take_message(child) if receiver in ready else self._take_deadline(child)
                    if outcome is not None:
                        del children[receiver]
                        child.end()
                        yield outcome
        finally:
            for child in children.values():
                child.end()

    def _take_message(self, child: "_Child") -> TaskOutcome[Result] | None:
        try:
            message = msgspec.msgpack.decode(child.receiver.recv_bytes(MAX_MESSAGE_BYTES), type=_Message)
            if message.kind == "progress":
                self._progress(child.name, message.done, message.total)
                return self._take_deadline(child)
            if message.kind == "failure":
                return TaskOutcome(name=child.name, reason=message.reason)
            return TaskOutcome(
                name=child.name, result=msgspec.msgpack.decode(message.result, type=self._result_type)
            )
        except (EOFError, OSError, msgspec.MsgspecError):
            return TaskOutcome(name=child.name, reason=self._reason_of_death(child))

    def _take_deadline(self, child: "_Child") -> TaskOutcome[Result] | None:
        if time.monotonic() < child.deadline:
            return None
        return TaskOutcome(name=child.name, reason=f"took longer than {self._limits.seconds:g} seconds")

    def _reason_of_death(self, child: "_Child") -> str:
        number = -(child.wait_for_exit() or 0)
        if number == signal.SIGXCPU:
            return f"took more than {self._limits.cpu_seconds} seconds of processor time"
        if number == signal.SIGKILL:
            return "its reading was ended by the system; is there enough memory?"
        if number > 0:
            with contextlib.suppress(ValueError):
                return f"brought down the process that read it ({signal.Signals(number).name})"
        return "its reading ended without a word"


class _Child:
    """One process, and the pipe on which it speaks."""

    def __init__(self, context: Any, name: str, job: tuple[Any, ...], limits: ProcessLimits) -> None:
        self.name = name
        self.receiver, sender = context.Pipe(duplex=False)
        self._process: ForkServerProcess | SpawnProcess = context.Process(
            target=_run_child, args=(sender, *job), name=f"list {name}", daemon=True
        )
        try:
            self._process.start()
        finally:
            sender.close()
        self.deadline = time.monotonic() + limits.seconds

    def wait_for_exit(self) -> int | None:
        """Return its exit code once it has ended; killed where it does not."""
        self._process.join(_SECONDS_TO_DIE)
        return self._process.exitcode

    def end(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self._process.join(_SECONDS_TO_DIE)
        self.receiver.close()


def _context(start_method: StartMethod) -> Any:
    context = multiprocessing.get_context(start_method)
    if start_method == "forkserver":
        context.set_forkserver_preload(["blocklists.source_check"])
    return context


def _run_child(sender: Connection, work: Callable[..., Any], argument: Any, limits: ProcessLimits) -> None:
    _limit_process(limits)
    sent_at = 0.0

    def report_progress(done: int, total: int) -> None:
        nonlocal sent_at
        if time.monotonic() - sent_at >= PROGRESS_SECONDS:
            sent_at = time.monotonic()
            sender.send_bytes(msgspec.msgpack.encode(_Message("progress", done, total)))

    try:
        result = msgspec.Raw(msgspec.msgpack.encode(work(argument, report_progress)))
        message = _Message("result", result=result)
    except BaseException as problem:  # noqa: BLE001 (whatever a list does to a library is that list's reason)
        # What is at hand is needed to say so: the limit has done its work.
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
        message = _Message("failure", reason=describe_failure(problem))
    sender.send_bytes(msgspec.msgpack.encode(message))


def _limit_process(limits: ProcessLimits) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started us is interrupted too, and ends us
    signal.alarm(math.ceil(limits.seconds) + _ALARM_GRACE_SECONDS)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    used = math.ceil(time.process_time())
    for what, soft in (
        (resource.RLIMIT_AS, limits.address_bytes),
        (resource.RLIMIT_FSIZE, limits.file_bytes),
        (resource.RLIMIT_CPU, used + limits.cpu_seconds),
    ):
        _, hard = resource.getrlimit(what)
        resource.setrlimit(what, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
