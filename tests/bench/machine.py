"""What else happens on the machine while something is measured: what its host takes, and what others run."""

import os
import resource
import time
from pathlib import Path
from typing import Self

from tests.bench.servers import TICKS, cpu_seconds, family

_USER, _NICE, _SYSTEM, _IDLE, _IOWAIT, _IRQ, _SOFTIRQ, _STEAL = range(8)  # the columns of /proc/stat, proc(5)


def stolen_seconds() -> float:
    """Return how long this machine's processors were somebody else's since it started."""
    return _columns()[_STEAL]


class Watch:
    """Looks at the machine while a block runs; what is measured are children of this process."""

    def __enter__(self) -> Self:
        self._before = self._look()
        return self

    def __exit__(self, *_problem: object) -> None:
        after = self._look()
        self.elapsed, self.stolen, busy, own = (now - then for now, then in zip(after, self._before, strict=True))
        self.others = max(0.0, busy - own)

    @staticmethod
    def _look() -> tuple[float, float, float, float]:
        columns = _columns()
        busy = sum(columns[at] for at in (_USER, _NICE, _SYSTEM, _IRQ, _SOFTIRQ))
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)  # the client of the load
        own = sum(map(cpu_seconds, family(os.getpid()))) + ended.ru_utime + ended.ru_stime
        return time.monotonic(), columns[_STEAL], busy, own


def _columns() -> list[float]:
    return [int(field) / TICKS for field in Path("/proc/stat").read_text().split(maxsplit=9)[1:9]]
