"""What a process that runs for weeks tells its allocator and its collector, once it has imported what it needs."""

import ctypes
import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# mallopt(3). A heap for each thread costs a megabyte or so, and two are enough for threads that mostly wait. The
# memory of a hash of a password (19 MiB) goes back to the kernel at once: left to itself glibc gets used to such
# sizes, and keeps them.
_MALLOC_OPTIONS = {-8: 2, -3: 256 * 1024, -1: 256 * 1024}  # arenas, from where on mmap(2), what may lie idle

TRIM_SECONDS = 60.0

_libc = ctypes.CDLL(None)


def freeze_heap() -> None:
    """Leave what is here now alone: it stays as long as the process, so the collector need not look at it again.

    Call it before there are threads.
    """
    gc.collect()
    trim_allocator()
    gc.freeze()


def trim_allocator() -> None:
    """Have the C library give back what it does not need, now and later."""
    if hasattr(_libc, "mallopt"):  # glibc
        for option, value in _MALLOC_OPTIONS.items():
            _libc.mallopt(option, value)
        _libc.malloc_trim(0)


class HeapTrimmer:
    """Gives back, now and then, what a crowd took: glibc by itself keeps what lies between blocks in use."""

    def __init__(self, now: Callable[[], float]) -> None:
        """`now`: seconds that only grow."""
        self._now = now
        self._trimmed_at = now()

    def trim_if_due(self) -> bool:
        """Give it back where that was not done for a minute; tell whether it was done. Milliseconds, at most."""
        now = self._now()
        if now - self._trimmed_at < TRIM_SECONDS:
            return False
        self._trimmed_at = now
        trim_allocator()
        return True


@contextmanager
def paused_collector() -> Iterator[None]:
    """Look for no cycles meanwhile: to go through millions of rows, of which none has one, takes half the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
