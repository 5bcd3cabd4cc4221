"""A page of the log, the newest entries first: what it is found by, and where the next one begins.

However large the log is, a page costs about the same: it is found by the rows' own key, from one on backwards,
and looks at `SCANNED_ROWS` rows at most. Where these do not fill it (hardly any row is wanted) it says how far it
has looked, and the next page goes on there. So a search needs no index, which would wear the card.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from appliance.room.query_log.columns import ID_BITS, JOINED, QueryLogEntry, select_record

PAGE_ROWS = 50
SCANNED_ROWS = 25_000
_BEHIND_EVERY_ROW = 2**62

FetchAll = Callable[[str, tuple[object, ...]], list[tuple[Any, ...]]]


class LogPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some entries, and where the ones before them are."""

    entries: tuple[QueryLogEntry, ...]
    older: int | None  # `before` of the next page; None: there is nothing older
    looked_back_to: int | None  # Unix time, where the search has stopped short of the beginning; None: it has not


def read_log_page(
    fetch_all: FetchAll,
    where: tuple[str, tuple[object, ...]],
    *,
    since: int,
    before: int | None = None,
    blocked_only: bool = False,
    limit: int = PAGE_ROWS,
    scanned: int = SCANNED_ROWS,
) -> LogPage:
    """Return the newest entries since a Unix time for which a condition holds, before a row's number.

    `blocked_only`: the condition holds for closed rows alone, which have an index.
    """
    first, end = since << ID_BITS, _BEHIND_EVERY_ROW if before is None else before
    queries, closed = (
        ("queries q INDEXED BY queries_closed", "q.closed = 1 AND ") if blocked_only else ("queries q", "")
    )
    stop = fetch_all(
        f"SELECT q.id FROM {queries} WHERE {closed}q.id >= ? AND q.id < ? ORDER BY q.id DESC LIMIT 1 OFFSET ?",  # noqa: S608 (our own words)
        (first, end, scanned - 1),
    )
    lowest = stop[0][0] if stop else first
    condition, values = where
    rows = fetch_all(
        f"""SELECT q.id, {select_record()} FROM {JOINED.format(queries=queries)}
        WHERE {closed}q.id >= ? AND q.id < ? AND {condition} ORDER BY q.id DESC LIMIT ?""",  # noqa: S608 (our own words; what was typed are values)
        (lowest, end, *values, limit + 1),
    )
    entries = tuple(QueryLogEntry(*row[1:]) for row in rows[:limit])
    if len(rows) > limit:
        return LogPage(entries=entries, older=rows[limit - 1][0], looked_back_to=None)
    if stop:
        return LogPage(entries=entries, older=lowest, looked_back_to=lowest >> ID_BITS)
    return LogPage(entries=entries, older=None, looked_back_to=None)
