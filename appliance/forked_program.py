"""A program that is a copy of this process instead of a command of its own: what was imported is imported once.

Pages of memory that neither side writes to are shared with the process that forked (fork(2)). That one must have
no threads, no event loop and no connection open: a copy would have half of them. Call `prepare_to_fork` before the
first fork, so that the collector does not write to what could be shared.
"""

import ctypes
import gc
import multiprocessing
import os
import signal
import subprocess
from collections.abc import Callable, Mapping

import msgspec

PR_SET_PDEATHSIG = 1  # prctl(2)
_PR_SET_NAME = 15
_NAME_BYTES = 15

# mallopt(3). A heap for each thread costs a megabyte or so, and two are enough for threads that mostly wait. The
# memory of a hash of a password (19 MiB) goes back to the kernel at once: left to itself glibc gets used to such
# sizes, and keeps them.
_MALLOC_OPTIONS = {-8: 2, -3: 256 * 1024, -1: 256 * 1024}  # arenas, from where on mmap(2), what may lie idle

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_libc = ctypes.CDLL(None)
_context = multiprocessing.get_context("fork")


class ForkedProcess:
    """A running copy, in the words of `subprocess.Popen`."""

    def __init__(self, run: Callable[[], None], title: str, environment: Mapping[str, str]) -> None:
        arguments = (run, title, dict(environment), os.getpid())
        self._process = _context.Process(target=_run_apart, args=arguments, name=title)
        # A signal that comes between the copy's first moment and its own handlers waits for them.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)
        try:
            self._process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid or 0

    @property
    def returncode(self) -> int | None:
        """How it ended; negative: by which signal. None: it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """Return how it ended, or None."""
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def wait(self, timeout: float | None = None) -> int:
        """Return how it ended. Raises subprocess.TimeoutExpired."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout or 0.0)
        return self._process.exitcode


class ForkedProgram(msgspec.Struct, frozen=True):
    """A function to keep running in a process of its own; it returns, or leaves with SystemExit."""

    name: str
    run: Callable[[], None]
    title: str  # what ps(1) and top(1) show, at most 15 bytes

    watchdog_seconds: float | None = None

    def start(self, environment: Mapping[str, str]) -> ForkedProcess:
        """Start it."""
        return ForkedProcess(self.run, self.title, environment)


def prepare_to_fork() -> None:
    """Make ready to fork: what is here now is nothing that the collector need look at again."""
    gc.collect()
    if hasattr(_libc, "mallopt"):  # glibc
        for option, value in _MALLOC_OPTIONS.items():
            _libc.mallopt(option, value)
        _libc.malloc_trim(0)
    gc.freeze()


def _run_apart(run: Callable[[], None], title: str, environment: dict[str, str], parent: int) -> None:
    os.environ.update(environment)
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    _libc.prctl(_PR_SET_NAME, title.encode()[:_NAME_BYTES])
    os.setsid()  # Ctrl-C reaches the supervisor alone
    for number in _STOP_SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP_SIGNALS)
    if os.getppid() == parent:
        run()
