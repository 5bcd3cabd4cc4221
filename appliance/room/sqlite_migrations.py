"""Brings a SQLite database to today's tables, a step at a time: a step and its record are one transaction.

The record is `PRAGMA user_version`: how many of the migrations, in their order, a database has. So it is always
exactly at one of the numbered states, whenever the power goes. Whoever migrates holds the write lock and counts
again under it: of several processes that start together one does each step. A database that has more than this
program knows was written by a newer one and is left alone.

Works for every connection in autocommit mode (isolation_level None), SQLCipher's too.
"""

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from appliance.errors import HallpassError

if TYPE_CHECKING:
    from appliance.room.sqlite_library import Database

LOCK_SECONDS = 120.0  # how long another process may take for a step, on a slow card with a full database

_LOCK_POLL_SECONDS = 0.05

Migration = Callable[["Database"], None]


class DatabaseTooNew(HallpassError):
    """A database with tables that this program does not know yet."""


def apply_migrations(
    connection: Any, migrations: Sequence[Migration], *, adopt_record: "Callable[[Database], int]" = lambda _db: 0
) -> None:
    """Apply the migrations that a database has not got. Raises DatabaseTooNew, or the connection's own errors.

    `adopt_record` returns how many a database has whose `user_version` is 0, from a record of its own, which it
    removes.
    """
    if _user_version(connection) == len(migrations):
        return
    with _patience(connection):
        while _apply_next(connection, migrations, adopt_record):
            pass


def use_write_ahead_log(connection: Any) -> None:
    """Turn a database to WAL, which its file remembers. For that SQLite waits for no other process; this does.

    Raises the connection's own errors.
    """
    until = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as problem:
            if "locked" not in str(problem) or time.monotonic() > until:
                raise
            time.sleep(_LOCK_POLL_SECONDS)
        else:
            return


def _apply_next(
    connection: Any, migrations: Sequence[Migration], adopt_record: "Callable[[Database], int]"
) -> bool:
    """Apply one migration in a transaction of its own; return False where there was none left."""
    from appliance.room.sqlite_library import Database  # noqa: PLC0415 (a database as it should be has no use for it)

    connection.execute("BEGIN IMMEDIATE")
    try:
        db = Database(connection)
        done = _user_version(connection) or adopt_record(db)
        _ensure_known(done, len(migrations))
        is_behind = done < len(migrations)
        if is_behind:
            migrations[done](db)
            done += 1
        connection.execute(f"PRAGMA user_version = {done}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # SQLite itself takes it back where the disk is full
            connection.execute("ROLLBACK")
        raise
    return is_behind


def _ensure_known(done: int, known: int) -> None:
    if done > known:
        raise DatabaseTooNew(
            f"its tables are of version {done}, and this Hallpass knows them up to {known} only: "
            "a newer one has written it. Install that one again, or put the file aside"
        )


@contextlib.contextmanager
def _patience(connection: Any) -> Iterator[None]:
    """Wait for the lock of another process as long as a migration may take."""
    usual = connection.execute("PRAGMA busy_timeout").fetchone()[0]
    connection.execute(f"PRAGMA busy_timeout = {LOCK_SECONDS * 1000:.0f}")
    try:
        yield
    finally:
        connection.execute(f"PRAGMA busy_timeout = {usual}")


def _user_version(connection: Any) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
