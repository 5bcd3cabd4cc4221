"""What is deleted from the log, by age, by size and by people, and who a device was."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from appliance.room.query_log import control
from appliance.room.query_log.log_filter import QueryLogFilter
from appliance.room.query_log.log_key import NoKey
from appliance.room.query_log.pseudonyms import Pseudonyms
from appliance.room.query_log.writer import QueryLogWriter
from appliance.settings.room import LogSection
from dns.querylog.records import RecordBatch
from tests.fakes.log_writer import DAY, NOW, read, record


def test_rows_are_kept_for_as_long_as_their_kind_may_be(
    room: Callable[..., QueryLogWriter], tmp_path: Path
) -> None:
    one = room()
    for sequence, days in enumerate((40, 20, 3), start=1):
        then = NOW - days * DAY
        both = (record("a.example", second=then), record("b.example", second=then, verdict="refused"))
        one.write_batches([RecordBatch("w", sequence, both)], NOW)
    one.run_maintenance(NOW)
    log = read(tmp_path)
    assert [(entry.name, entry.verdict) for entry in log.read_tail(10)] == [
        ("b.example", "refused"), ("a.example", "allowed"), ("b.example", "refused"),
    ]  # fmt: skip
    assert sum(answers for _, answers, _ in log.read_by_hour(_at(NOW - 50 * DAY))) == 6, (
        "counts are kept for longer"
    )


def test_beyond_its_size_the_oldest_allowed_rows_go_first_and_it_is_said(
    room: Callable[..., QueryLogWriter], tmp_path: Path
) -> None:
    one = room(settings=LogSection(megabytes=1))
    refused = [record(f"r{number}.example", second=NOW - 5000, verdict="refused") for number in range(500)]
    allowed = [record(f"n{number}.example", second=NOW - 4000 + number // 10) for number in range(30_000)]
    one.write_batches([RecordBatch("w", 1, (*refused, *allowed))], NOW)
    one.run_maintenance(NOW)
    one.close(NOW)
    log = read(tmp_path)
    stats = log.read_stats()
    assert stats.refused == 500
    assert 500 < stats.rows < 30_000
    assert log.read_tail(1)[0].name == "n29999.example"
    assert log.read_deletions()[0].what.startswith("the oldest rows")
    assert (tmp_path / "log.db").stat().st_size <= 1_100_000, "the space is given back"


def test_who_a_device_is_is_told_for_a_reason_and_that_is_written_down(
    room: Callable[..., QueryLogWriter], tmp_path: Path
) -> None:
    one = room()
    one.write_batches([RecordBatch("w", 1, (record(),))], NOW)
    token = read(tmp_path).read_tail(1)[0].device
    refused = one.handle_control_request(control.LookupRequest(token=token, who="m.lead", reason="  "), NOW)
    assert "reason" in refused.error
    assert refused.address == ""
    told = one.handle_control_request(
        control.LookupRequest(token=token, who="m.lead", reason="a worry of 24 November"), NOW
    )
    assert told.address == "192.0.2.7"
    (made,) = read(tmp_path).read_lookups()
    assert (made.who, made.device, made.reason) == ("m.lead", token, "a worry of 24 November")
    assert (
        one.handle_control_request(
            control.LookupRequest(token="0" * 12, who="m.lead", reason="another"), NOW
        ).address
        == ""
    )


def test_a_purge_leaves_nothing_but_its_proof(room: Callable[..., QueryLogWriter], tmp_path: Path) -> None:
    one = room()
    one.write_batches(
        [RecordBatch("w", 1, (record("private-matter.example", count=5), record("b.example", verdict="refused")))],
        NOW,
    )
    token = read(tmp_path).read_tail(1)[0].device
    gone = one.handle_control_request(
        control.PurgeRequest(who="office", reason="asked for by a family", device=token), NOW
    )
    assert (gone.rows, gone.answers) == (2, 6)
    log = read(tmp_path)
    assert log.read_stats().rows == 0
    (proof,) = log.read_deletions()
    assert (proof.what, proof.who, proof.reason) == (f"rows of device {token}", "office", "asked for by a family")
    assert (proof.rows, proof.answers) == (2, 6)
    one.close(NOW)
    assert all(b"private-matter" not in path.read_bytes() for path in tmp_path.iterdir())
    with closing(sqlite3.connect(tmp_path / "log.db")) as database:
        assert database.execute("SELECT count(*) FROM identities").fetchone() == (0,)


def test_a_purge_may_end_at_a_time(room: Callable[..., QueryLogWriter], tmp_path: Path) -> None:
    one = room()
    one.write_batches([RecordBatch("w", 1, (record("old.example", second=NOW - DAY), record("new.example")))], NOW)
    one.handle_control_request(control.PurgeRequest(who="office", reason="end of term", before=int(NOW) - 60), NOW)
    assert [entry.name for entry in read(tmp_path).read_tail(9)] == ["new.example"]
    one.write_batches([RecordBatch("w", 2, (record("old.example"),))], NOW)
    assert [entry.name for entry in read(tmp_path).search_entries(QueryLogFilter(name="old"))] == ["old.example"]


def _at(second: float) -> datetime:
    return datetime.fromtimestamp(second, UTC)


def test_a_clock_that_may_be_wrong_deletes_nothing(tmp_path: Path) -> None:
    one = QueryLogWriter(
        tmp_path / "log.db",
        tmp_path / "log.spool",
        LogSection(),
        Pseudonyms(b"s" * 32),
        NoKey(),
        clock_trusted=lambda: False,
    )
    one.write_batches([RecordBatch("w", 1, (record(second=NOW - 100 * DAY),))], NOW)
    one.run_maintenance(NOW)
    assert read(tmp_path).read_stats().rows == 1
