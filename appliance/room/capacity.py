"""What a room takes of this machine's memory where the settings leave that open.

A worker holds some 30 MB of its own beside what all share (the lists are mapped once), and its remembered answers.
On a board of 512 MB there are other processes, the pages and the log: so there is a worker for each core, but no
more than one for each 192 MB, and the answers that all of them remember together take a sixteenth. From 2 GB on,
with four cores, that is what larger machines have as well.

A limit that a container or a unit has (cgroup v2, memory.max) counts like a machine of that size.
"""

import os
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from dns import cache_defaults

WORKER_MEGABYTES = 192  # of the machine, for each worker
CACHE_SHARE = 16  # of the machine's memory, one part in so many is for all answers
MINIMUM_CACHE_MEGABYTES = 4  # for each worker
STANDBY_MEGABYTES = 768  # a machine with less gives back what its pages take while nobody needs them
# As long as the longest window in which the pages count something in memory (`appliance.sign_in_throttle`).
STANDBY_MINUTES = 15.0

_MEGABYTE = 1024 * 1024


@lru_cache(maxsize=8)
def machine_megabytes(root: Path = Path("/")) -> int | None:
    """Return how much memory this process may have at most, as it was at first; None where nobody says so."""
    found = [*_installed_megabytes(root), *_limits_of_groups(root)]
    return min(found) // _MEGABYTE if found else None


def worker_count(configured: int, *, cores: int | None = None, megabytes: int | None = None) -> int:
    """Return how many workers there are: as many as the settings say, or as cores and memory allow (0)."""
    if configured:
        return configured
    cores = cores or len(os.sched_getaffinity(0))
    megabytes = megabytes or machine_megabytes()
    return cores if megabytes is None else min(cores, max(1, megabytes // WORKER_MEGABYTES))


def cache_megabytes(configured: int | None, workers: int, *, megabytes: int | None = None) -> int:
    """Return how much memory the answers of each worker take: as the settings say, or as there is."""
    if configured is not None:
        return configured
    megabytes = megabytes or machine_megabytes()
    if megabytes is None:
        return cache_defaults.MEGABYTES
    return max(MINIMUM_CACHE_MEGABYTES, min(cache_defaults.MEGABYTES, megabytes // CACHE_SHARE // workers))


def standby_seconds(configured_minutes: float | None, *, megabytes: int | None = None) -> float | None:
    """Return after how many seconds pages that nobody needs stand by: as the settings say, or as there is memory.

    None: never.
    """
    if configured_minutes is None:
        # Not `machine_megabytes`: on a card the pages' unit has a limit, whatever the board.
        is_small = (megabytes or physical_megabytes()) < STANDBY_MEGABYTES
        configured_minutes = STANDBY_MINUTES if is_small else 0.0
    return configured_minutes * 60.0 or None


def physical_megabytes() -> int:
    """Return how much memory the machine has, by the kernel: a unit may not see /proc/meminfo (ProcSubset=)."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // _MEGABYTE


def _installed_megabytes(root: Path) -> list[int]:
    """Read proc(5), meminfo: "MemTotal: 437000 kB"."""
    with suppress(OSError, ValueError, IndexError):
        for line in (root / "proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemTotal:"):
                return [int(line.split()[1]) * 1024]
    return []


def _limits_of_groups(root: Path) -> list[int]:
    """Read the limits of this process's control group and of those above it (cgroups(7), version 2)."""
    found: list[int] = []
    with suppress(OSError, ValueError):
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
        path = next((line.removeprefix("0::/") for line in lines if line.startswith("0::/")), "")
        top = root / "sys/fs/cgroup"
        for group in ((top / path), *(top / path).parents):
            with suppress(OSError, ValueError):  # the topmost has none; "max" is no number
                found.append(int((group / "memory.max").read_text(encoding="ascii")))
            if group == top:
                break
    return found
