"""The query log's tables, and how an older database becomes today's.

`queries` holds one row for equal answers within a second: narrow, because what repeats (names, devices, outcomes)
stands in tables of its own. The view `query_log` joins it readable. Each migration and its record are written in
one transaction, so that a database is always exactly at one of the numbered states.
"""

import sqlite3
from collections.abc import Callable

from sqlite_utils import Database

QTYPE_NAMES = {
    1: "A", 2: "NS", 5: "CNAME", 6: "SOA", 12: "PTR", 15: "MX", 16: "TXT", 28: "AAAA", 33: "SRV", 35: "NAPTR",
    43: "DS", 48: "DNSKEY", 52: "TLSA", 64: "SVCB", 65: "HTTPS", 255: "ANY", 257: "CAA",
}  # fmt: skip


def _first(db: Database) -> None:
    for statement in (
        "CREATE TABLE names (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
        "CREATE TABLE devices (id INTEGER PRIMARY KEY, token TEXT NOT NULL UNIQUE)",
        """CREATE TABLE outcomes (
            id INTEGER PRIMARY KEY, device_group TEXT NOT NULL, verdict TEXT NOT NULL, step TEXT NOT NULL,
            category TEXT NOT NULL, source TEXT NOT NULL, entry TEXT NOT NULL, rcode INTEGER NOT NULL,
            UNIQUE (device_group, verdict, step, category, source, entry, rcode))""",
        """CREATE TABLE queries (
            id INTEGER PRIMARY KEY, second INTEGER NOT NULL, device_id INTEGER NOT NULL REFERENCES devices,
            name_id INTEGER NOT NULL REFERENCES names, qtype INTEGER NOT NULL,
            outcome_id INTEGER NOT NULL REFERENCES outcomes, count INTEGER NOT NULL,
            milliseconds REAL NOT NULL)""",
        "CREATE INDEX queries_by_second ON queries (second)",
        """CREATE TABLE workers (
            worker TEXT PRIMARY KEY, sequence INTEGER NOT NULL, seen INTEGER NOT NULL) WITHOUT ROWID""",
        "CREATE TABLE qtypes (qtype INTEGER PRIMARY KEY, type TEXT NOT NULL)",
        """CREATE VIEW query_log AS
            SELECT strftime('%Y-%m-%dT%H:%M:%SZ', q.second, 'unixepoch') AS time, d.token AS device,
                o.device_group AS "group", n.name AS name, coalesce(t.type, 'TYPE' || q.qtype) AS type,
                o.verdict AS verdict, o.category AS category, o.source AS source, q.count AS count,
                round(q.milliseconds, 3) AS milliseconds, o.step AS step, o.entry AS entry, o.rcode AS rcode,
                q.id AS id
            FROM queries q JOIN devices d ON d.id = q.device_id JOIN names n ON n.id = q.name_id
                JOIN outcomes o ON o.id = q.outcome_id LEFT JOIN qtypes t ON t.qtype = q.qtype""",
    ):
        db.execute(statement)
    db.conn.executemany("INSERT INTO qtypes VALUES (?, ?)", QTYPE_NAMES.items())


MIGRATIONS: tuple[Callable[[Database], None], ...] = (_first,)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a database to today's tables. `connection` must be in autocommit mode (isolation_level None)."""
    db = Database(connection)
    db.execute("CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY, applied TEXT NOT NULL)")
    done = db.execute("SELECT coalesce(max(number), 0) FROM migrations").fetchone()[0]
    for number, migration in enumerate(MIGRATIONS[done:], start=done + 1):
        connection.execute("BEGIN IMMEDIATE")
        try:
            migration(db)
            connection.execute("INSERT INTO migrations VALUES (?, datetime('now'))", (number,))
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
