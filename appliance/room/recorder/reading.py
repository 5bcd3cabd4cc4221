"""Reads the query log, for the pages and the command line.

Never writes, never takes longer than `TIME_LIMIT_SECONDS`, and takes a log that is not there yet for an empty one.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from appliance.errors import HallpassError

TIME_LIMIT_SECONDS = 5.0
_STEPS_BETWEEN_LOOKS = 10_000


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


class QueryLog:
    """A room's query log, for reading."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def stats(self, since: datetime | None = None) -> Stats:
        """Count the answers since a time, or all of them."""
        row = self._one(
            """SELECT coalesce(sum(q.count), 0), coalesce(sum(q.count) FILTER (WHERE o.verdict = 'refused'), 0),
                count(*), min(q.second), max(q.second)
            FROM queries q JOIN outcomes o ON o.id = q.outcome_id WHERE q.second >= ?""",
            (_second(since),),
        )
        queries, refused, rows, first, last = row or (0, 0, 0, None, None)
        return Stats(queries, refused, rows, _text(first), _text(last))

    def refused(self, since: datetime, limit: int = 200) -> list[Entry]:
        """Return what was refused since a time, the newest first, equal names of a device in one entry."""
        return [
            Entry(*row)
            for row in self._all(
                """SELECT strftime('%Y-%m-%dT%H:%M:%SZ', max(q.second), 'unixepoch'), d.token,
                    o.device_group, n.name, coalesce(t.type, 'TYPE' || q.qtype), o.verdict, o.category,
                    o.source, sum(q.count), round(sum(q.milliseconds), 3)
                FROM queries q JOIN devices d ON d.id = q.device_id JOIN names n ON n.id = q.name_id
                    JOIN outcomes o ON o.id = q.outcome_id LEFT JOIN qtypes t ON t.qtype = q.qtype
                WHERE q.second >= ? AND o.verdict = 'refused'
                GROUP BY q.name_id, q.device_id, o.category ORDER BY max(q.second) DESC, max(q.id) DESC LIMIT ?""",
                (_second(since), limit),
            )
        ]

    def tail(self, limit: int) -> list[Entry]:
        """Return the newest entries, the oldest of them first."""
        rows = self._all(
            """SELECT time, device, "group", name, type, verdict, category, source, count, milliseconds
            FROM query_log WHERE id > (SELECT coalesce(max(id), 0) - ? FROM queries) ORDER BY id""",
            (limit,),
        )
        return [Entry(*row) for row in rows]

    def _one(self, sql: str, values: tuple[object, ...]) -> tuple[Any, ...] | None:
        with self._open() as connection:
            return connection.execute(sql, values).fetchone() if connection else None

    def _all(self, sql: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        with self._open() as connection:
            return connection.execute(sql, values).fetchall() if connection else []

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection | None]:
        if not self._path.exists():
            yield None
            return
        try:
            connection = sqlite3.connect(f"{self._path.absolute().as_uri()}?mode=ro", uri=True, timeout=2.0)
        except sqlite3.Error as problem:
            raise LogUnreadable(f"{self._path}: {problem}") from None
        ends = datetime.now(UTC).timestamp() + TIME_LIMIT_SECONDS
        connection.set_progress_handler(lambda: datetime.now(UTC).timestamp() > ends, _STEPS_BETWEEN_LOOKS)
        try:
            yield connection
        except sqlite3.Error as problem:
            raise LogUnreadable(f"{self._path}: {problem}") from None
        finally:
            connection.close()


def _second(time: datetime | None) -> int:
    return int(time.timestamp()) if time else 0


def _text(second: int | None) -> str | None:
    return None if second is None else datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
