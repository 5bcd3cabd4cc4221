"""What is written down stays: through restarts, damage, wrong keys and full disks, within its bounds."""

import contextlib
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import pytest

from appliance.room.query_log import control, flush_pace, writer
from appliance.room.query_log.database import WRITER_CACHE_KIBIBYTES, open_database_for_writing
from appliance.room.query_log.journal import Journal
from appliance.room.query_log.log_filter import QueryLogFilter
from appliance.room.query_log.log_key import FileKey, LogKeySource, LogKeyUnavailable, NoKey
from appliance.room.query_log.pseudonyms import Pseudonyms
from appliance.room.query_log.reader import LogUnreadable, QueryLogReader
from appliance.room.query_log.writer import QueryLogWriter
from appliance.settings.room import LogSection
from dns.querylog.records import QueryRecord, RecordBatch

NOW = 1_795_000_000.0
DAY = 86_400
Level = Literal["everything", "domains", "refusals", "counts"]


class Key:
    """A key that can be taken away."""

    def __init__(self, key: bytes | None) -> None:
        self.value = key

    def load_key(self) -> bytes | None:
        if self.value is None:
            raise LogKeyUnavailable("central has not said it yet")
        return self.value


def record(
    name: str = "example.org", *, second: float = NOW, verdict: str = "allowed", count: int = 1
) -> QueryRecord:
    category = "gambling" if verdict == "refused" else ""
    return QueryRecord(
        int(second), "192.0.2.7", "pupils", name, 1, verdict, "list", category, "starter", name, 0, count, 0.5
    )


@pytest.fixture
def room(tmp_path: Path) -> Callable[..., QueryLogWriter]:
    def make(source: LogKeySource | None = None, settings: LogSection | None = None) -> QueryLogWriter:
        return QueryLogWriter(
            tmp_path / "log.db",
            tmp_path / "log.spool",
            settings or LogSection(),
            Pseudonyms(b"s" * 32),
            source or NoKey(),
        )

    return make


def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let few records wait in the spool from the beginning."""
    monkeypatch.setattr(flush_pace, "PROMPT_FLUSHES", 0)


def read(tmp_path: Path, source: LogKeySource | None = None) -> QueryLogReader:
    return QueryLogReader(tmp_path / "log.db", source)


def test_few_records_wait_in_the_spool_and_are_there_after_a_crash(
    room: Callable[..., QueryLogWriter], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow(monkeypatch)
    first = room()
    first.write_batches([RecordBatch("w", 1, (record(),))], NOW)
    first.write_batches([RecordBatch("w", 2, (record("casino.example", verdict="refused"),))], NOW, durable=True)
    assert read(tmp_path).read_stats().queries == 0
    first.close_without_writing()  # as a crash would: nothing more is written
    again = room()
    again.flush_journal(NOW)
    stats = read(tmp_path).read_stats()
    assert (stats.queries, stats.refused) == (2, 1)
    again.close(NOW)


def test_what_waits_in_the_spool_is_bounded_by_its_records_too(
    room: Callable[..., QueryLogWriter], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow(monkeypatch)
    monkeypatch.setattr(writer, "MAX_JOURNALED_RECORDS", 5)
    one = room()
    for sequence, stored in enumerate((0, 0, 6, 6, 6, 12), start=1):
        one.write_batches([RecordBatch("w", sequence, (record(), record("other.example")))], NOW)
        assert read(tmp_path).read_stats().queries == stored
    one.close(NOW)


def test_the_writers_cache_is_small(tmp_path: Path) -> None:
    with closing(open_database_for_writing(tmp_path / "log.db", None)) as connection:
        assert connection.execute("PRAGMA cache_size").fetchone() == (-WRITER_CACHE_KIBIBYTES,)


def test_what_was_spooled_and_comes_again_is_counted_once(
    room: Callable[..., QueryLogWriter], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow(monkeypatch)
    one = room()
    batch = RecordBatch("w", 1, (record(),))
    one.write_batches([batch], NOW)
    one.write_batches([batch], NOW)
    one.close(NOW)
    assert read(tmp_path).read_stats().queries == 1


def test_a_torn_spool_gives_what_was_whole(
    room: Callable[..., QueryLogWriter], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow(monkeypatch)
    one = room()
    one.write_batches([RecordBatch("w", 1, (record(),))], NOW)
    whole = (tmp_path / "log.spool").stat().st_size
    one.write_batches([RecordBatch("w", 2, (record("other.example"),))], NOW)
    one.close_without_writing()
    spool = tmp_path / "log.spool"
    spool.write_bytes(spool.read_bytes()[: whole + 5])
    again = room()
    again.flush_journal(NOW)
    assert read(tmp_path).read_stats().queries == 1
    with contextlib.closing(sqlite3.connect(tmp_path / "log.db")) as database:
        [(what, reason)] = database.execute("SELECT what, reason FROM deletions").fetchall()
    assert (what, reason) == ("the end of what was received last", "it was torn, or of another key")


def test_many_records_go_straight_into_the_database(
    room: Callable[..., QueryLogWriter], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow(monkeypatch)
    one = room()
    one.write_batches([RecordBatch("w", 1, tuple(record(f"n{number}.example") for number in range(300)))], NOW)
    assert read(tmp_path).read_stats().rows == 300
    assert (tmp_path / "log.spool").stat().st_size == 0


def test_a_trickle_is_taken_in_now_and_then(
    room: Callable[..., QueryLogWriter], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flush_pace, "PROMPT_FLUSHES", 1)
    one = room(settings=LogSection(fold_seconds=60))
    for second in range(100):
        one.write_batches([RecordBatch("w", second + 1, (record(),))], NOW + second)
    assert read(tmp_path).read_stats().queries == 61, "the first at once, the next sixty after a minute"
    one.run_maintenance(NOW + 120)
    assert read(tmp_path).read_stats().queries == 100


def test_equal_answers_of_one_second_become_one_row(room: Callable[..., QueryLogWriter], tmp_path: Path) -> None:
    one = room()
    one.write_batches([RecordBatch("w1", 1, (record(count=3),)), RecordBatch("w2", 1, (record(count=4),))], NOW)
    stats = read(tmp_path).read_stats()
    assert (stats.queries, stats.rows) == (7, 1)


def test_technician_removable_media_must_be_encrypted_and_nothing_is_read_without_the_key(
    room: Callable[..., QueryLogWriter], tmp_path: Path
) -> None:
    source = Key(b"k" * 32)
    one = room(source)
    one.write_batches([RecordBatch("w", 1, (record("secret.example"),))], NOW)
    one.close(NOW)
    assert read(tmp_path, source).read_stats().queries == 1
    for path in tmp_path.iterdir():
        assert b"secret" not in path.read_bytes()
        assert not path.read_bytes().startswith(b"SQLite")
    with pytest.raises(LogUnreadable, match="another key"):
        read(tmp_path).read_stats()


def test_the_spool_too_is_encrypted(
    room: Callable[..., QueryLogWriter], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow(monkeypatch)
    source = Key(b"k" * 32)
    one = room(source)
    one.write_batches([RecordBatch("w", 1, (record("secret.example"),))], NOW)
    one.close_without_writing()
    assert (tmp_path / "log.spool").stat().st_size > 0
    room(source).flush_journal(NOW)
    assert read(tmp_path, source).read_stats().queries == 1


def test_a_log_whose_key_is_not_there_yet_begins_when_it_is(
    room: Callable[..., QueryLogWriter], tmp_path: Path
) -> None:
    source = Key(None)
    one = room(source)
    with pytest.raises(LogKeyUnavailable):
        one.write_batches([RecordBatch("w", 1, (record(),))], NOW)
    assert not (tmp_path / "log.db").exists()
    source.value = b"k" * 32
    one.write_batches([RecordBatch("w", 1, (record(),))], NOW)
    assert read(tmp_path, source).read_stats().queries == 1


@pytest.mark.parametrize("content", [b"", b"no key", b"zz" * 32])
def test_a_key_file_that_holds_no_key_says_so(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(LogKeyUnavailable, match="64 hexadecimal digits"):
        FileKey(tmp_path / "key").load_key()


def test_a_log_of_another_key_is_set_aside_and_the_loss_said(
    room: Callable[..., QueryLogWriter], tmp_path: Path
) -> None:
    one = room(Key(b"a" * 32))
    one.write_batches([RecordBatch("w", 1, (record(),))], NOW)
    one.close(NOW)
    source = Key(b"b" * 32)
    other = room(source)
    other.write_batches([RecordBatch("w", 2, (record(),))], NOW)
    log = read(tmp_path, source)
    assert log.read_stats().queries == 1
    assert "set aside as log.set-aside-" in log.read_deletions()[0].what
    (aside,) = tmp_path.glob("log.set-aside-*.db")
    assert QueryLogReader(aside, Key(b"a" * 32)).read_stats().queries == 1


def test_a_log_that_was_begun_without_a_key_is_brought_under_the_one_that_came(
    room: Callable[..., QueryLogWriter], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A card that was switched on before it had its enrolment."""
    one = room()
    one.write_batches([RecordBatch("w", 1, (record(name="before.example.org"),))], NOW)
    one.flush_journal(NOW)
    slow(monkeypatch)
    one.write_batches([RecordBatch("w", 2, (record(name="waiting.example.org"),))], NOW)
    one.close_without_writing()
    assert b"before.example.org" in (tmp_path / "log.db").read_bytes()
    assert (tmp_path / "log.spool").stat().st_size

    with (tmp_path / "log.db").open("rb") as plain:
        source = Key(b"a" * 32)
        other = room(source)
        other.write_batches([RecordBatch("w", 3, (record(name="after.example.org"),))], NOW + 1)
        other.close(NOW + 1)
        assert not plain.read().strip(b"\0"), "what was in the clear is overwritten"

    assert {path.name for path in tmp_path.iterdir()} == {"log.db", "log.spool"}
    log = read(tmp_path, source)
    assert log.read_stats().queries == 3
    assert not log.read_deletions()
    assert not any(b"example.org" in path.read_bytes() for path in tmp_path.iterdir())


@pytest.mark.parametrize("at", [4096, 9000])
def test_a_plain_log_that_is_damaged_is_set_aside_when_a_key_comes(
    room: Callable[..., QueryLogWriter], tmp_path: Path, at: int
) -> None:
    one = room()
    one.write_batches([RecordBatch("w", 1, tuple(record(name=f"s{n}.example.org") for n in range(500)))], NOW)
    one.close(NOW)
    with (tmp_path / "log.db").open("r+b") as file:
        file.seek(at)
        file.write(b"\xff" * 3000)
    source = Key(b"a" * 32)
    other = room(source)
    other.write_batches([RecordBatch("w", 2, (record(),))], NOW + 1)
    other.close(NOW + 1)
    assert read(tmp_path, source).read_stats().queries == 1
    assert list(tmp_path.glob("log.set-aside-*.db"))


@pytest.mark.parametrize("at", [0, 1024, 5000])
def test_a_damaged_log_is_set_aside_and_a_new_one_begun(
    room: Callable[..., QueryLogWriter], tmp_path: Path, at: int
) -> None:
    one = room()
    one.write_batches([RecordBatch("w", 1, tuple(record(f"n{number}.example") for number in range(2000)))], NOW)
    one.close(NOW)
    path = tmp_path / "log.db"
    damaged = bytearray(path.read_bytes())
    damaged[at : at + 1500] = b"\xa5" * 1500
    path.write_bytes(damaged)
    again = room()
    again.write_batches([RecordBatch("w", 2, (record(),))], NOW)
    assert read(tmp_path).read_stats().queries == 1
    assert list(tmp_path.glob("log.set-aside-*.db"))


@pytest.mark.parametrize("source", [NoKey(), Key(b"a" * 32)], ids=["plain", "encrypted"])
@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda content: b"", "it was emptied"),
        (lambda content: bytes(len(content)), "it was overwritten"),
        (lambda content: bytes(6000), "it was overwritten"),
        (lambda content: b"\xff" + content[1:], "it was overwritten"),
    ],
    ids=["emptied", "zeros", "shorter zeros", "one octet"],
)
def test_a_log_whose_file_is_overwritten_while_it_is_open_is_set_aside_and_a_new_one_begun(
    room: Callable[..., QueryLogWriter],
    tmp_path: Path,
    damage: Callable[[bytes], bytes],
    words: str,
    source: LogKeySource,
) -> None:
    one = room(source)
    one.write_batches([RecordBatch("w", 1, (record(),))], NOW)
    one.flush_journal(NOW)
    for later in range(3):
        one.run_maintenance(NOW + later)
    assert not list(tmp_path.glob("log.set-aside-*"))
    path = tmp_path / "log.db"
    with path.open("r+b") as file:  # the same file, as a card's flipped bits are
        content = damage(file.read())
        file.seek(0)
        file.truncate()
        file.write(content)
    one.run_maintenance(NOW + 4)
    one.write_batches([RecordBatch("w", 2, (record(),))], NOW + 4)
    one.flush_journal(NOW + 4)
    assert read(tmp_path, source).read_stats().queries == 1
    assert words in read(tmp_path, source).read_deletions()[0].reason


def test_a_full_disk_loses_nothing_that_was_stored(
    room: Callable[..., QueryLogWriter], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow(monkeypatch)
    one = room()
    one.write_batches([RecordBatch("w", 1, (record(),))], NOW)
    real = Journal._write

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Journal, "_write", full)
    with pytest.raises(OSError, match="No space"):
        one.write_batches([RecordBatch("w", 2, (record(),))], NOW)
    monkeypatch.setattr(Journal, "_write", real)
    one.close_without_writing()
    one.write_batches([RecordBatch("w", 2, (record(),))], NOW)
    one.flush_journal(NOW)
    assert read(tmp_path).read_stats().queries == 2


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


@pytest.mark.parametrize(
    ("level", "names", "device"),
    [
        ("everything", {"www.school.example", "www.casino.example"}, True),
        ("domains", {"school.example", "www.casino.example"}, True),
        ("refusals", {"", "www.casino.example"}, True),
        ("counts", {""}, False),
    ],
)
def test_the_level_of_detail_says_what_is_kept(
    room: Callable[..., QueryLogWriter], tmp_path: Path, level: Level, names: set[str], device: bool
) -> None:
    one = room(settings=LogSection(detail=level))
    both = (record("www.school.example", count=4), record("www.casino.example", verdict="refused", count=2))
    one.write_batches([RecordBatch("w", 1, both)], NOW)
    log = read(tmp_path)
    assert {entry.name for entry in log.read_tail(9)} == names
    assert all(bool(entry.device) is device for entry in log.read_tail(9))
    assert (log.read_stats().queries, log.read_stats().refused) == (6, 2), "the counts are exact at every level"
    raw = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"192.0.2.7" not in raw


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
