"""Reads the query log, for the pages and the command line.

Never writes, takes no longer than its time limit, and takes a log that is not there yet for an empty one.
Where it is told of the recorder's socket it first has taken into the database what was received so far.
"""

import contextlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import msgspec

from appliance.errors import HallpassError
from appliance.protocol import Incident
from appliance.room.paths import RoomPaths
from appliance.room.query_log import control, log_key
from appliance.room.query_log.database import Connection, DatabaseError, open_for_reading
from appliance.room.query_log.log_key import LogKeySource, NoKey
from appliance.room.query_log.schema import ID_BITS, QTYPE_NAMES
from appliance.settings.room import RoomSettings
from dns.querylog.records import QueryRecord

TIME_LIMIT_SECONDS = 5.0
_STEPS_BETWEEN_LOOKS = 10_000
_COLUMNS = 'time, device, "group", name, type, verdict, category, source, count, milliseconds'
_CLOSED = frozenset(("refused", "rewritten"))
_QTYPES = {name: number for number, name in QTYPE_NAMES.items()}

What = Literal["names", "categories", "devices", "groups"]
_TOP = {
    "names": "SELECT n.name, sum(q.count) FROM queries q {by} JOIN names n ON n.id = q.name_id",
    "categories": "SELECT o.category, sum(q.count) FROM queries q {by} JOIN outcomes o ON o.id = q.outcome_id",
    "devices": "SELECT d.token, sum(q.count) FROM queries q {by} JOIN devices d ON d.id = q.device_id",
    "groups": "SELECT o.device_group, sum(q.count) FROM queries q {by} JOIN outcomes o ON o.id = q.outcome_id",
}


class LogUnreadable(HallpassError):
    """The query log cannot be read."""


class Entry(msgspec.Struct, frozen=True):
    """One line of the log, as `query_log` shows it."""

    time: str
    device: str
    group: str
    name: str
    type: str
    verdict: str
    category: str
    source: str
    count: int
    milliseconds: float


class Stats(msgspec.Struct, frozen=True):
    """The log in numbers."""

    queries: int  # the sum of counts: answers given
    refused: int
    rows: int
    since: str | None
    until: str | None


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries somebody wants to see. Everything that is given must hold."""

    name: str = ""  # a part of the name
    device: str = ""
    verdict: str = ""
    category: str = ""
    type: str = ""
    since: datetime | None = None
    until: datetime | None = None


class Deletion(msgspec.Struct, frozen=True):
    """The proof that something was deleted, or lost."""

    time: str
    what: str
    who: str
    reason: str
    rows: int
    answers: int


class LookUpMade(msgspec.Struct, frozen=True):
    """Somebody asked which address a token stands for."""

    time: str
    who: str
    device: str
    reason: str


class QueryLog:
    """A room's query log, for reading."""

    def __init__(
        self,
        path: Path,
        source: LogKeySource | None = None,
        recorder: Path | None = None,
        *,
        time_limit: float = TIME_LIMIT_SECONDS,
    ) -> None:
        self._path = path
        self._time_limit = time_limit
        self._source = source or NoKey()
        self._recorder = recorder

    @classmethod
    def of(cls, settings: RoomSettings, *, time_limit: float = TIME_LIMIT_SECONDS) -> "QueryLog":
        """Return a room's log, as its settings say."""
        paths = RoomPaths.of(settings)
        return cls(paths.log, log_key.of_room(settings.log, paths), paths.log_socket, time_limit=time_limit)

    def stats(self, since: datetime | None = None) -> Stats:
        """Count the answers since a time, or all of them, as the rows tell it."""
        first = _second(since)
        row = self._one(
            "SELECT coalesce(sum(count), 0), count(*), min(id), max(id) FROM queries WHERE id >= ?",
            (first << ID_BITS,),
        )
        refused = self._one(
            """SELECT coalesce(sum(q.count), 0)
            FROM queries q INDEXED BY queries_closed JOIN outcomes o ON o.id = q.outcome_id
            WHERE q.closed = 1 AND q.id >= ? AND o.verdict = 'refused'""",
            (first << ID_BITS,),
        )
        queries, rows, lowest, highest = row or (0, 0, None, None)
        return Stats(queries, refused[0] if refused else 0, rows, _text(lowest), _text(highest))

    def counted(self, since: datetime) -> tuple[int, int]:
        """Return how many answers were given since the hour of a time, and how many of them were refusals.

        From the counts of each hour: quick however much was asked, and known for longer than the rows.
        """
        row = self._one(
            """SELECT coalesce(sum(answers), 0), coalesce(sum(answers) FILTER (WHERE verdict = 'refused'), 0)
            FROM counts WHERE hour >= ?""",
            (_second(since) // 3600,),
        )
        return (row[0], row[1]) if row else (0, 0)

    def refused(self, since: datetime, limit: int = 200) -> list[Entry]:
        """Return what was refused since a time, the newest first, equal names of a device in one entry."""
        rows = self._all(
            f"""SELECT strftime('%Y-%m-%dT%H:%M:%SZ', max(q.id) >> {ID_BITS}, 'unixepoch'), d.token,
                o.device_group, n.name, coalesce(t.type, 'TYPE' || q.qtype), o.verdict, o.category,
                o.source, sum(q.count), sum(q.microseconds) / 1000.0
            FROM queries q INDEXED BY queries_closed JOIN devices d ON d.id = q.device_id
                JOIN names n ON n.id = q.name_id JOIN outcomes o ON o.id = q.outcome_id
                LEFT JOIN qtypes t ON t.qtype = q.qtype
            WHERE q.closed = 1 AND q.id >= ? AND o.verdict = 'refused'
            GROUP BY n.name, q.device_id, o.category ORDER BY max(q.id) DESC LIMIT ?""",  # noqa: S608 (a number)
            (_second(since) << ID_BITS, limit),
        )
        return [Entry(*row) for row in rows]

    def around(self, site: str, since: datetime) -> list[QueryRecord]:
        """Return what was asked for below a site, and everything refused, since a time; devices are tokens."""
        rows = self._all(
            f"""SELECT q.id >> {ID_BITS}, d.token, o.device_group, n.name, q.qtype, o.verdict, o.step, o.category,
                o.source, o.entry, o.rcode, q.count, q.microseconds / 1000.0
            FROM queries q JOIN devices d ON d.id = q.device_id JOIN names n ON n.id = q.name_id
                JOIN outcomes o ON o.id = q.outcome_id
            WHERE q.id >= ? AND (o.verdict = 'refused' OR n.name = ? OR substr(n.name, -?) = ?)
            ORDER BY q.id""",  # noqa: S608 (a number)
            (_second(since) << ID_BITS, site, len(site) + 1, f".{site}"),
        )
        return [QueryRecord(*row) for row in rows]

    def tail(self, limit: int) -> list[Entry]:
        """Return the newest entries, the oldest of them first."""
        rows = self._all(f"SELECT {_COLUMNS} FROM query_log ORDER BY id DESC LIMIT ?", (limit,))  # noqa: S608 (ours)
        return [Entry(*row) for row in reversed(rows)]

    def search(self, wanted: Wanted, limit: int | None = 1000) -> list[Entry]:
        """Return the newest entries that are wanted, the oldest of them first."""
        where, values = _where(wanted)
        by = "INDEXED BY queries_closed" if wanted.verdict in _CLOSED else ""
        rows = self._all(
            f"""SELECT strftime('%Y-%m-%dT%H:%M:%SZ', q.id >> {ID_BITS}, 'unixepoch'), d.token, o.device_group,
                n.name,
                coalesce(t.type, 'TYPE' || q.qtype), o.verdict, o.category, o.source, q.count,
                q.microseconds / 1000.0
            FROM queries q {by} JOIN devices d ON d.id = q.device_id JOIN names n ON n.id = q.name_id
                JOIN outcomes o ON o.id = q.outcome_id LEFT JOIN qtypes t ON t.qtype = q.qtype
            WHERE {where} ORDER BY q.id DESC LIMIT ?""",  # noqa: S608 (our own words; what was typed are values)
            (*values, -1 if limit is None else limit),
        )
        return [Entry(*row) for row in reversed(rows)]

    def top(
        self, what: What, *, since: datetime | None = None, refused_only: bool = False, limit: int = 10
    ) -> list[tuple[str, int]]:
        """Return the most frequent names, categories, devices or groups, with how many answers each had."""
        closed = "q.closed = 1 AND " if refused_only else ""
        by = "INDEXED BY queries_closed" if refused_only else ""
        rows = self._all(
            f"{_TOP[what].format(by=by)} WHERE {closed}q.id >= ? GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ?",
            (_second(since) << ID_BITS, limit),
        )
        return [(row[0], row[1]) for row in rows]

    def by_hour(self, since: datetime) -> list[tuple[str, int, int]]:
        """Return for each hour since the hour of a time: when it began, answers, refusals."""
        rows = self._all(
            """SELECT strftime('%Y-%m-%dT%H:00:00Z', hour * 3600, 'unixepoch'), sum(answers),
                coalesce(sum(answers) FILTER (WHERE verdict = 'refused'), 0)
            FROM counts WHERE hour >= ? GROUP BY hour ORDER BY hour""",
            (_second(since) // 3600,),
        )
        return [(row[0], row[1], row[2]) for row in rows]

    def deletions(self) -> list[Deletion]:
        """Return what was deleted or lost, and why, the newest first."""
        rows = self._all("SELECT time, what, who, reason, rows, answers FROM deletions ORDER BY id DESC", ())
        return [Deletion(*row) for row in rows]

    def look_ups(self, device: str = "") -> list[LookUpMade]:
        """Return who asked which address a token stands for, the newest first."""
        rows = self._all(
            "SELECT time, who, token, reason FROM lookups WHERE ? IN ('', token) ORDER BY id DESC", (device,)
        )
        return [LookUpMade(*row) for row in rows]

    def incidents(self, device: str = "") -> list[Incident]:
        """Return the incidents that are kept, the newest first."""
        rows = self._all("SELECT body FROM incidents ORDER BY time DESC, id", ())
        found = (msgspec.json.decode(row[0], type=Incident) for row in rows)
        return [one for one in found if device in {"", one.device}]

    def _one(self, sql: str, values: tuple[object, ...]) -> tuple[Any, ...] | None:
        rows = self._all(sql, values)
        return rows[0] if rows else None

    def _all(self, sql: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        with self._open() as connection:
            return connection.execute(sql, values).fetchall() if connection else []

    @contextmanager
    def _open(self) -> Iterator[Connection | None]:
        if self._recorder is not None:
            with contextlib.suppress(control.RecorderAway, control.RecorderRefused):
                control.ask(self._recorder, control.Fold(), control.FOLD_PATIENCE_SECONDS)
        if not self._path.exists():
            yield None
            return
        key = self._source.key()
        try:
            connection = open_for_reading(self._path, key)
        except DatabaseError as problem:
            raise self._unreadable(problem) from None
        ends = time.monotonic() + self._time_limit
        connection.set_progress_handler(lambda: time.monotonic() > ends, _STEPS_BETWEEN_LOOKS)
        try:
            yield connection
        except DatabaseError as problem:
            raise self._unreadable(problem) from None
        finally:
            connection.close()

    def _unreadable(self, problem: Exception) -> LogUnreadable:
        if str(problem) == "interrupted":
            return LogUnreadable(
                f"{self._path}: this took longer than {self._time_limit:.0f} seconds; ask for less"
            )
        if "not a database" in str(problem):
            return LogUnreadable(f"{self._path}: is encrypted under another key, or no query log")
        return LogUnreadable(f"{self._path}: {problem}")


def _where(wanted: Wanted) -> tuple[str, tuple[object, ...]]:
    parts: list[tuple[str, object]] = []
    if wanted.name:
        escaped = wanted.name.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        parts.append((r"n.name LIKE ? ESCAPE '\'", f"%{escaped}%"))
    if wanted.device:
        parts.append(("q.device_id = (SELECT id FROM devices WHERE token = ?)", wanted.device))
    if wanted.verdict:
        parts.append(("o.verdict = ?", wanted.verdict))
    if wanted.verdict in _CLOSED:
        parts.append(("q.closed = 1 AND ?", 1))
    if wanted.category:
        parts.append(("o.category = ?", wanted.category))
    if wanted.type:
        number = _QTYPES.get(wanted.type.upper()) or wanted.type.upper().removeprefix("TYPE")
        parts.append(("q.qtype = CAST(? AS INTEGER)", number))
    if wanted.since is not None:
        parts.append(("q.id >= ?", _second(wanted.since) << ID_BITS))
    if wanted.until is not None:
        parts.append(("q.id < ?", _second(wanted.until) << ID_BITS))
    return " AND ".join(part for part, _ in parts) or "1", tuple(value for _, value in parts)


def _second(moment: datetime | None) -> int:
    return int(moment.timestamp()) if moment else 0


def _text(row_id: int | None) -> str | None:
    if row_id is None:
        return None
    return datetime.fromtimestamp(row_id >> ID_BITS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
