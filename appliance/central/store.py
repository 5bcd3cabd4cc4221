"""Central's database: opened, brought to today's tables, and handed out in transactions."""

import fcntl
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, create_engine, event, select, text, update
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session, sessionmaker

from appliance.central import change_channel, change_scope
from appliance.central.change_channel import ChangeListener, SqliteChannel, SqliteListener
from appliance.central.errors import CentralError, database_words
from appliance.central.models import RevisionRow, RoomRow
from appliance.central.schema_migration import migrate_database, newest_migration
from appliance.settings.central import CentralSettings

_TURN_NAME, _NEXT_NAME = "writers.lock", "next-writer.lock"
BUSY_SECONDS = 5  # how long who wants to write waits for others
_POOL_SIZE = 32  # connections that are kept, and as many again in a crowd
_IS_NEWS = "is news"  # in `Session.info`: whether whoever listens is woken by the commit
_LEAST_FREE_BYTES = 64 * 1024  # without them SQLite has a "disk I/O error": it makes two files before it reads


class Revisions(msgspec.Struct, frozen=True):
    """Numbers that only grow, within an epoch."""

    rooms: int  # with every change that rooms or pages may show
    pages: int  # with each of those, and with every batch of health reports
    school: int  # what `rooms` was when a change last concerned every room
    epoch: str


class Store:
    """The database of one central service."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self._engine = engine
        self._folder = folder
        self._channel = SqliteChannel(folder) if self.is_sqlite else None
        self._writer = threading.Lock()  # of this process's threads, on SQLite
        self._sessions = sessionmaker(engine, expire_on_commit=False)
        event.listen(self._sessions, "after_flush", change_scope.collect_scope)

    @classmethod
    def from_settings(cls, settings: CentralSettings) -> "Store":
        """Open the database that the settings name. Raises CentralError."""
        return cls.open_database(settings.central.database, settings.central.data)

    @classmethod
    def open_database(cls, url: str, folder: Path) -> "Store":
        """Open a database; "": the one in the data folder. Raises CentralError."""
        if not url:
            folder.mkdir(parents=True, exist_ok=True)
            url = f"sqlite:///{folder / 'central.db'}"
        is_sqlite = url.startswith("sqlite")
        # The one that was given back last is taken first: each that is used keeps up to 2 MB of SQLite's cache.
        engine = create_engine(
            url, pool_size=_POOL_SIZE, max_overflow=_POOL_SIZE, pool_use_lifo=True, pool_pre_ping=not is_sqlite
        )
        if is_sqlite:
            event.listen(engine, "connect", _prepare_sqlite)
        return cls(engine, folder)

    @property
    def is_sqlite(self) -> bool:
        """Tell whether the database is a file of this machine's."""
        return self._engine.dialect.name == "sqlite"

    def migrate(self) -> None:
        """Bring the database to today's tables. Raises CentralError where it cannot be reached.

        Processes that start together do this one after the other: the later ones find it done.
        """
        if self.is_migrated():
            return
        try:
            with _migration_lock(self._engine):
                migrate_database(self._engine)
        except OperationalError as problem:
            raise self.unusable(problem) from None

    def unusable(self, problem: DBAPIError) -> CentralError:
        """Return what to tell a person to whom the database is of no use."""
        is_full = self.is_sqlite and shutil.disk_usage(self._folder).free < _LEAST_FREE_BYTES
        return CentralError(
            f"the database cannot be used: {'the disk is full' if is_full else database_words(problem)}"
        )

    def is_migrated(self) -> bool:
        """Tell whether the database has today's tables."""
        try:
            with self._engine.connect() as connection:
                found = connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all()
        except SQLAlchemyError:
            return False  # no tables yet, or no database: it is said below
        return found == [newest_migration()]

    @contextmanager
    def read_session(self) -> Iterator[Session]:
        """Give a session whose changes are never kept."""
        with self._sessions() as session:
            yield session

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Give a connection that sees the database as it is now, whatever others write meanwhile."""
        with self._engine.connect() as connection:
            if self.is_sqlite:
                connection.exec_driver_sql("BEGIN")  # or each statement would see a moment of its own
            else:
                connection.execution_options(isolation_level="REPEATABLE READ")
            try:
                yield connection
            finally:
                connection.rollback()

    @contextmanager
    def write_session(self, *, affects_rooms: bool = True) -> Iterator[Session]:
        """Give a session that is committed at the end, or rolled back where the block raises.

        The first statement locks the one row of `pulse`, so that writers come one after the other: what a block
        reads still holds when it writes. The revision grows, and with it that of whom the change concerns;
        `affects_rooms=False` says that it is no news for pages either, unless a row says that it is.
        """
        with self._turn_to_write(), self._sessions.begin() as session:
            session.execute(update(RevisionRow).values(revision=RevisionRow.revision))
            yield session
            session.flush()
            _record_scope(session, is_news=affects_rooms)
            is_news = bool(session.info.get(_IS_NEWS))
            if is_news and self._channel is None:
                change_channel.notify_in_transaction(session)
        if is_news:
            self.poke()

    @contextmanager
    def _turn_to_write(self) -> Iterator[None]:
        """Let threads and processes wait for each other here.

        SQLite has who waits sleep and look again: beside a room that delivers thousands of messages some starve.
        """
        if not self.is_sqlite:
            yield
            return
        if not self._writer.acquire(timeout=BUSY_SECONDS):
            raise PoolTimeout("others have been writing for too long")
        try:
            with _turn_of_process(self._folder):
                yield
        finally:
            self._writer.release()

    def poke(self) -> None:
        """Have every process that listens look again. On PostgreSQL the commit itself does that."""
        if self._channel is not None:
            self._channel.poke()

    def listen_for_changes(self) -> ChangeListener:
        """Return what waits for commits, by this process or another. Raises what SQLAlchemy raises."""
        if self._channel is None:
            from appliance.central.postgres_listener import PostgresListener  # noqa: PLC0415 (brings psycopg)

            return PostgresListener(self._engine)
        return SqliteListener(self._folder, self._engine)

    def revision(self) -> int:
        """Return the number that grows with every change."""
        return self.revisions().rooms

    def revisions(self) -> Revisions:
        """Return how much has changed until now, for whom."""
        with self._sessions() as session:
            return read_revisions(session)

    def close(self) -> None:
        """Give back every connection."""
        self._engine.dispose()
        if self._channel is not None:
            self._channel.close()


def read_revisions(session: Session) -> Revisions:
    """Return how much has changed until what a session sees, for whom."""
    row = session.execute(
        select(RevisionRow.revision, RevisionRow.health_reports, RevisionRow.school_revision, RevisionRow.epoch)
    ).one_or_none()
    revision, health_reports, school, epoch = row if row is not None else (0, 0, 0, "")
    return Revisions(rooms=revision, pages=revision + health_reports, school=school, epoch=epoch)


def count_health_reports(session: Session) -> None:
    """Say that a transaction has news of the rooms' health: for pages, but for no room."""
    session.execute(update(RevisionRow).values(health_reports=RevisionRow.health_reports + 1))
    session.info[_IS_NEWS] = True


def _record_scope(session: Session, *, is_news: bool) -> None:
    """Count a change, in its own transaction, for everybody whom it concerns."""
    school, rooms = change_scope.concerns_school(session), change_scope.concerned_rooms(session)
    if not (is_news or school or rooms):
        return
    session.info[_IS_NEWS] = True
    session.execute(update(RevisionRow).values(revision=RevisionRow.revision + 1))
    current = select(RevisionRow.revision).scalar_subquery()
    if school:
        session.execute(update(RevisionRow).values(school_revision=RevisionRow.revision))
    elif rooms:
        session.execute(update(RoomRow).where(RoomRow.id.in_(rooms)).values(revision=current))


@contextmanager
def _turn_of_process(folder: Path) -> Iterator[None]:
    """Hold two locks of the kernel's (flock(2)), the first only until the second is had.

    The kernel gives a lock to whoever asks first once it is free, which may be who had it just now. Whoever holds
    the first one is the next, and who asks again comes after.
    """
    with ExitStack() as stack:
        try:
            following, turn = _open_lock(stack, folder / _NEXT_NAME), _open_lock(stack, folder / _TURN_NAME)
        except OSError:
            pass  # SQLite's own waiting is left, and the words for what is wrong with the folder are its own
        else:
            fcntl.flock(following, fcntl.LOCK_EX)
            fcntl.flock(turn, fcntl.LOCK_EX)
            fcntl.flock(following, fcntl.LOCK_UN)
        yield


def _open_lock(stack: ExitStack, path: Path) -> int:
    """Open the file of a lock; closed, it gives the lock back. Raises OSError.

    Opened anew each time: copies of a process would share one. Files of their own: whoever writes may take other
    locks in the same folder (`appliance.files.one_at_a_time`).
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    stack.callback(os.close, handle)
    return handle


@contextmanager
def _migration_lock(engine: Engine) -> Iterator[None]:
    """Keep other processes out of a SQLite database's migrations: there, a change of tables is no transaction."""
    database = engine.url.database
    if engine.dialect.name != "sqlite" or not database:
        yield
        return
    try:
        lock = Path(f"{database}.migrating").open("wb")  # noqa: SIM115 (closed below, which gives the lock back)
    except OSError as problem:
        raise CentralError(f"the database cannot be used: {problem}") from None
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _prepare_sqlite(connection: DBAPIConnection, _record: Any) -> None:
    # FULL: what is acknowledged is on the disk. A room deletes its own copy as soon as central has answered.
    cursor = connection.cursor()
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        f"busy_timeout = {BUSY_SECONDS * 1000}",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
