"""The log page by page: each entry once, newest first; a search costs the same however large the log is."""

import contextlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from appliance.room.query_log import log_page
from appliance.room.query_log.columns import ID_BITS
from appliance.room.query_log.database import open_database_for_writing
from appliance.room.query_log.log_filter import QueryLogFilter
from appliance.room.query_log.log_page import LogPage
from appliance.room.query_log.reader import QueryLogReader
from appliance.room.query_log.store import LogStore
from dns.querylog.records import QueryRecord, RecordBatch

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
ROWS = 230


@pytest.fixture
def log(tmp_path: Path) -> QueryLogReader:
    """Return a log of which one row in ten is a refusal, and the very first one is of a name of its own."""
    second = int(NOON.timestamp())
    records = [
        QueryRecord(
            second=second + at, device=f"d{at % 3}", group="pupils", qtype=1,
            name=f"s{at}.example.org" if at else "rare.example",
            verdict="refused" if at % 10 == 5 else "allowed",
        )
        for at in range(ROWS)
    ]  # fmt: skip
    early = QueryRecord(
        second=second - 60, device="d0", group="pupils", name="before.example", qtype=1, verdict="allowed"
    )
    connection = open_database_for_writing(tmp_path / "log.db", None)
    with contextlib.closing(connection):
        LogStore(connection).insert_batches([RecordBatch("w", 1, (early, *records))], NOON.timestamp())
    return QueryLogReader(tmp_path / "log.db")


def read_all(log: QueryLogReader, wanted: QueryLogFilter) -> list[LogPage]:
    pages = [log.read_page(wanted, since=NOON)]
    while (older := pages[-1].older) is not None:
        pages.append(log.read_page(wanted, since=NOON, before=older))
    return pages


def names(pages: list[LogPage]) -> list[str]:
    return [entry.name for page in pages for entry in page.entries]


def test_every_entry_since_then_stands_on_one_page_the_newest_first(log: QueryLogReader) -> None:
    pages = read_all(log, QueryLogFilter())
    assert [len(page.entries) for page in pages] == [50, 50, 50, 50, 30]
    assert names(pages) == [*(f"s{at}.example.org" for at in range(ROWS - 1, 0, -1)), "rare.example"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (QueryLogFilter(verdict="refused"), [f"s{at}.example.org" for at in range(225, 0, -10)]),
        (QueryLogFilter(name="S22"), [f"s{at}.example.org" for at in (*range(229, 219, -1), 22)]),
        (QueryLogFilter(device="d1", name="s10"), ["s109.example.org", "s106.example.org", "s103.example.org",
                                                  "s100.example.org", "s10.example.org"]),
        (QueryLogFilter(name="100%"), []),
        (QueryLogFilter(name="before.example"), []),
    ],
)  # fmt: skip
def test_it_is_found_by_site_device_and_verdict(
    log: QueryLogReader, wanted: QueryLogFilter, found: list[str]
) -> None:
    assert names(read_all(log, wanted)) == found


def test_a_search_that_finds_little_says_how_far_it_has_looked_and_goes_on_there(
    log: QueryLogReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = log_page.read_log_page
    monkeypatch.setattr(
        "appliance.room.query_log.reader.read_log_page", lambda *given, **named: read(*given, **named, scanned=100)
    )
    pages = read_all(log, QueryLogFilter(name="rare"))
    assert [len(page.entries) for page in pages] == [0, 0, 1]
    second = int(NOON.timestamp())
    assert [page.looked_back_to for page in pages] == [second + ROWS - 100, second + ROWS - 200, None]


@pytest.mark.parametrize("before", [0, -1, 2**62])
def test_a_page_before_the_first_entry_or_after_the_last_is_no_error(log: QueryLogReader, before: int) -> None:
    assert len(log.read_page(QueryLogFilter(), since=NOON, before=before).entries) == (50 if before > 0 else 0)


def test_a_page_up_to_a_time_begins_there_however_much_came_after_it(
    log: QueryLogReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = log.read_page(QueryLogFilter(until=NOON + timedelta(seconds=10)), since=NOON)
    assert names([page]) == [*(f"s{at}.example.org" for at in range(9, 0, -1)), "rare.example"]
    asked: list[tuple[object, ...]] = []

    def note(_: str, values: tuple[object, ...]) -> list[tuple[object, ...]]:
        asked.append(values)
        return []

    monkeypatch.setattr(log, "_fetch_all", note)
    log.read_page(QueryLogFilter(until=NOON + timedelta(seconds=10)), since=NOON)
    assert asked[0][1] == int(NOON.timestamp() + 10) << ID_BITS, "it looks at nothing that came after"


def test_what_comes_in_meanwhile_moves_nothing_to_another_page(log: QueryLogReader, tmp_path: Path) -> None:
    first = log.read_page(QueryLogFilter(), since=NOON)
    late = QueryRecord(
        second=int(NOON.timestamp()) + 999, device="d0", group="", name="late.example", qtype=1, verdict=""
    )
    connection = open_database_for_writing(tmp_path / "log.db", None)
    with contextlib.closing(connection):
        LogStore(connection).insert_batches([RecordBatch("w", 2, (late,))], NOON.timestamp())
    second = log.read_page(QueryLogFilter(), since=NOON, before=first.older)
    assert second.entries[0].name == f"s{ROWS - 51}.example.org"


def test_a_page_is_found_by_the_rows_own_key(log: QueryLogReader) -> None:
    asked: list[str] = []

    def note(sql: str, values: tuple[object, ...]) -> list[tuple[object, ...]]:
        asked.append(sql)
        return []

    log_page.read_log_page(note, ("1", ()), since=1)
    plan = log._fetch_all(f"EXPLAIN QUERY PLAN {asked[-1]}", (1 << ID_BITS, 2**62, 51))
    steps = [row[3] for row in plan]
    assert steps[0] == "SEARCH q USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"
    assert not any("TEMP B-TREE" in step or step.startswith("SCAN") for step in steps)
