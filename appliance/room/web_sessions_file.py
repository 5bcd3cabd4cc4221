"""The file of the sessions of a room's pages: opened, checked, brought to today's tables.

What is damage, and what trouble that passes, is told apart here: a damaged file is set aside by whoever opens it.
"""

import os
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.room.database_file import quick_check
from appliance.room.sqlite_migrations import DatabaseTooNew, Migration, apply_migrations, use_write_ahead_log

if TYPE_CHECKING:
    from appliance.room.sqlite_library import Database

_WAIT_SECONDS = 5.0
_TABLES = (
    """CREATE TABLE sessions (id_hash TEXT PRIMARY KEY, username TEXT NOT NULL, account BLOB NOT NULL,
        issued REAL NOT NULL, last_used REAL NOT NULL, device TEXT NOT NULL, ended REAL)""",
    "CREATE INDEX sessions_username ON sessions (username)",
    "CREATE TABLE known_devices (token_hash TEXT PRIMARY KEY, username TEXT NOT NULL, last_used REAL NOT NULL)",
)


def _first(db: "Database") -> None:
    for statement in _TABLES:
        db.execute(statement)


def _second(db: "Database") -> None:
    """Keep from which address a session began."""
    db.execute("ALTER TABLE sessions ADD COLUMN address TEXT NOT NULL DEFAULT ''")


_MIGRATIONS: tuple[Migration, ...] = (_first, _second)


def open_sessions_file(path: Path) -> sqlite3.Connection:
    """Open the file, or begin it. Raises sqlite3.Error or OSError; `is_damage` tells which of them is damage."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    path.chmod(0o600)
    connection = sqlite3.connect(path, timeout=_WAIT_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        _check_pages(connection)
        use_write_ahead_log(connection)
        connection.execute("PRAGMA synchronous = FULL")  # what was ended stays ended after a power cut
        apply_migrations(connection, _MIGRATIONS)
    except DatabaseTooNew as problem:  # set aside as damage is: people sign in again
        connection.close()
        raise sqlite3.DatabaseError(str(problem)) from None
    except BaseException:
        connection.close()
        raise
    return connection


def _check_pages(connection: sqlite3.Connection) -> None:
    if (said := quick_check(connection)) != "ok":
        raise sqlite3.DatabaseError(f"its pages do not fit together: {said}")


def is_damage(problem: Exception) -> bool:
    """Tell a file that is no database, or not this one, from trouble that passes (a lock, a full disk)."""
    if isinstance(problem, sqlite3.OperationalError):
        return "no such" in str(problem)
    return isinstance(problem, sqlite3.DatabaseError)
