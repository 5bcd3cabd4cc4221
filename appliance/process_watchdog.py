"""Listens to one program's signs of life, where systemd would (`appliance.sd_notify`).

Silence is counted in the time for which this process itself ran: a machine that stands still is no child's fault.
"""

import contextlib
import os
import socket
import time
from collections.abc import Mapping

FIRST_SIGN_SECONDS = 120.0  # for the first sign of life: large lists are read whole before it
_MAX_STEP_SECONDS = 1.0  # of two looks that are farther apart, no more than this counts as silence


class ProcessWatchdog:
    """Tells whether a program has been silent for too long."""

    has_spoken: bool
    _silent_seconds: float
    _looked_at: float

    def __init__(self, seconds: float, opened: socket.socket | None = None) -> None:
        """Listen on a socket that the program speaks to already (`opened`), or on one of its own."""
        self._seconds = seconds
        self.socket = opened or _open_socket()
        self._begin()

    @property
    def environment(self) -> Mapping[str, str]:
        """What tells a program where to speak, and how often."""
        name = self.socket.getsockname()[1:].decode()
        return {"NOTIFY_SOCKET": f"@{name}", "WATCHDOG_USEC": str(int(self._seconds * 1_000_000))}

    def reset(self) -> None:
        """Begin with a new process; what the one before said is forgotten."""
        self._hear()
        self._begin()

    def is_silent(self) -> bool:
        """Tell whether there was no sign of life for too long. Called often."""
        now = time.monotonic()
        self._silent_seconds += min(now - self._looked_at, _MAX_STEP_SECONDS)
        self._looked_at = now
        if self._hear():
            self.has_spoken, self._silent_seconds = True, 0.0
        return self._silent_seconds > (self._seconds if self.has_spoken else FIRST_SIGN_SECONDS)

    def close(self) -> None:
        """Listen no longer."""
        self.socket.close()

    def _begin(self) -> None:
        self.has_spoken = False
        self._silent_seconds = 0.0
        self._looked_at = time.monotonic()

    def _hear(self) -> bool:
        heard = False
        with contextlib.suppress(BlockingIOError):
            while True:
                heard = b"WATCHDOG=1" in self.socket.recv(4096).splitlines() or heard
        return heard


def _open_socket() -> socket.socket:
    opened = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    opened.bind(f"\0hallpass-{os.getpid()}-{os.urandom(8).hex()}")  # in the abstract namespace: no file is left
    return opened
