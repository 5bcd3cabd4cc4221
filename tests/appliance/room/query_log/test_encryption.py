"""A log with a key: nothing is read without it, and what was begun without one comes under it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from appliance.room.query_log.log_key import FileKey, LogKeyUnavailable
from appliance.room.query_log.reader import LogUnreadable, QueryLogReader
from appliance.room.query_log.writer import QueryLogWriter
from dns.querylog.records import RecordBatch
from tests.fakes.log_writer import NOW, Key, read, record, slow


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
