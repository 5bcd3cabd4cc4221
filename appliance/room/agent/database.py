"""state.db itself: one connection, used by one thread at a time, each change a transaction that is on the disk.

WAL with synchronous = FULL: what a person was told is kept is still there after a power cut. So a change waits for
the disk, and the agent's event loop leaves it to a thread (`appliance.room.agent.thread_pool`).
"""

import sqlite3
import threading
from pathlib import Path

from appliance.room.agent import schema
from appliance.room.sqlite_migrations import DatabaseTooNew, apply_migrations, use_write_ahead_log


class AgentDatabase:
    """The agent's database. One writer: the agent."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)  # it holds verifiers of passwords
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        use_write_ahead_log(self._connection)
        self._connection.execute("PRAGMA synchronous = FULL")
        try:
            apply_migrations(self._connection, schema.MIGRATIONS)
        except DatabaseTooNew as problem:
            self._connection.close()
            raise DatabaseTooNew(f"{path}: {problem}") from None
        # Whoever reads in order to write holds it meanwhile: also where what is written is a file beside state.db.
        self.lock = threading.RLock()
        self.revision = 1  # grows with every change that a page may want to show

    def close(self) -> None:
        """Close the database."""
        with self.lock:
            self._connection.close()

    def _rows(self, query: str, values: object = ()) -> list[sqlite3.Row]:
        with self.lock:
            return self._connection.execute(query, values).fetchall()  # type: ignore[arg-type]  # a tuple or a dict

    def _transaction(self) -> "_Transaction":
        return _Transaction(self)


class _Transaction:
    """One transaction; a page may want to look again after it."""

    def __init__(self, database: AgentDatabase) -> None:
        self._database = database
        self._connection = database._connection

    def __enter__(self) -> None:
        self._database.lock.acquire()
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except BaseException:
            self._database.lock.release()
            raise

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._connection.execute("COMMIT")
        finally:
            try:
                if self._connection.in_transaction:  # a disk that is full can fail the commit and leave it open
                    self._connection.execute("ROLLBACK")
            finally:
                self._database.revision += 1
                self._database.lock.release()
