"""Brings the tables of central's database to a migration, up or down, in one transaction with all that they hold.

SQLite changes a table by making another one and dropping the first. With foreign keys on that deletes whatever
refers to its rows, or is refused. So they are off meanwhile, as SQLite's own manual has it
(https://www.sqlite.org/lang_altertable.html), and are looked at as a whole before the transaction ends. Python
begins a transaction with the first row that is written, not with a change of tables: here it is begun by hand, or
a fault half-way would leave tables that no version knows.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, func, select

from appliance.central.errors import CentralError

MIGRATIONS = Path(__file__).parent / "migrations"
_ADVISORY_LOCK = 0x48616C6C  # the number of PostgreSQL's advisory lock: "Hall"


def newest_migration() -> str:
    """Return the revision that today's tables have: the number of the last file of migrations."""
    return max(path.name[:4] for path in (MIGRATIONS / "versions").glob("[0-9][0-9][0-9][0-9]_*.py"))


def migrate_database(engine: Engine, target: str = "head", *, down: bool = False) -> None:
    """Bring a database's tables to a migration; where that fails, nothing has changed.

    Raises CentralError, or what SQLAlchemy raises. On PostgreSQL who comes second waits for the first; on SQLite
    the caller sees to that.
    """
    with engine.connect() as connection, _foreign_keys_off(connection), connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(select(func.pg_advisory_xact_lock(_ADVISORY_LOCK)))
        else:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        run_migrations(connection, target, down=down)
        if connection.dialect.name == "sqlite":
            _check_foreign_keys(connection)


def run_migrations(connection: Connection, target: str, *, down: bool = False) -> None:
    """Run the migrations up (or down) to one on a connection, in its transaction."""
    from alembic import command  # noqa: PLC0415 (eleven megabytes, for what is mostly done already)
    from alembic.config import Config  # noqa: PLC0415 (as above)

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    (command.downgrade if down else command.upgrade)(config, target)


@contextmanager
def _foreign_keys_off(connection: Connection) -> Iterator[None]:
    """Have SQLite follow no foreign keys; it listens to that between transactions only."""
    if connection.dialect.name != "sqlite":
        yield
        return
    was_on = connection.exec_driver_sql("PRAGMA foreign_keys").scalar_one()
    connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
    connection.commit()
    try:
        yield
    finally:
        connection.exec_driver_sql(f"PRAGMA foreign_keys = {was_on}")  # the connection goes back to its pool
        connection.commit()


def _check_foreign_keys(connection: Connection) -> None:
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
    if broken is not None:
        table, row, parent, _ = broken
        raise CentralError(
            f"the database is damaged: row {row} of {table} belongs to a row of {parent} that is not there; "
            "restore a backup"
        )
