"""How a backup goes through tables: in few visits to the database, and never with too much in memory."""

import gc
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Column, Connection, Integer, MetaData, String, Table, create_engine, insert

from appliance.allocator import paused_collector
from appliance.central import backup, backup_file
from appliance.central.backup_file import BackupWriter, Manifest, Rows, read_frames

TABLE = Table("things", MetaData(), Column("id", Integer, primary_key=True), Column("words", String))
PASSPHRASE = "four words are better still"


class CountingConnection:
    """A connection that notes how many rows were fetched at once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.visits: list[int] = []

    def execution_options(self, **options: object) -> "CountingConnection":
        assert options == {"stream_results": True}  # else PostgreSQL sends a whole table at once
        return self

    def execute(self, statement: Any) -> "CountingConnection":
        self._result = self._connection.execute(statement)
        return self

    def fetchmany(self, count: int) -> Any:
        rows = self._result.fetchmany(count)
        self.visits.append(len(rows))
        return rows


@pytest.fixture(autouse=True)
def quick_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(backup_file._SCRYPT, "n", 2)


@pytest.fixture
def connection() -> Iterator[Connection]:
    engine = create_engine("sqlite://")
    with engine.begin() as made:
        TABLE.metadata.create_all(made)
        yield made
    engine.dispose()


def write(connection: Connection, rows: int, length: int) -> tuple[list[int], list[tuple[object, ...]]]:
    """Return how many rows came with each visit, and all rows that stand in the file."""
    connection.execute(insert(TABLE), [{"id": at, "words": f"{at:0{length}d}"} for at in range(rows)])
    counting, file = CountingConnection(connection), io.BytesIO()
    writer = BackupWriter(file, PASSPHRASE)
    writer.write(Manifest(made_at=datetime.now(UTC), version="", migration="", school="", rows={}, files=()))
    assert sum(backup._write_rows(writer, counting, TABLE)) == rows  # type: ignore[arg-type]  # a fake
    writer.finish()
    file.seek(0)
    found = [one for one in read_frames(file, PASSPHRASE) if isinstance(one, Rows)]
    assert {one.columns for one in found} == {("id", "words")}
    return counting.visits, [row for one in found for row in one.rows]


def test_a_table_of_many_small_rows_takes_few_visits_and_is_whole(connection: Connection) -> None:
    visits, rows = write(connection, 11_000, 8)
    assert visits == [500, 5000, 5000, 500, 0]
    assert rows == [(at, f"{at:08d}") for at in range(11_000)]


def test_of_large_rows_no_more_are_held_at_once_than_before(connection: Connection) -> None:
    visits, rows = write(connection, 1200, 20_000)
    assert visits == [500, 500, 200, 0]
    assert len(rows) == 1200


def test_the_collector_goes_on_afterwards_whatever_happens() -> None:
    with paused_collector():
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(ZeroDivisionError), paused_collector():
        1 / 0  # noqa: B018 (to raise)
    assert gc.isenabled()
