"""An older database becomes today's, whole or not at all, and nothing in it is lost."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlite_utils import Database

from appliance.room.query_log import schema
from appliance.room.query_log.database import Connection, open_database_for_writing
from appliance.room.query_log.reader import QueryLogReader


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    connection = open_database_for_writing(tmp_path / "log.db", None)
    yield connection
    connection.close()


def first_version(connection: Connection) -> None:
    """Make a database as the first version had it, with three rows."""
    db = Database(connection)
    db.execute("CREATE TABLE migrations (number INTEGER PRIMARY KEY, applied TEXT NOT NULL)")
    schema.MIGRATIONS[0](db)
    db.execute("INSERT INTO migrations VALUES (1, datetime('now'))")
    db.execute("INSERT INTO names VALUES (1, 'example.org'), (2, 'casino.example')")
    db.execute("INSERT INTO devices VALUES (1, 'aaaaaaaaaaaa')")
    db.execute(
        "INSERT INTO outcomes VALUES (1, 'pupils', 'allowed', 'default', '', '', '', 0),"
        " (2, 'pupils', 'refused', 'list', 'gambling', 'starter', 'casino.example', 0)"
    )
    db.execute(
        "INSERT INTO queries VALUES (1, 7200, 1, 1, 1, 1, 3, 1.5), (2, 7200, 1, 2, 1, 2, 2, 0.25),"
        " (3, 7205, 1, 1, 28, 1, 1, 0.0)"
    )


def test_the_first_version_is_brought_to_today_with_all_its_rows(connection: Connection, tmp_path: Path) -> None:
    first_version(connection)
    schema.migrate_query_log(connection)
    log = QueryLogReader(tmp_path / "log.db")
    assert [
        (entry.time, entry.name, entry.type, entry.count, entry.milliseconds) for entry in log.read_tail(9)
    ] == [
        ("1970-01-01T02:00:00Z", "example.org", "A", 3, 1.5),
        ("1970-01-01T02:00:00Z", "casino.example", "A", 2, 0.25),
        ("1970-01-01T02:00:05Z", "example.org", "AAAA", 1, 0.0),
    ]
    stats = log.read_stats()
    assert (stats.queries, stats.refused, stats.rows) == (6, 2, 3)
    assert log.read_by_hour(_epoch()) == [("1970-01-01T02:00:00Z", 6, 2)]


def test_a_migration_that_fails_leaves_the_database_at_the_state_before(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(db: Database) -> None:
        db.execute("DROP VIEW query_log")
        raise RuntimeError("power cut")

    schema.migrate_query_log(connection)
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, broken))
    with pytest.raises(RuntimeError):
        schema.migrate_query_log(connection)
    assert connection.execute("SELECT count(*) FROM query_log").fetchone() == (0,)
    assert connection.execute("SELECT max(number) FROM migrations").fetchone() == (len(schema.MIGRATIONS) - 1,)


def test_a_database_of_today_is_left_alone(connection: Connection) -> None:
    schema.migrate_query_log(connection)
    before = connection.execute("SELECT number, applied FROM migrations").fetchall()
    schema.migrate_query_log(connection)
    assert connection.execute("SELECT number, applied FROM migrations").fetchall() == before


def _epoch() -> datetime:
    return datetime.fromtimestamp(0, UTC)
