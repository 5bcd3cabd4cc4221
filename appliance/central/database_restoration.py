"""The database of a restore: tables as the backup had them, filled, and then brought to today's.

Nothing of it counts before the end: on PostgreSQL all of it is one transaction, on SQLite a file beside its place.
"""

import re
from contextlib import ExitStack

from sqlalchemy import (
    JSON,
    Connection,
    Integer,
    MetaData,
    Table,
    create_engine,
    delete,
    func,
    insert,
    inspect,
    select,
)
from sqlalchemy.exc import OperationalError, StatementError

from appliance.central.backup_file import BackupError, Manifest, Rows
from appliance.central.schema_migration import newest_migration, run_migrations


class DatabaseRestoration:
    """A database that is made anew, with the rows of a backup."""

    def __init__(self, url: str, manifest: Manifest, undo: ExitStack) -> None:
        self._manifest = manifest
        if not re.fullmatch("[0-9]{4}", manifest.migration) or manifest.migration > newest_migration():
            raise BackupError(
                f"a newer Hallpass ({manifest.version[:40]}) made this backup: install that one first"
            )
        engine = create_engine(url)
        undo.callback(engine.dispose)
        self._connection = undo.enter_context(engine.connect())
        if inspect(self._connection).get_table_names():
            raise BackupError("the database is not empty: a backup is never put over an installation")
        run_migrations(self._connection, manifest.migration)
        found = MetaData()
        found.reflect(self._connection)
        self._tables = {table.name: table for table in found.sorted_tables}
        for table in self._tables.values():
            for column in table.columns:
                if isinstance(column.type, JSON):
                    column.type = JSON(none_as_null=True)
        for table in reversed(found.sorted_tables):
            if table.name in manifest.rows:
                self._connection.execute(delete(table))  # what the migrations begin with

    def insert(self, frame: Rows) -> None:
        """Add rows. Raises BackupError where they are none of this table's."""
        table = self._tables.get(frame.table)
        if table is None or any(name not in table.columns for name in frame.columns):
            raise BackupError(f"the file is damaged: there is no such table as {frame.table[:40]!r}")
        try:
            rows = [dict(zip(frame.columns, row, strict=True)) for row in frame.rows]
            self._connection.execute(insert(table), rows)
        except (ValueError, TypeError, StatementError) as problem:
            if isinstance(problem, OperationalError):
                raise
            raise BackupError(f"the file is damaged: a row of {frame.table} is none") from None

    def finish(self) -> None:
        """Bring the tables to today's."""
        if self._connection.dialect.name == "postgresql":
            for table in self._tables.values():
                _set_sequence(self._connection, table)
        run_migrations(self._connection, "head")
        if self._connection.dialect.name == "sqlite":
            self._close()  # its file is about to be moved; taken back it is with its folder

    def commit(self) -> None:
        """Keep it, where that could still be taken back."""
        if not self._connection.closed:
            self._close()

    def _close(self) -> None:
        self._connection.commit()
        self._connection.close()
        self._connection.engine.dispose()


def _set_sequence(connection: Connection, table: Table) -> None:
    """Let PostgreSQL number new rows after those that are there."""
    for column in table.primary_key.columns:
        if column.server_default is not None and isinstance(column.type, Integer):
            newest = select(func.max(column)).scalar_subquery()
            sequence = func.pg_get_serial_sequence(table.name, column.name)
            connection.execute(select(func.setval(sequence, func.coalesce(newest, 1), newest.is_not(None))))
