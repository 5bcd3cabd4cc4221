"""How one process of central hears that another has committed something: at once, without polling the database.

On SQLite whoever commits pokes the others: a datagram to each Unix socket in the data folder. On PostgreSQL the
commit itself brings the notification (LISTEN and NOTIFY). Neither carries anything: who is poked looks at the
revisions. Below both is a net: SQLite's `data_version` is read once a second, which touches no page of the
database, and whoever waits for PostgreSQL (`appliance.central.postgres_listener`) looks every few seconds whether
anything was said or not.
"""

import contextlib
import os
import select
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

TICK_SECONDS = 1.0
CHANNEL = "hallpass_central"  # PostgreSQL's name for it
_SOCKET_PREFIX = "poke-"


class ChangeListener(Protocol):
    """Waits for what other processes, and this one, commit."""

    def wait_for_change(self, timeout_seconds: float) -> bool:
        """Return True once something may have been committed, False after the timeout; or when it is woken."""

    def wake(self) -> None:
        """Have the one who waits return now. From any thread."""

    def close(self) -> None:
        """Give back what it holds. By the one who waits."""


class SqliteChannel:
    """The sockets below a folder: one for each process that listens."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._sender.setblocking(False)  # noqa: FBT003 (the socket's own signature)

    def poke(self) -> None:
        """Wake every process that listens; forget those that are gone. Never raises."""
        try:
            with _short_path(self._folder) as folder:
                for name in os.listdir(folder):  # noqa: PTH208 (the path must stay as short as it is)
                    if name.startswith(_SOCKET_PREFIX):
                        self._poke_one(f"{folder}/{name}")
        except OSError:
            return  # the net notices

    def _poke_one(self, path: str) -> None:
        try:
            self._sender.sendto(b"\n", path)
        except ConnectionRefusedError:
            with contextlib.suppress(OSError):
                os.unlink(path)  # noqa: PTH108 (as above)
        except OSError:
            return  # its queue is full, so it wakes anyway; or it has just gone

    def close(self) -> None:
        """Give back the socket."""
        self._sender.close()


class SqliteListener:
    """Waits for pokes, and looks at `data_version` once a second."""

    def __init__(self, folder: Path, engine: Engine) -> None:
        self._connection = engine.connect()
        self._data_version = self._read_data_version()
        self._waker = Waker()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)  # noqa: FBT003 (the socket's own signature)
        self._path = folder / f"{_SOCKET_PREFIX}{os.getpid()}-{id(self):x}"
        with contextlib.suppress(OSError), _short_path(folder) as short:  # without a socket there is the net
            self._socket.bind(f"{short}/{self._path.name}")

    def wait_for_change(self, timeout_seconds: float) -> bool:
        """Return True once something may have been committed, False after the timeout; or when it is woken."""
        until = time.monotonic() + timeout_seconds
        while True:
            left = max(0.0, until - time.monotonic())
            receivers = (self._socket, self._waker.receiver)
            if wait_for_input(min(left, TICK_SECONDS), *(one.fileno() for one in receivers)):
                for one in receivers:
                    drain(one)
                self._data_version = self._read_data_version()
                return True
            version = self._read_data_version()
            if version != self._data_version:
                self._data_version = version
                return True
            if left <= TICK_SECONDS:
                return False

    def wake(self) -> None:
        """Have the one who waits return now. From any thread."""
        self._waker.wake()

    def close(self) -> None:
        """Give back what it holds. By the one who waits."""
        self._socket.close()
        self._path.unlink(missing_ok=True)
        self._connection.close()
        self._waker.close()

    def _read_data_version(self) -> int:
        """Return a number that is another one after each commit by anybody else (SQLite's manual, PRAGMA)."""
        version: int = self._connection.execute(text("PRAGMA data_version")).scalar_one()
        self._connection.rollback()
        return version


def notify_in_transaction(session: Session) -> None:
    """Have PostgreSQL wake everybody who listens, if and when this transaction is committed."""
    session.execute(text("SELECT pg_notify(:channel, '')"), {"channel": CHANNEL})


class Waker:
    """Wakes, from another thread, the one who waits for `receiver`."""

    def __init__(self) -> None:
        self.receiver, self._sender = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        for end in (self.receiver, self._sender):
            end.setblocking(False)  # noqa: FBT003 (the socket's own signature)

    def wake(self) -> None:
        """Have the one who waits return now."""
        with contextlib.suppress(OSError):  # full: it wakes anyway; closed: nobody waits
            self._sender.send(b"\n")

    def close(self) -> None:
        """Give back both ends."""
        self.receiver.close()
        self._sender.close()


def drain(receiver: socket.socket) -> None:
    """Take in all that has come."""
    with contextlib.suppress(BlockingIOError):
        while receiver.recv(16):
            continue


def wait_for_input(timeout_seconds: float, *files: int) -> set[int]:
    """Return the files of which something can be read; unlike select(2) whatever their numbers are."""
    poll = select.poll()
    for file in files:
        poll.register(file, select.POLLIN)
    return {file for file, _ in poll.poll(timeout_seconds * 1000)}


@contextlib.contextmanager
def _short_path(folder: Path) -> Iterator[str]:
    """Give a folder's name as the kernel also knows it: a socket's path may have 107 bytes only (unix(7))."""
    handle = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{handle}"
    finally:
        os.close(handle)
