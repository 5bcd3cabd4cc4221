"""state.db itself: one connection, used by one thread at a time, each change a transaction that is on the disk.

WAL with synchronous = FULL: what a person was told is kept is still there after a power cut. So a change waits for
the disk, and the agent's event loop leaves it to a thread (`appliance.room.agent.thread_pool`).

Where the file is damaged it is set aside and another one begun (`appliance.room.database_file`), with everything
that can still be read where that fits together. This is noticed at the start, in use, and by `check_file`.
"""

import contextlib
import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

from appliance.files import one_at_a_time
from appliance.room import database_file
from appliance.room.agent import schema
from appliance.room.agent.database_reserve import DatabaseReserve, give_up_spare
from appliance.room.file_state import FileState, read_file_state
from appliance.room.sqlite_migrations import DatabaseTooNew, apply_migrations, use_write_ahead_log

log = logging.getLogger("hallpass.agent")


class AgentDatabase:
    """The agent's database. One writer: the agent."""

    def __init__(self, path: Path, now: Callable[[], float] = time.time) -> None:
        self._path = path
        self._now = now
        # Whoever reads in order to write holds it meanwhile: also where what is written is a file beside state.db.
        self.lock = threading.RLock()
        self.revision = 1  # grows with every change that a page may want to show
        self._connection = self._open()
        self._reserve = DatabaseReserve(path)
        self._last_state = read_file_state(path)

    def close(self) -> None:
        """Close the database."""
        with self.lock:
            self._connection.close()

    def check_file(self) -> None:
        """See whether somebody else touched the file, and heal it. Raises OSError or sqlite3.Error."""
        with self.lock:
            self._reserve.renew(self._connection)
            state = read_file_state(self._path)
            if state == self._last_state:
                return
            problem = _find_damage(self._path)
            if problem or state is None or self._last_state is None or state[0] != self._last_state[0]:
                self._begin_anew(problem or "it was taken away, or another one put in its place")
            self._last_state = read_file_state(self._path)

    def _open(self) -> sqlite3.Connection:
        self._path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        with one_at_a_time(self._path.parent):  # what another process just begins is empty too
            if self._path.is_file() and self._path.stat().st_size == 0:  # never so after its first moment
                database_file.set_aside(self._path, "it is empty", self._now())
            database_file.prepare_database_file(self._path, self._now())
            try:
                return _connect(self._path)
            except sqlite3.Error as problem:
                if _is_damage(problem):
                    database_file.set_aside(self._path, problem, self._now())
                elif not give_up_spare(self._path, problem):
                    raise
                return _connect(self._path)

    def _begin_anew(self, problem: object) -> None:
        """Set the file aside, and begin another one with what can still be read of it."""
        rescued = _rescue(self._connection)
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()
        if database_file.set_aside(self._path, problem, self._now()) is None:
            log.error("%s: %s", self._path, problem)
        self._connection = self._open()
        self._reserve = DatabaseReserve(self._path)
        if rescued is not None:
            with contextlib.closing(rescued):
                rescued.backup(self._connection)
                use_write_ahead_log(self._connection)
            log.warning("%s: nothing of it was lost", self._path)
        self._last_state = read_file_state(self._path)
        self.revision += 1

    def _handle_error(self, problem: sqlite3.Error) -> None:
        """Begin anew where an error means damage; what was under way has failed."""
        if _is_damage(problem):
            with contextlib.suppress(OSError, sqlite3.Error):
                self._begin_anew(problem)

    def _rows(self, query: str, values: object = ()) -> list[sqlite3.Row]:
        with self.lock:
            try:
                return self._connection.execute(query, values).fetchall()  # type: ignore[arg-type]  # a tuple or a dict
            except sqlite3.Error as problem:
                self._handle_error(problem)
                raise

    def _transaction(self) -> "_Transaction":
        return _Transaction(self)


class _Transaction:
    """One transaction; a page may want to look again after it."""

    def __init__(self, database: AgentDatabase) -> None:
        self._database = database

    def __enter__(self) -> None:
        self._database.lock.acquire()
        try:
            self._database._connection.execute("BEGIN IMMEDIATE")
        except BaseException as problem:
            try:
                if isinstance(problem, sqlite3.Error):
                    self._database._handle_error(problem)
            finally:
                self._database.lock.release()
            raise

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, *_: object) -> None:
        database = self._database
        connection = database._connection
        try:
            if kind is None:
                connection.execute("COMMIT")
        except sqlite3.Error as failure:
            problem = failure
            raise
        finally:
            try:
                if connection.in_transaction:  # a disk that is full can fail the commit and leave it open
                    connection.execute("ROLLBACK")
            finally:
                if isinstance(problem, sqlite3.Error):
                    database._handle_error(problem)
                else:
                    database._last_state = _same_file_state(database._path, database._last_state)
                database.revision += 1
                database.lock.release()


def _connect(path: Path) -> sqlite3.Connection:
    """Open the file, or begin it, checked and with today's tables. Raises sqlite3.Error or DatabaseTooNew."""
    if not path.exists():
        path.touch(mode=0o600)  # it holds verifiers of passwords
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        _check_pages(connection)
        use_write_ahead_log(connection)
        connection.execute("PRAGMA synchronous = FULL")
        apply_migrations(connection, schema.MIGRATIONS)
    except DatabaseTooNew as problem:
        connection.close()
        raise DatabaseTooNew(f"{path}: {problem}") from None
    except BaseException:
        connection.close()
        raise
    return connection


def _check_pages(connection: sqlite3.Connection) -> None:
    if (found := database_file.quick_check(connection)) != "ok":
        raise sqlite3.DatabaseError(f"its pages do not fit together: {found}")


def _find_damage(path: Path) -> str:
    """Read the file as one who opens it anew would; return what is wrong with it, or ""."""
    if not path.is_file():  # SQLite would wait at a pipe for ever
        return "no regular file"
    try:
        with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as reader:
            _check_pages(reader)
            if reader.execute("PRAGMA user_version").fetchone() != (len(schema.MIGRATIONS),):
                return "its tables are gone"
    except sqlite3.Error as problem:
        return "" if "locked" in str(problem) else str(problem)
    return ""


def _rescue(connection: sqlite3.Connection) -> sqlite3.Connection | None:
    """Return what an open connection still holds, in memory, if all of it can be read and fits together."""
    copy = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    try:
        connection.backup(copy)
        _check_pages(copy)
        if copy.execute("PRAGMA user_version").fetchone() != (len(schema.MIGRATIONS),):
            raise sqlite3.DatabaseError("nothing is in it")
    except sqlite3.Error:
        copy.close()
        return None
    return copy


def _is_damage(problem: sqlite3.Error) -> bool:
    """Tell a file that is no database, or not this one, from trouble that passes (a lock, a full disk)."""
    # SQLITE_CORRUPT and SQLITE_NOTADB are raised as the base class itself.
    return type(problem) is sqlite3.DatabaseError or "no such table" in str(problem)


def _same_file_state(path: Path, before: FileState) -> FileState:
    """Return how our file looks after we wrote to it; where another stands there, what it was before."""
    state = read_file_state(path)
    return state if state is not None and before is not None and state[0] == before[0] else before
