"""Writes batches of records into the query log: each batch once, many batches in one transaction.

The number of a worker's last batch is written in the same transaction as the rows, so that a batch which comes
again (because its confirmation was lost) is known. Names, devices and outcomes that were met lately are
remembered with their numbers in bounded dictionaries, so that a repeated name costs no query. Equal answers of
one second, whichever worker gave them, become one row.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from operator import attrgetter

import msgspec
from msgspec.structs import replace

from appliance.protocol import Incident
from appliance.room.query_log import schema
from appliance.room.query_log.columns import ID_BITS, OUTCOME_COLUMNS, OUTCOME_FIELDS
from appliance.room.query_log.database import Connection
from dns.querylog.records import BLOCKED_VERDICTS, QueryRecord, RecordBatch

CACHED_NAMES = 5_000  # in each of two generations
WORKER_DAYS = 7  # how long a worker's last number is kept after it was last heard of

_VERDICT = OUTCOME_FIELDS.index("verdict")
_Outcome = tuple[str | int, ...]  # `OUTCOME_FIELDS`
_Key = tuple[int, str, str, int, _Outcome]
_outcome_of: Callable[[QueryRecord], _Outcome] = attrgetter(*OUTCOME_FIELDS)


class LogStore:
    """The query log, for its one writer. Methods raise `database.DatabaseError`; nothing is then stored."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        schema.migrate_query_log(connection)
        self._names = _NameCache(connection)
        self._devices: dict[str, int] = {}
        self._outcomes: dict[_Outcome, int] = {}
        self._next_ids: dict[int, int] = {}

    def insert_batches(self, batches: Sequence[RecordBatch], now: float) -> None:
        """Store every batch that is not stored yet, in one transaction."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            last: dict[str, int] = {}
            sums: dict[_Key, QueryRecord] = {}
            for batch in batches:
                known = last.get(batch.worker)
                if known is None:
                    known = last[batch.worker] = self._last_sequence(batch.worker)
                if batch.sequence > known:
                    _sum_records(batch.records, sums)
                    last[batch.worker] = batch.sequence
            self._insert_rows(sums)
            self._connection.executemany(
                "INSERT INTO workers VALUES (?, ?, ?)"
                " ON CONFLICT (worker) DO UPDATE SET sequence = excluded.sequence, seen = excluded.seen",
                [(worker, sequence, int(now)) for worker, sequence in last.items()],
            )
            self._connection.execute("COMMIT")
        except BaseException:
            # What a transaction that is taken back had inserted is gone: its numbers must not be believed.
            self.clear_caches()
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def insert_identities(self, sealed: Mapping[str, bytes], now: float) -> None:
        """Keep whose tokens these are, each once."""
        self._connection.executemany(
            "INSERT OR IGNORE INTO identities VALUES (?, ?, ?)",
            [(token, body, format_time(now)) for token, body in sealed.items()],
        )

    def insert_incident(self, incident: Incident) -> None:
        """Keep an incident until it was handed over, and as long as refusals are kept."""
        self._connection.execute(
            "INSERT OR IGNORE INTO incidents VALUES (?, ?, ?, 0)",
            (incident.id, format_time(incident.happened_at.timestamp()), msgspec.json.encode(incident)),
        )

    def read_unsent_incidents(self) -> list[Incident]:
        """Return the incidents that the agent has not taken yet, the oldest first."""
        return [
            msgspec.json.decode(row[0], type=Incident)
            for row in self._connection.execute(
                "SELECT body FROM incidents WHERE handed_over = 0 ORDER BY time, id LIMIT 100"
            )
        ]

    def mark_incident_sent(self, incident_id: str) -> None:
        """Note that the agent has an incident."""
        self._connection.execute("UPDATE incidents SET handed_over = 1 WHERE id = ?", (incident_id,))

    def clear_caches(self) -> None:
        """Believe no remembered number any more."""
        self._names = _NameCache(self._connection)
        self._devices.clear()
        self._outcomes.clear()
        self._next_ids.clear()

    def close(self) -> None:
        """Fold the write-ahead log into the database and close it."""
        try:
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            self._connection.close()

    def _insert_rows(self, sums: dict[_Key, QueryRecord]) -> None:
        # Every new name of the room comes by here: what can be looked up for all rows at once is not for each.
        device_of, outcome_of, next_ids = self._device, self._outcome, self._next_ids
        devices, outcomes, names = self._devices, self._outcomes, self._names.numbers_of([key[2] for key in sums])
        rows = []
        counts: dict[tuple[int, int], list[int]] = {}
        for ((second, device, _, qtype, outcome), record), name_id in zip(sums.items(), names, strict=True):
            outcome_id = outcomes.get(outcome) or outcome_of(outcome)
            number, count = next_ids.get(second) or self._first_id(second), record.count
            next_ids[second] = number + 1
            rows.append(
                (
                    number,
                    devices.get(device) or device_of(device),
                    name_id,
                    qtype,
                    outcome_id,
                    count,
                    int(record.milliseconds * 1000),
                    outcome[_VERDICT] in BLOCKED_VERDICTS,
                )
            )
            of_hour = counts.get((second // 3600, outcome_id))
            if of_hour is None:
                of_hour = counts[second // 3600, outcome_id] = [0, 0]
            of_hour[0] += count
            of_hour[1] += 1
        self._names.insert_new()
        self._connection.executemany(
            "INSERT INTO queries (id, device_id, name_id, qtype, outcome_id, count, microseconds, closed)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            rows,
        )
        self._connection.executemany(
            "INSERT INTO counts SELECT ?, device_group, verdict, category, ?, ? FROM outcomes WHERE id = ?"
            " ON CONFLICT DO UPDATE SET answers = answers + excluded.answers, rows = rows + excluded.rows",
            [(hour, answers, lines, outcome_id) for (hour, outcome_id), (answers, lines) in counts.items()],
        )

    def _last_sequence(self, worker: str) -> int:
        row = self._connection.execute("SELECT sequence FROM workers WHERE worker = ?", (worker,)).fetchone()
        return int(row[0]) if row else 0

    def _first_id(self, second: int) -> int:
        """Return the number of the next row of a second of which none is remembered."""
        highest = self._connection.execute(
            "SELECT max(id) FROM queries WHERE id < ?", ((second + 1) << ID_BITS,)
        ).fetchone()[0]
        first = second << ID_BITS
        if len(self._next_ids) >= 4096:
            self._next_ids.clear()
        return first if highest is None or highest < first else int(highest) + 1

    def _device(self, token: str) -> int:
        number = self._devices[token] = self._number("devices", ("token",), (token,))
        return number

    def _outcome(self, outcome: _Outcome) -> int:
        if len(self._outcomes) >= CACHED_NAMES:
            self._outcomes.clear()
        number = self._outcomes[outcome] = self._number("outcomes", OUTCOME_COLUMNS, outcome)
        return number

    def _number(self, table: str, columns: tuple[str, ...], values: tuple[object, ...]) -> int:
        where = " AND ".join(f"{column} = ?" for column in columns)
        row = self._connection.execute(f"SELECT id FROM {table} WHERE {where}", values).fetchone()  # noqa: S608 (ours)
        if row:
            return int(row[0])
        marks = ", ".join("?" * len(columns))
        made = self._connection.execute(
            f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})",  # noqa: S608 (our own tables)
            values,
        )
        return int(made.lastrowid)


class _NameCache:
    """Which name has which number: the names met lately, in two generations."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        latest = connection.execute("SELECT name, id FROM names ORDER BY id DESC LIMIT ?", (CACHED_NAMES,))
        self._recent: dict[str, int] = {}
        self._before: dict[str, int] = dict(latest.fetchall())
        self._next = int(connection.execute("SELECT coalesce(max(id), 0) + 1 FROM names").fetchone()[0])
        self._new: list[tuple[int, str]] = []

    def numbers_of(self, names: Iterable[str]) -> list[int]:
        """Return the number of each name; a new one is inserted with the next `insert_new`."""
        recent, before, new = self._recent, self._before, self._new
        numbers = []
        for name in names:
            number = recent.get(name)
            if number is None:
                number = before.get(name)
                if number is None:
                    number = self._next
                    self._next = number + 1
                    new.append((number, name))
                if len(recent) >= CACHED_NAMES:
                    self._before = before = recent
                    self._recent = recent = {}
                recent[name] = number
            numbers.append(number)
        return numbers

    def insert_new(self) -> None:
        """Insert what is new."""
        self._connection.executemany("INSERT INTO names VALUES (?, ?)", self._new)
        self._new = []


def format_time(time: float) -> str:
    """Return a time as it stands in the tables: UTC, ISO 8601."""
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _sum_records(records: Iterable[QueryRecord], sums: dict[_Key, QueryRecord]) -> None:
    """Put equal answers together. Most stand alone, and the record itself then says how many they are."""
    for record in records:
        key = (record.second, record.device, record.name, record.qtype, _outcome_of(record))
        found = sums.get(key)
        if found is not None:
            count, milliseconds = found.count + record.count, found.milliseconds + record.milliseconds
            sums[key] = replace(found, count=count, milliseconds=milliseconds)
        else:
            sums[key] = record
