"""Says that the resolver is starting, from its first moment until its workers answer.

Until then no worker can say how it is, and opening large lists takes a slow card many seconds.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from appliance.room import health
from appliance.room.conditions import Condition
from appliance.room.health import ProcessHealth

PROCESS = "resolver"
_LONG_AGO = 0.0  # what was said then counts as said by a process that stopped


@contextlib.contextmanager
def report_starting(folder: Path, now: Callable[[], float] = time.time) -> Iterator[None]:
    """Say so again and again while the block runs, and once at its end; where the block raises, say STOPPED.

    A thread does it, which has ended when the block has: the process may then fork.
    """
    ended = threading.Event()

    def write_regularly() -> None:
        while not ended.wait(health.RENEW_SECONDS):
            _write(folder, now())

    _write(folder, now())
    thread = threading.Thread(target=write_regularly, name="starting")
    thread.start()
    failed = True
    try:
        yield
        failed = False
    finally:
        ended.set()
        thread.join()
        if failed and _is_answering(folder, now()):
            report_started(folder)  # of another start, which this one was in addition to: it speaks for itself
        else:
            _write(folder, _LONG_AGO if failed else now())


def report_started(folder: Path) -> None:
    """Take back that the resolver is starting: its workers answer, and speak for themselves from now on."""
    with contextlib.suppress(OSError):
        (folder / f"{PROCESS}.json").unlink(missing_ok=True)


def _is_answering(folder: Path, now: float) -> bool:
    """Tell whether workers in the same folder have said just now how they are."""
    workers = (one for one in health.read_health(folder, now) if one.process.startswith(f"{PROCESS}-"))
    return any(Condition.STOPPED not in one.conditions for one in workers)


def _write(folder: Path, at: float) -> None:
    health.write_health(folder, ProcessHealth(process=PROCESS, time=at, conditions=(Condition.STARTING,)))
