"""Room for state.db on a disk that is full: what a teacher asks or ends there is kept all the same.

- Free pages in the database, and a write-ahead log that has its blocks already: SQLite uses both before it asks
  for more. The log is copied into the database well before its end (`CHECKPOINT_PAGES`).
- A file's worth of blocks beside it, given up where the database cannot even be opened: SQLite removes the
  write-ahead log when it is closed, and a room that is started on a full disk could not make one.
"""

import contextlib
import os
import sqlite3
from pathlib import Path

from appliance.spare_file import keep_spare, release_spare

RESERVED_PAGES = 128
CHECKPOINT_PAGES = 48  # the largest transaction there may have the rest: a policy of 300 kB
_SPARE_BYTES = 384 * 1024  # the log, its index and what is written meanwhile


class DatabaseReserve:
    """The reserve of one database that was opened."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._has_log = False

    def renew(self, connection: sqlite3.Connection) -> None:
        """Have what is missing of it. Called often. Never raises.

        The write-ahead log has no blocks after the database was opened, so they are asked for at once, on a full
        disk too; what was used since is had again once there is room.
        """
        with contextlib.suppress(OSError, sqlite3.Error):
            found = os.statvfs(self._path.parent)
            if found.f_bavail * found.f_frsize > 4 * _SPARE_BYTES:
                keep_spare(self._path, mode=0o600, size=_SPARE_BYTES)
            elif self._has_log:
                return
            (free,) = connection.execute("PRAGMA freelist_count").fetchone()
            if not self._has_log or free < RESERVED_PAGES // 2:
                self._has_log = True
                _reserve_pages(connection)


def _reserve_pages(connection: sqlite3.Connection) -> None:
    """Have free pages, and blocks for the write-ahead log. Raises sqlite3.Error.

    The pages are written with something, or they would only be numbers.
    """
    connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
    (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
    connection.execute("DROP TABLE IF EXISTS spare")  # of a process that was killed here
    connection.execute("CREATE TABLE spare (content BLOB)")
    try:
        connection.execute("INSERT INTO spare VALUES (zeroblob(?))", (RESERVED_PAGES * page_bytes,))
        connection.execute("PRAGMA wal_checkpoint(RESTART)")
    finally:
        connection.execute("DROP TABLE spare")
        connection.execute("PRAGMA wal_checkpoint(RESTART)")
        connection.execute("PRAGMA shrink_memory")


def give_up_spare(path: Path, problem: sqlite3.Error) -> bool:
    """Make room for opening a database that could not be; return whether there is any more than before."""
    return isinstance(problem, sqlite3.OperationalError) and release_spare(path)
