"""What goes from the log, and the proof that it went.

By time: allowed rows, closed rows and counts each after their own number of days. By size, as the last resort:
the oldest allowed rows first, closed rows only when no others are left. By wish: a purge of one device, or of
everything before a day. Whatever is deleted otherwise than by age leaves a line in `deletions`: what, when, by
whom, why, how many.

Deleting goes in small steps, each a transaction, so that new records never wait long. The space is given back.
"""

import msgspec

from appliance.room.recorder import control
from appliance.room.recorder.database import Connection
from appliance.room.recorder.schema import ID_BITS
from appliance.room.recorder.store import as_text
from appliance.settings.room import Log

STEP_ROWS = 5000
DAY = 86400


class Deleted(msgspec.Struct, frozen=True):
    """How much went."""

    rows: int = 0
    answers: int = 0

    def __add__(self, other: "Deleted") -> "Deleted":
        return Deleted(self.rows + other.rows, self.answers + other.answers)


def by_age(connection: Connection, settings: Log, now: float) -> Deleted:
    """Delete what is older than it may be."""
    allowed = _end_of(now - settings.keep_allowed_days * DAY)
    closed = _end_of(now - settings.keep_refused_days * DAY)
    gone = _delete(connection, "id < ? AND closed = 0", (allowed,))
    gone += _delete(connection, "id < ? AND closed = 1", (closed,))
    connection.execute("DELETE FROM counts WHERE hour < ?", (int(now - settings.keep_counts_days * DAY) // 3600,))
    limit = as_text(now - settings.keep_refused_days * DAY)
    connection.execute("DELETE FROM incidents WHERE handed_over = 1 AND time < ?", (limit,))
    connection.execute("DELETE FROM workers WHERE seen < ?", (int(now) - 7 * DAY,))
    if gone.rows:
        tidy(connection)
    return gone


def by_size(connection: Connection, limit_bytes: int, now: float) -> Deleted:
    """Delete the oldest rows until the database fits; nothing where it does."""
    gone = Deleted()
    while (used := _used_bytes(connection)) > limit_bytes:
        rows = connection.execute("SELECT count(*) FROM queries").fetchone()[0]
        share = max(STEP_ROWS, int(rows * min(1.0, 1.1 * (used - limit_bytes) / used)))
        step = _delete(connection, "closed = 0", (), at_most=share)
        if not step.rows:
            step = _delete(connection, "1", (), at_most=share)
        if not step.rows:
            break
        gone += step
        tidy(connection)
    if gone.rows:
        _prove(connection, f"the oldest rows beyond {limit_bytes // 1_000_000} MB", "recorder", "size", gone, now)
    return gone


def purge(connection: Connection, wish: control.Purge, now: float) -> Deleted:
    """Delete a device's rows, or those before a second, or both; leave the proof."""
    wanted: list[str] = []
    values: list[object] = []
    what = "rows"
    if wish.device:
        wanted.append("device_id = (SELECT id FROM devices WHERE token = ?)")
        values.append(wish.device)
        what += f" of device {wish.device}"
    if wish.before is not None:
        wanted.append("id < ?")
        values.append(wish.before << ID_BITS)
        what += f" before {as_text(wish.before)}"
    gone = _delete(connection, " AND ".join(wanted) or "1", tuple(values))
    tidy(connection)
    _prove(connection, what, wish.who, wish.reason, gone, now)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # what was deleted must not stand in the WAL either
    return gone


def tidy(connection: Connection) -> None:
    """Forget names, devices and outcomes that no row has any more, and give the space back."""
    connection.execute("BEGIN IMMEDIATE")
    for table, column in (("names", "name_id"), ("devices", "device_id"), ("outcomes", "outcome_id")):
        connection.execute(f"DELETE FROM {table} WHERE id NOT IN (SELECT {column} FROM queries)")  # noqa: S608 (ours)
    connection.execute("DELETE FROM identities WHERE token NOT IN (SELECT token FROM devices)")
    connection.execute("COMMIT")
    connection.execute("PRAGMA incremental_vacuum").fetchall()


def _delete(
    connection: Connection,
    which: str,
    values: tuple[object, ...],
    *,
    at_most: int | None = None,
) -> Deleted:
    gone = Deleted()
    while at_most is None or gone.rows < at_most:
        step = STEP_ROWS if at_most is None else min(STEP_ROWS, at_most - gone.rows)
        rows = connection.execute(
            f"DELETE FROM queries WHERE id IN (SELECT id FROM queries WHERE {which} ORDER BY id LIMIT ?)"  # noqa: S608 (ours)
            " RETURNING count",
            (*values, step),
        ).fetchall()
        gone += Deleted(len(rows), sum(row[0] for row in rows))
        if len(rows) < step:
            break
    return gone


def _prove(connection: Connection, what: str, who: str, reason: str, gone: Deleted, now: float) -> None:  # noqa: PLR0917 (a row's columns)
    connection.execute(
        "INSERT INTO deletions (time, what, who, reason, rows, answers) VALUES (?, ?, ?, ?, ?, ?)",
        (as_text(now), what, who, reason, gone.rows, gone.answers),
    )


def _used_bytes(connection: Connection) -> int:
    pages, free, size = (
        int(connection.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size


def _end_of(second: float) -> int:
    return int(second) << ID_BITS
