"""What is written down stays: through restarts, damage, wrong keys and full disks, within its bounds."""

import contextlib
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Literal

import pytest

from appliance.room.query_log import flush_pace, writer
from appliance.room.query_log.database import WRITER_CACHE_KIBIBYTES, open_database_for_writing
from appliance.room.query_log.journal import Journal
from appliance.room.query_log.log_key import LogKeySource, NoKey
from appliance.room.query_log.writer import QueryLogWriter
from appliance.settings.room import LogSection
from dns.querylog.records import RecordBatch
from tests.fakes.log_writer import NOW, Key, read, record, slow

Level = Literal["everything", "domains", "refusals", "counts"]


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
