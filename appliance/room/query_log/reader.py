"""Reads the query log, for the pages and the command line.

Never writes, takes no longer than its time limit, and takes a log that is not there yet, or has no tables yet, for
an empty one.
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
from appliance.room.query_log.columns import ID_BITS, JOINED, QueryLogEntry, select_record
from appliance.room.query_log.database import Connection, DatabaseError, open_database_for_reading
from appliance.room.query_log.log_filter import QueryLogFilter, unix_second
from appliance.room.query_log.log_key import LogKeySource, NoKey
from appliance.room.query_log.log_page import LogPage, read_log_page
from appliance.settings.room import RoomSettings
from dns.querylog.records import BLOCKED_VERDICTS

TIME_LIMIT_SECONDS = 5.0
_STEPS_BETWEEN_CHECKS = 10_000
_BLOCKED_QUERIES = "queries q INDEXED BY queries_closed"
_MOST_BLOCKED = 20_000
_LATEST_BLOCKED = f"""(SELECT * FROM {_BLOCKED_QUERIES} WHERE q.closed = 1 AND q.id >= ?
    ORDER BY q.id DESC LIMIT ?) q"""  # noqa: S608 (our own words)

RankedColumn = Literal["names", "categories", "devices", "groups"]
_TOP = {
    "names": "SELECT n.name, sum(q.count) FROM queries q {by} JOIN names n ON n.id = q.name_id",
    "categories": "SELECT o.category, sum(q.count) FROM queries q {by} JOIN outcomes o ON o.id = q.outcome_id",
    "devices": "SELECT d.token, sum(q.count) FROM queries q {by} JOIN devices d ON d.id = q.device_id",
    "groups": "SELECT o.device_group, sum(q.count) FROM queries q {by} JOIN outcomes o ON o.id = q.outcome_id",
}


class LogUnreadable(HallpassError):
    """The query log cannot be read."""


class QueryLogStats(msgspec.Struct, frozen=True):
    """The log in numbers."""

    queries: int  # the sum of counts: answers given
    refused: int
    rows: int
    since: str | None
    until: str | None


class Deletion(msgspec.Struct, frozen=True):
    """The proof that something was deleted, or lost."""

    time: str
    what: str
    who: str
    reason: str
    rows: int
    answers: int


class AddressLookup(msgspec.Struct, frozen=True):
    """Somebody asked which address a token stands for."""

    time: str
    who: str
    device: str
    reason: str


class QueryLogReader:
    """A room's query log, for reading."""

    def __init__(
        self,
        path: Path,
        key_source: LogKeySource | None = None,
        control_socket: Path | None = None,
        *,
        time_limit: float = TIME_LIMIT_SECONDS,
    ) -> None:
        self._path = path
        self._time_limit = time_limit
        self._key_source = key_source or NoKey()
        self._control_socket = control_socket

    @classmethod
    def from_settings(cls, settings: RoomSettings, *, time_limit: float = TIME_LIMIT_SECONDS) -> "QueryLogReader":
        """Return a room's log, as its settings say."""
        paths = RoomPaths.from_settings(settings)
        return cls(
            paths.query_log,
            log_key.make_log_key_source(settings.log, paths),
            paths.query_log_control_socket,
            time_limit=time_limit,
        )

    def read_stats(self, since: datetime | None = None) -> QueryLogStats:
        """Count the answers since a time, or all of them, as the rows tell it."""
        first = unix_second(since)
        row = self._fetch_one(
            "SELECT coalesce(sum(count), 0), count(*), min(id), max(id) FROM queries WHERE id >= ?",
            (first << ID_BITS,),
        )
        blocked = self._fetch_one(
            """SELECT coalesce(sum(q.count), 0)
            FROM queries q INDEXED BY queries_closed JOIN outcomes o ON o.id = q.outcome_id
            WHERE q.closed = 1 AND q.id >= ? AND o.verdict = 'refused'""",
            (first << ID_BITS,),
        )
        queries, rows, lowest, highest = row or (0, 0, None, None)
        return QueryLogStats(
            queries, blocked[0] if blocked else 0, rows, _format_row_time(lowest), _format_row_time(highest)
        )

    def read_hourly_totals(self, since: datetime) -> tuple[int, int]:
        """Return how many answers were given since the hour of a time, and how many of them were refusals.

        From the counts of each hour: quick however much was asked, and known for longer than the rows.
        """
        row = self._fetch_one(
            """SELECT coalesce(sum(answers), 0), coalesce(sum(answers) FILTER (WHERE verdict = 'refused'), 0)
            FROM counts WHERE hour >= ?""",
            (unix_second(since) // 3600,),
        )
        return (row[0], row[1]) if row else (0, 0)

    def read_blocked(self, since: datetime, limit: int = 200) -> list[QueryLogEntry]:
        """Return what was refused since a time, the newest first, equal names of a device in one entry.

        Of a day with more refusals than `_MOST_BLOCKED` the last of them count.
        """
        record = select_record(
            second=f"max(q.id) >> {ID_BITS}", count="sum(q.count)", milliseconds="sum(q.microseconds) / 1000.0"
        )
        rows = self._fetch_all(
            f"""SELECT {record} FROM {JOINED.format(queries=_LATEST_BLOCKED)} WHERE o.verdict = 'refused'
            GROUP BY n.name, q.device_id, o.category ORDER BY max(q.id) DESC LIMIT ?""",  # noqa: S608 (our own words)
            (unix_second(since) << ID_BITS, _MOST_BLOCKED, limit),
        )
        return [QueryLogEntry(*row) for row in rows]

    def read_around_site(self, site: str, since: datetime) -> list[QueryLogEntry]:
        """Return what was asked for below a site, and everything refused, since a time."""
        return self._fetch_entries(
            "q.id >= ? AND (o.verdict = 'refused' OR n.name = ? OR substr(n.name, -?) = ?) ORDER BY q.id",
            (unix_second(since) << ID_BITS, site, len(site) + 1, f".{site}"),
        )

    def read_tail(self, limit: int) -> list[QueryLogEntry]:
        """Return the newest entries, the oldest of them first."""
        return self._fetch_entries("1 ORDER BY q.id DESC LIMIT ?", (limit,))[::-1]

    def search_entries(self, filter_: QueryLogFilter, limit: int | None = 1000) -> list[QueryLogEntry]:
        """Return the newest entries that are wanted, the oldest of them first."""
        where, values = filter_.where_clause()
        return self._fetch_entries(
            f"{where} ORDER BY q.id DESC LIMIT ?",
            (*values, -1 if limit is None else limit),
            _BLOCKED_QUERIES if filter_.verdict in BLOCKED_VERDICTS else "queries q",
        )[::-1]

    def read_page(self, filter_: QueryLogFilter, *, since: datetime, before: int | None = None) -> LogPage:
        """Return a page of the entries since a time that are wanted, the newest first; see `log_page`.

        It begins at the filter's end, however much was logged after it.
        """
        ends = [] if before is None else [before]
        if filter_.until is not None:
            ends.append(unix_second(filter_.until) << ID_BITS)
        return read_log_page(
            self._fetch_all,
            filter_.where_clause(),
            since=unix_second(since),
            before=min(ends, default=None),
            blocked_only=filter_.verdict in BLOCKED_VERDICTS,
        )

    def read_top(
        self, column: RankedColumn, *, since: datetime | None = None, blocked_only: bool = False, limit: int = 10
    ) -> list[tuple[str, int]]:
        """Return the most frequent names, categories, devices or groups, with how many answers each had."""
        condition = "q.closed = 1 AND " if blocked_only else ""
        by = "INDEXED BY queries_closed" if blocked_only else ""
        rows = self._fetch_all(
            f"{_TOP[column].format(by=by)} WHERE {condition}q.id >= ? GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ?",
            (unix_second(since) << ID_BITS, limit),
        )
        return [(row[0], row[1]) for row in rows]

    def read_by_hour(self, since: datetime) -> list[tuple[str, int, int]]:
        """Return for each hour since the hour of a time: when it began, answers, refusals."""
        rows = self._fetch_all(
            """SELECT strftime('%Y-%m-%dT%H:00:00Z', hour * 3600, 'unixepoch'), sum(answers),
                coalesce(sum(answers) FILTER (WHERE verdict = 'refused'), 0)
            FROM counts WHERE hour >= ? GROUP BY hour ORDER BY hour""",
            (unix_second(since) // 3600,),
        )
        return [(row[0], row[1], row[2]) for row in rows]

    def list_devices(self, limit: int) -> list[str]:
        """Return the tokens of the devices that the log has rows of, the newest first."""
        return [row[0] for row in self._fetch_all("SELECT token FROM devices ORDER BY id DESC LIMIT ?", (limit,))]

    def read_deletions(self) -> list[Deletion]:
        """Return what was deleted or lost, and why, the newest first."""
        rows = self._fetch_all("SELECT time, what, who, reason, rows, answers FROM deletions ORDER BY id DESC", ())
        return [Deletion(*row) for row in rows]

    def read_lookups(self, device: str = "") -> list[AddressLookup]:
        """Return who asked which address a token stands for, the newest first."""
        rows = self._fetch_all(
            "SELECT time, who, token, reason FROM lookups WHERE ? IN ('', token) ORDER BY id DESC", (device,)
        )
        return [AddressLookup(*row) for row in rows]

    def read_incidents(self, device: str = "") -> list[Incident]:
        """Return the incidents that are kept, the newest first."""
        rows = self._fetch_all("SELECT body FROM incidents ORDER BY time DESC, id", ())
        found = (msgspec.json.decode(row[0], type=Incident) for row in rows)
        return [one for one in found if device in {"", one.device}]

    def _fetch_entries(
        self, where: str, values: tuple[object, ...], queries: str = "queries q"
    ) -> list[QueryLogEntry]:
        sql = f"SELECT {select_record()} FROM {JOINED.format(queries=queries)} WHERE {where}"  # noqa: S608 (our own words; what was typed are values)
        return [QueryLogEntry(*row) for row in self._fetch_all(sql, values)]

    def _fetch_one(self, sql: str, values: tuple[object, ...]) -> tuple[Any, ...] | None:
        rows = self._fetch_all(sql, values)
        return rows[0] if rows else None

    def _fetch_all(self, sql: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        with self._open() as connection:
            return connection.execute(sql, values).fetchall() if connection else []

    @contextmanager
    def _open(self) -> Iterator[Connection | None]:
        if self._control_socket is not None:
            with contextlib.suppress(control.QueryLogUnavailable, control.ControlRequestRejected):
                control.send_control_request(
                    self._control_socket, control.FlushRequest(), control.FLUSH_TIMEOUT_SECONDS
                )
        if not self._path.is_file():
            yield None
            return
        key = self._key_source.load_key()
        try:
            connection = open_database_for_reading(self._path, key)
        except DatabaseError as problem:
            raise self._unreadable(problem) from None
        ends = time.monotonic() + self._time_limit
        connection.set_progress_handler(lambda: time.monotonic() > ends, _STEPS_BETWEEN_CHECKS)
        try:
            yield connection if _has_tables(connection) else None
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
        if str(problem).startswith(("no such table", "no such column")):
            return LogUnreadable(
                f"{self._path}: its tables are those of another version; "
                "the recorder brings them up to date when it starts"
            )
        return LogUnreadable(f"{self._path}: {problem}")


def _has_tables(connection: Connection) -> bool:
    """Tell a log from one that the recorder has only begun to make."""
    return connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is not None


def _format_row_time(row_id: int | None) -> str | None:
    if row_id is None:
        return None
    return datetime.fromtimestamp(row_id >> ID_BITS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
