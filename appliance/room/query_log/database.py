"""Opens the query log's database, with or without a key. SQLCipher without a key is plain SQLite."""

from pathlib import Path
from typing import Any

from sqlcipher3 import dbapi2 as sqlite

from appliance.room.database_file import quick_check

PAGE_BYTES = 1024  # a small change writes a small page; an encrypted log is opened with the same cipher_page_size
WRITER_CACHE_KIBIBYTES = 2000  # SQLCipher's own choice is 8000; who appends has little to find again
PLAIN_BEGINNING = b"SQLite format 3\0"  # https://www.sqlite.org/fileformat.html, section 1.3

DatabaseError = sqlite.Error
Connection = Any  # sqlcipher3 publishes no types; it is sqlite3.Connection in all but name


def open_database_for_writing(path: Path, key: bytes | None) -> Connection:
    """Open the database for its one writer, in autocommit mode; makes it where there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite.connect(str(path), isolation_level=None, check_same_thread=False)
    try:
        _unlock(connection, key)
        connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        connection.execute(f"PRAGMA cache_size = -{WRITER_CACHE_KIBIBYTES}")
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
        # The journal is cleared after a commit: the commit must then be on the disk itself.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA wal_autocheckpoint = 2000")
        connection.execute("PRAGMA secure_delete = FAST")
        _enable_auto_vacuum(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def open_database_for_reading(path: Path, key: bytes | None) -> Connection:
    """Open the database read-only."""
    connection = sqlite.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=2.0)
    _unlock(connection, key)
    return connection


def copy_under_key(connection: Connection, target: Path, key: bytes) -> None:
    """Copy an open database, whole, into a new file under a key (SQLCipher's `sqlcipher_export`)."""
    connection.execute(f"ATTACH DATABASE ? AS made KEY {_key_literal(key)}", (str(target),))
    connection.execute(f"PRAGMA made.cipher_page_size = {PAGE_BYTES}")
    connection.execute("PRAGMA made.auto_vacuum = INCREMENTAL")
    connection.execute("SELECT sqlcipher_export('made')").fetchall()
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    connection.execute(f"PRAGMA made.user_version = {version}")
    connection.execute("DETACH DATABASE made")


def read_beginning(path: Path) -> bytes:
    """Return what a database never changes: SQLite's name, or the salt of one with a key. Raises OSError."""
    with path.open("rb") as file:
        return file.read(len(PLAIN_BEGINNING))


class DatabaseDamaged(sqlite.DatabaseError):  # type: ignore[misc]  # sqlcipher3 publishes no types
    """The database does not pass its own check; the message says where."""


def check_database(connection: Connection) -> None:
    """Let the database check itself. Raises Damaged."""
    said = quick_check(connection)
    if said != "ok":
        raise DatabaseDamaged(said)


def is_damage(problem: Exception) -> bool:
    """Tell whether an error means that this file is no database that this key opens."""
    # SQLITE_CORRUPT and SQLITE_NOTADB are the errors that are raised as the base class itself.
    return type(problem) in {sqlite.DatabaseError, DatabaseDamaged}


def _unlock(connection: Connection, key: bytes | None) -> None:
    if key is not None:
        connection.execute(f"PRAGMA key = {_key_literal(key)}")
        connection.execute(f"PRAGMA cipher_page_size = {PAGE_BYTES}")


def _key_literal(key: bytes) -> str:
    return f"\"x'{key.hex()}'\""


def _enable_auto_vacuum(connection: Connection) -> None:
    """Bring a database that was made before `auto_vacuum` to it, once."""
    if connection.execute("PRAGMA auto_vacuum").fetchone()[0] != 2:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("VACUUM")
