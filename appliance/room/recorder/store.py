"""Writes batches of records into the query log: each batch once, many batches in one transaction.

The number of a worker's last batch is written in the same transaction as the rows, so that a batch which comes
again (because its confirmation was lost) is known. Identifiers of names, devices and outcomes are remembered in
bounded dictionaries, so that a repeated name costs no query.
"""

import sqlite3
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path

from appliance.room.recorder import schema
from appliance.room.recorder.tokens import Tokens
from dns.records import Batch, QueryRecord

REMEMBERED = 50_000  # identifiers kept in memory, per table
WORKER_DAYS = 7  # how long a worker's last number is kept after it was last heard of


class LogStore:
    """The query log, for its one writer. Methods raise sqlite3.Error; nothing is then counted as stored."""

    def __init__(self, path: Path, tokens: Tokens) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.execute("PRAGMA foreign_keys = ON")
        schema.migrate(self._connection)
        self._tokens = tokens
        self._names = _Identifiers(self._connection, "names", ("name",))
        self._devices = _Identifiers(self._connection, "devices", ("token",))
        self._outcomes = _Identifiers(
            self._connection,
            "outcomes",
            ("device_group", "verdict", "step", "category", "source", "entry", "rcode"),
        )

    def write(self, batches: Sequence[Batch], now: float) -> None:
        """Store every batch that is not stored yet, in one transaction."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            last: dict[str, int] = {}
            rows: list[tuple[object, ...]] = []
            for batch in batches:
                if batch.sequence > self._last_sequence(batch.worker, last):
                    rows.extend(map(self._row, batch.records))
                    last[batch.worker] = batch.sequence
            self._connection.executemany(
                "INSERT INTO queries (second, device_id, name_id, qtype, outcome_id, count, milliseconds)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                rows,
            )
            self._connection.executemany(
                "INSERT INTO workers VALUES (?, ?, ?)"
                " ON CONFLICT (worker) DO UPDATE SET sequence = excluded.sequence, seen = excluded.seen",
                [(worker, sequence, int(now)) for worker, sequence in last.items()],
            )
            self._connection.execute("COMMIT")
        except BaseException:
            self._forget()
            self._connection.execute("ROLLBACK")
            raise

    def forget_old_workers(self, now: float) -> None:
        """Drop the numbers of workers that have not been heard of for `WORKER_DAYS`."""
        self._connection.execute("DELETE FROM workers WHERE seen < ?", (int(now) - WORKER_DAYS * 86400,))

    def close(self) -> None:
        """Fold the write-ahead log into the database and close it."""
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._connection.close()

    def _last_sequence(self, worker: str, seen_now: dict[str, int]) -> int:
        if worker not in seen_now:
            row = self._connection.execute("SELECT sequence FROM workers WHERE worker = ?", (worker,)).fetchone()
            return row[0] if row else 0
        return seen_now[worker]

    def _row(self, record: QueryRecord) -> tuple[object, ...]:
        outcome = (
            record.group, record.verdict, record.step, record.category, record.source, record.entry, record.rcode,
        )  # fmt: skip
        return (
            record.second,
            self._devices.of((self._tokens.token(record.device),)),
            self._names.of((record.name,)),
            record.qtype,
            self._outcomes.of(outcome),
            record.count,
            record.milliseconds,
        )

    def _forget(self) -> None:
        # What a rolled-back transaction had inserted is gone: its identifiers must not be believed.
        for identifiers in (self._names, self._devices, self._outcomes):
            identifiers.forget()


class _Identifiers:
    """The identifiers of a table whose rows are never changed."""

    def __init__(self, connection: sqlite3.Connection, table: str, columns: tuple[str, ...]) -> None:
        marks = ", ".join("?" * len(columns))
        where = " AND ".join(f"{column} = ?" for column in columns)
        self._execute: Callable[..., sqlite3.Cursor] = connection.execute
        self._select = f"SELECT id FROM {table} WHERE {where}"  # noqa: S608 (our own table names)
        self._insert = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608
        self._known: dict[Hashable, int] = {}

    def of(self, values: tuple[object, ...]) -> int:
        """Return the identifier of a row, inserting it where it is new."""
        known = self._known.get(values)
        if known is not None:
            return known
        row = self._execute(self._select, values).fetchone()
        identifier = int(row[0] if row else self._execute(self._insert, values).lastrowid or 0)
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        self._known[values] = identifier
        return identifier

    def forget(self) -> None:
        """Believe nothing any more."""
        self._known.clear()
