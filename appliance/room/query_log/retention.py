"""What goes from the log, and the proof that it went.

By time: allowed rows, closed rows and counts each after their own number of days. By size, as the last resort:
the oldest allowed rows first, closed rows only when no others are left. By wish: a purge of one device, or of
everything before a day. Whatever is deleted leaves a line in `deletions`, written in the same transaction: what,
when, by whom, why, how many. What goes by age or size day after day shares one line a day. Names, devices,
outcomes and sealed addresses that only deleted rows had go with those rows, under the rows' line.

Whether the clock may delete is not asked here (`clock_guard`). Rows that a late clock dated (`misdated`) keep
their days from when it was put right.

Deleting goes in small steps, each a transaction, so that new records never wait long. The space is given back.
"""

import msgspec

from appliance.room.query_log import control
from appliance.room.query_log.columns import ID_BITS
from appliance.room.query_log.database import Connection
from appliance.room.query_log.store import WORKER_DAYS, format_time
from appliance.settings.room import LogSection

STEP_ROWS = 5000
DAY_SECONDS = 86400
DELETED_BY = "recorder"  # who deletes what nobody asked for


class DeletedRows(msgspec.Struct, frozen=True):
    """How much went."""

    rows: int = 0
    answers: int = 0

    def __add__(self, other: "DeletedRows") -> "DeletedRows":
        return DeletedRows(self.rows + other.rows, self.answers + other.answers)


class _DeletionRecord:
    """A line in `deletions` that grows with each step; the steps of one day may share it."""

    def __init__(self, connection: Connection, what: str, who: str, reason: str, now: float) -> None:
        self._connection = connection
        self._columns = (what, who, reason)
        self._now = format_time(now)
        self._number: int | None = None

    @classmethod
    def of_today(cls, connection: Connection, what: str, reason: str, now: float) -> "_DeletionRecord":
        """Go on with the recorder's line of today that says the same, if there is one."""
        record = cls(connection, what, DELETED_BY, reason, now)
        today = connection.execute(
            "SELECT max(id) FROM deletions WHERE what = ? AND who = ? AND reason = ? AND substr(time, 1, 10) = ?",
            (*record._columns, record._now[:10]),
        ).fetchone()
        record._number = today[0]
        return record

    def add_deleted(self, deleted: DeletedRows) -> None:
        """Add a step to the line; the caller has begun its transaction."""
        if self._number is None:
            made = self._connection.execute(
                "INSERT INTO deletions (time, what, who, reason, rows, answers) VALUES (?, ?, ?, ?, ?, ?)",
                (self._now, *self._columns, deleted.rows, deleted.answers),
            )
            self._number = int(made.lastrowid)
            return
        self._connection.execute(
            "UPDATE deletions SET time = ?, rows = rows + ?, answers = answers + ? WHERE id = ?",
            (self._now, deleted.rows, deleted.answers, self._number),
        )


def delete_by_age(connection: Connection, settings: LogSection, now: float) -> DeletedRows:
    """Delete what is older than it may be."""
    allowed_days, refused_days = settings.keep_allowed_days, settings.keep_refused_days
    what = f"rows older than {allowed_days} days, where closed {refused_days} days"
    record = _DeletionRecord.of_today(connection, what, "age", now)
    deleted = DeletedRows()
    for closed, days in ((0, allowed_days), (1, refused_days)):
        since = now - days * DAY_SECONDS
        which = (
            "id < ? AND closed = ? AND NOT EXISTS"
            " (SELECT 1 FROM misdated WHERE queries.id BETWEEN first AND last AND known >= ?)"
        )
        deleted += _delete_rows(connection, which, (_first_id_of(since), closed, int(since)), record)
    _delete_small_tables_by_age(connection, settings, now)
    if deleted.rows:
        delete_unused(connection)
    return deleted


def _delete_small_tables_by_age(connection: Connection, settings: LogSection, now: float) -> None:
    """Delete what is too old in the small tables."""
    refused = now - settings.keep_refused_days * DAY_SECONDS
    counts = int(now - settings.keep_counts_days * DAY_SECONDS) // 3600
    for what, table, which, limit, answers in (
        (f"counts older than {settings.keep_counts_days} days", "counts", "hour < ?", counts, "answers"),
        (
            f"incidents that central has, older than {settings.keep_refused_days} days",
            "incidents", "handed_over = 1 AND time < ?", format_time(refused), "0",
        ),
        (
            f"numbers of workers that ended {WORKER_DAYS} days ago",
            "workers", "seen < ?", int(now) - WORKER_DAYS * DAY_SECONDS, "0",
        ),
    ):  # fmt: skip
        record = _DeletionRecord.of_today(connection, what, "age", now)
        _delete_step(connection, f"DELETE FROM {table} WHERE {which} RETURNING {answers}", (limit,), record)  # noqa: S608 (ours)
    oldest = min(refused, now - settings.keep_allowed_days * DAY_SECONDS)
    connection.execute("DELETE FROM misdated WHERE known < ?", (int(oldest),))


def delete_by_size(connection: Connection, limit_bytes: int, now: float) -> DeletedRows:
    """Delete the oldest rows until the database fits; nothing where it does."""
    what = f"the oldest rows beyond {limit_bytes // 1_000_000} MB"
    record = _DeletionRecord.of_today(connection, what, "size", now)
    deleted = DeletedRows()
    while (used := _used_bytes(connection)) > limit_bytes:
        rows = connection.execute("SELECT count(*) FROM queries").fetchone()[0]
        share = max(STEP_ROWS, int(rows * min(1.0, 1.1 * (used - limit_bytes) / used)))
        step = _delete_rows(connection, "closed = 0", (), record, at_most=share)
        if not step.rows:
            step = _delete_rows(connection, "1", (), record, at_most=share)
        if not step.rows:
            break
        deleted += step
        delete_unused(connection)
    return deleted


def purge_rows(connection: Connection, request: control.PurgeRequest, now: float) -> DeletedRows:
    """Delete a device's rows, or those before a second, or both; leave the proof."""
    conditions: list[str] = []
    values: list[object] = []
    what = "rows"
    if request.device:
        conditions.append("device_id = (SELECT id FROM devices WHERE token = ?)")
        values.append(request.device)
        what += f" of device {request.device}"
    if request.before is not None:
        conditions.append("id < ?")
        values.append(request.before << ID_BITS)
        what += f" before {format_time(request.before)}"
    record = _DeletionRecord(connection, what, request.who, request.reason, now)
    record.add_deleted(DeletedRows())  # that somebody wished it is said even where nothing was there
    deleted = _delete_rows(connection, " AND ".join(conditions) or "1", tuple(values), record)
    delete_unused(connection)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # what was deleted must not stand in the WAL either
    return deleted


def delete_unused(connection: Connection) -> None:
    """Forget names, devices and outcomes that no row has any more, and give the space back."""
    connection.execute("BEGIN IMMEDIATE")
    for table, column in (("names", "name_id"), ("devices", "device_id"), ("outcomes", "outcome_id")):
        connection.execute(f"DELETE FROM {table} WHERE id NOT IN (SELECT {column} FROM queries)")  # noqa: S608 (ours)
    connection.execute("DELETE FROM identities WHERE token NOT IN (SELECT token FROM devices)")
    connection.execute("COMMIT")
    connection.execute("PRAGMA incremental_vacuum").fetchall()


def _delete_rows(
    connection: Connection,
    which: str,
    values: tuple[object, ...],
    record: _DeletionRecord,
    *,
    at_most: int | None = None,
) -> DeletedRows:
    deleted = DeletedRows()
    statement = (
        f"DELETE FROM queries WHERE id IN (SELECT id FROM queries WHERE {which} ORDER BY id LIMIT ?)"  # noqa: S608 (ours)
        " RETURNING count"
    )
    while at_most is None or deleted.rows < at_most:
        rows = STEP_ROWS if at_most is None else min(STEP_ROWS, at_most - deleted.rows)
        step = _delete_step(connection, statement, (*values, rows), record)
        deleted += step
        if step.rows < rows:
            break
    return deleted


def _delete_step(
    connection: Connection, statement: str, values: tuple[object, ...], record: _DeletionRecord
) -> DeletedRows:
    """Delete and prove it, in one transaction; the statement returns the answers of each row."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        answers = connection.execute(statement, values).fetchall()
        deleted = DeletedRows(len(answers), sum(row[0] for row in answers))
        if deleted.rows:
            record.add_deleted(deleted)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return deleted


def _used_bytes(connection: Connection) -> int:
    pages, free, size = (
        int(connection.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size


def _first_id_of(second: float) -> int:
    return int(second) << ID_BITS
