"""An older database becomes today's, whole or not at all, and nothing in it is lost."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
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


# As the code of commit c1913d3 made it: three migrations, noted in a table.
THIRD_VERSION = """
CREATE TABLE migrations (number INTEGER PRIMARY KEY, applied TEXT NOT NULL);
INSERT INTO migrations VALUES (1, '2026-10-01 08:00:00'), (2, '2026-10-01 08:00:00'), (3, '2026-10-01 08:00:00');
CREATE TABLE devices (id INTEGER PRIMARY KEY, token TEXT NOT NULL UNIQUE);
CREATE TABLE outcomes (
    id INTEGER PRIMARY KEY, device_group TEXT NOT NULL, verdict TEXT NOT NULL, step TEXT NOT NULL,
    category TEXT NOT NULL, source TEXT NOT NULL, entry TEXT NOT NULL, rcode INTEGER NOT NULL,
    UNIQUE (device_group, verdict, step, category, source, entry, rcode));
CREATE TABLE workers (worker TEXT PRIMARY KEY, sequence INTEGER NOT NULL, seen INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE qtypes (qtype INTEGER PRIMARY KEY, type TEXT NOT NULL);
INSERT INTO qtypes VALUES (1, 'A'), (28, 'AAAA');
CREATE TABLE names (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE queries (
    id INTEGER PRIMARY KEY, device_id INTEGER NOT NULL REFERENCES devices,
    name_id INTEGER NOT NULL REFERENCES names, qtype INTEGER NOT NULL,
    outcome_id INTEGER NOT NULL REFERENCES outcomes, count INTEGER NOT NULL, microseconds INTEGER NOT NULL,
    closed INTEGER NOT NULL, second INTEGER AS (id >> 20) VIRTUAL);
CREATE INDEX queries_closed ON queries (id, device_id, name_id, qtype, outcome_id, count, microseconds)
    WHERE closed = 1;
CREATE TABLE counts (
    hour INTEGER NOT NULL, device_group TEXT NOT NULL, verdict TEXT NOT NULL, category TEXT NOT NULL,
    answers INTEGER NOT NULL, rows INTEGER NOT NULL,
    PRIMARY KEY (hour, device_group, verdict, category)) WITHOUT ROWID;
CREATE VIEW query_log AS
    SELECT strftime('%Y-%m-%dT%H:%M:%SZ', q.id >> 20, 'unixepoch') AS time, d.token AS device,
        o.device_group AS "group", n.name AS name, coalesce(t.type, 'TYPE' || q.qtype) AS type,
        o.verdict AS verdict, o.category AS category, o.source AS source, q.count AS count,
        q.microseconds / 1000.0 AS milliseconds, o.step AS step, o.entry AS entry, o.rcode AS rcode, q.id AS id
    FROM queries q JOIN devices d ON d.id = q.device_id JOIN names n ON n.id = q.name_id
        JOIN outcomes o ON o.id = q.outcome_id LEFT JOIN qtypes t ON t.qtype = q.qtype;
CREATE TABLE identities (
    token TEXT PRIMARY KEY, sealed BLOB NOT NULL, first_seen TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE lookups (
    id INTEGER PRIMARY KEY, time TEXT NOT NULL, who TEXT NOT NULL, token TEXT NOT NULL,
    reason TEXT NOT NULL, found INTEGER NOT NULL);
CREATE TABLE deletions (
    id INTEGER PRIMARY KEY, time TEXT NOT NULL, what TEXT NOT NULL, who TEXT NOT NULL,
    reason TEXT NOT NULL, rows INTEGER NOT NULL, answers INTEGER NOT NULL);
CREATE TABLE incidents (
    id TEXT PRIMARY KEY, time TEXT NOT NULL, body BLOB NOT NULL, handed_over INTEGER NOT NULL DEFAULT 0)
    WITHOUT ROWID;
INSERT INTO devices VALUES (1, 'aaaaaaaaaaaa');
INSERT INTO names VALUES (1, 'example.org'), (2, 'casino.example');
INSERT INTO outcomes VALUES (1, 'pupils', 'allowed', 'default', '', '', '', 0),
    (2, 'pupils', 'refused', 'list', 'gambling', 'starter', 'casino.example', 0);
INSERT INTO queries (id, device_id, name_id, qtype, outcome_id, count, microseconds, closed)
    VALUES (7200 << 20, 1, 1, 1, 1, 3, 1500, 0), ((7200 << 20) + 1, 1, 2, 1, 2, 2, 250, 1),
        (7205 << 20, 1, 1, 28, 1, 1, 0, 0);
INSERT INTO counts VALUES (2, 'pupils', 'allowed', '', 4, 2), (2, 'pupils', 'refused', 'gambling', 2, 1);
INSERT INTO workers VALUES ('worker-1', 17, 7205);
INSERT INTO lookups VALUES (1, '1970-01-01T02:01:00Z', 'dana', 'aaaaaaaaaaaa', 'a reason', 1);
"""


def test_the_third_version_is_brought_to_today_with_all_its_rows(connection: Connection, tmp_path: Path) -> None:
    connection.executescript(THIRD_VERSION)
    schema.migrate_query_log(connection)
    assert connection.execute("PRAGMA user_version").fetchone() == (len(schema.MIGRATIONS),)
    assert "migrations" not in Database(connection).table_names()
    log = QueryLogReader(tmp_path / "log.db")
    assert [(entry.time, entry.name, entry.type, entry.count) for entry in log.read_tail(9)] == [
        ("1970-01-01T02:00:00Z", "example.org", "A", 3),
        ("1970-01-01T02:00:00Z", "casino.example", "A", 2),
        ("1970-01-01T02:00:05Z", "example.org", "AAAA", 1),
    ]
    assert connection.execute("SELECT sequence FROM workers").fetchall() == [(17,)]
    assert connection.execute("SELECT who, reason FROM lookups").fetchall() == [("dana", "a reason")]


@pytest.mark.parametrize("done", range(1, 6))
def test_what_an_older_database_notes_in_a_table_of_its_own_is_believed(connection: Connection, done: int) -> None:
    db = Database(connection)
    db.execute("CREATE TABLE migrations (number INTEGER PRIMARY KEY, applied TEXT NOT NULL)")
    for number, migration in enumerate(schema.MIGRATIONS[:done], start=1):
        migration(db)
        db.execute("INSERT INTO migrations VALUES (?, datetime('now'))", (number,))
    schema.migrate_query_log(connection)
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as fresh:
        schema.migrate_query_log(fresh)
        assert db.schema == Database(fresh).schema


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
    assert connection.execute("PRAGMA user_version").fetchone() == (len(schema.MIGRATIONS) - 1,)


def test_a_database_of_today_is_left_alone(connection: Connection) -> None:
    schema.migrate_query_log(connection)
    before = connection.execute("PRAGMA schema_version").fetchone()
    schema.migrate_query_log(connection)
    assert connection.execute("PRAGMA schema_version").fetchone() == before


def _epoch() -> datetime:
    return datetime.fromtimestamp(0, UTC)
