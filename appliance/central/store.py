"""Central's database: opened, brought to today's tables, and handed out in transactions."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, create_engine, event, func, select, update
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker

from appliance.central.errors import CentralError
from appliance.central.models import RevisionRow
from appliance.settings.central import CentralSettings

MIGRATIONS = Path(__file__).parent / "migrations"
_ADVISORY_LOCK = 0x48616C6C  # the number of PostgreSQL's advisory lock: "Hall"


class Revisions(msgspec.Struct, frozen=True):
    """Two numbers that only grow."""

    rooms: int  # with every change that may concern a room
    pages: int  # with each of those, and with every health report


class Store:
    """The database of one central service."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._sessions = sessionmaker(engine, expire_on_commit=False)

    @classmethod
    def from_settings(cls, settings: CentralSettings) -> "Store":
        """Open the database that the settings name. Raises CentralError."""
        url = settings.central.database
        if not url:
            settings.central.data.mkdir(parents=True, exist_ok=True)
            url = f"sqlite:///{settings.central.data / 'central.db'}"
        engine = create_engine(url)
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", _prepare_sqlite)
        return cls(engine)

    def migrate(self) -> None:
        """Bring the database to today's tables. Raises CentralError where it cannot be reached.

        Processes that start together do this one after the other: the later ones find it done.
        """
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        try:
            with _migration_lock(self._engine), self._engine.begin() as connection:
                if connection.dialect.name == "postgresql":
                    connection.execute(select(func.pg_advisory_xact_lock(_ADVISORY_LOCK)))
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
        except OperationalError as problem:
            raise CentralError(f"the database cannot be used: {problem.orig}") from None

    @contextmanager
    def read_session(self) -> Iterator[Session]:
        """Give a session whose changes are never kept."""
        with self._sessions() as session:
            yield session

    @contextmanager
    def write_session(self, *, affects_rooms: bool = True) -> Iterator[Session]:
        """Give a session that is committed at the end, or rolled back where the block raises.

        The first statement locks the one row of `pulse`, so that writers come one after the other: what a block
        reads still holds when it writes. The revision grows unless the change cannot concern any room.
        """
        with self._sessions.begin() as session:
            session.execute(update(RevisionRow).values(revision=RevisionRow.revision + int(affects_rooms)))
            yield session

    def revision(self) -> int:
        """Return the number that grows with every change."""
        with self._sessions() as session:
            return session.scalar(select(RevisionRow.revision)) or 0

    def revisions(self) -> Revisions:
        """Return how much has changed until now, for rooms and for pages."""
        with self._sessions() as session:
            row = session.execute(select(RevisionRow.revision, RevisionRow.health_reports)).one_or_none()
        revision, health_reports = row if row is not None else (0, 0)
        return Revisions(rooms=revision, pages=revision + health_reports)

    def close(self) -> None:
        """Give back every connection."""
        self._engine.dispose()


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
    cursor = connection.cursor()
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON", "busy_timeout = 5000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
