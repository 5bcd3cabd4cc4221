"""The query log's tables, and how an older database becomes today's.

`queries` holds one row for equal answers within a second: narrow, because what repeats (names, devices,
outcomes) stands in tables of its own. Its `id` is the second, shifted by `ID_BITS`, plus a running number: the
primary key is also the index by time, and new rows always land at the end. The view `query_log` joins it
readable.

What wears a card is pages that are written again, so there are few of them: `names` has no index (its one writer
remembers which name has which number, and a name that is given a second number does no harm), and `queries` has
one further index, of closed rows alone, which the pages ask for. `counts` sums up every hour, and outlives the
rows. Which values a row has follows `dns.querylog.records.QueryRecord` (`columns`).

`appliance.room.sqlite_migrations` brings an older database to today's tables.
"""

from typing import TYPE_CHECKING, Any

from appliance.room.query_log.columns import ID_BITS, QTYPE_NAMES, view_statement
from appliance.room.sqlite_migrations import Migration, apply_migrations

if TYPE_CHECKING:
    from appliance.room.sqlite_library import Database

_QUERIES = f"""CREATE TABLE queries (
    id INTEGER PRIMARY KEY, device_id INTEGER NOT NULL REFERENCES devices,
    name_id INTEGER NOT NULL REFERENCES names, qtype INTEGER NOT NULL,
    outcome_id INTEGER NOT NULL REFERENCES outcomes, count INTEGER NOT NULL, microseconds INTEGER NOT NULL,
    closed INTEGER NOT NULL, second INTEGER AS (id >> {ID_BITS}) VIRTUAL)"""


def _first(db: "Database") -> None:
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
        "CREATE VIEW query_log AS SELECT * FROM queries",
    ):
        db.execute(statement)
    db.conn.executemany("INSERT INTO qtypes VALUES (?, ?)", QTYPE_NAMES.items())


def _rows_by_time(db: "Database") -> None:
    """Make time the key of the rows, drop the indexes that wear the card, and add the counts of each hour."""
    for statement in (
        "DROP VIEW query_log",
        "ALTER TABLE queries RENAME TO queries_before",
        "ALTER TABLE names RENAME TO names_before",
        "CREATE TABLE names (id INTEGER PRIMARY KEY, name TEXT NOT NULL)",
        "INSERT INTO names SELECT id, name FROM names_before",
        _QUERIES,
        f"""INSERT INTO queries (id, device_id, name_id, qtype, outcome_id, count, microseconds, closed)
            SELECT (b.second << {ID_BITS}) + row_number() OVER (PARTITION BY b.second ORDER BY b.id) - 1,
                b.device_id, b.name_id, b.qtype, b.outcome_id, b.count, CAST(b.milliseconds * 1000 AS INTEGER),
                o.verdict IN ('refused', 'rewritten')
            FROM queries_before b JOIN outcomes o ON o.id = b.outcome_id""",  # noqa: S608 (a number)
        "DROP TABLE queries_before",
        "DROP TABLE names_before",
        """CREATE INDEX queries_closed ON queries (id, device_id, name_id, qtype, outcome_id, count, microseconds)
            WHERE closed = 1""",
        """CREATE TABLE counts (
            hour INTEGER NOT NULL, device_group TEXT NOT NULL, verdict TEXT NOT NULL, category TEXT NOT NULL,
            answers INTEGER NOT NULL, rows INTEGER NOT NULL,
            PRIMARY KEY (hour, device_group, verdict, category)) WITHOUT ROWID""",
        """INSERT INTO counts SELECT q.second / 3600, o.device_group, o.verdict, o.category, sum(q.count), count(*)
            FROM queries q JOIN outcomes o ON o.id = q.outcome_id GROUP BY 1, 2, 3, 4""",
    ):
        db.execute(statement)


def _privacy(db: "Database") -> None:
    """Add what names devices, who looked there and why, and the proof of what was deleted."""
    for statement in (
        """CREATE TABLE identities (
            token TEXT PRIMARY KEY, sealed BLOB NOT NULL, first_seen TEXT NOT NULL) WITHOUT ROWID""",
        """CREATE TABLE lookups (
            id INTEGER PRIMARY KEY, time TEXT NOT NULL, who TEXT NOT NULL, token TEXT NOT NULL,
            reason TEXT NOT NULL, found INTEGER NOT NULL)""",
        """CREATE TABLE deletions (
            id INTEGER PRIMARY KEY, time TEXT NOT NULL, what TEXT NOT NULL, who TEXT NOT NULL,
            reason TEXT NOT NULL, rows INTEGER NOT NULL, answers INTEGER NOT NULL)""",
        """CREATE TABLE incidents (
            id TEXT PRIMARY KEY, time TEXT NOT NULL, body BLOB NOT NULL, handed_over INTEGER NOT NULL DEFAULT 0)
            WITHOUT ROWID""",
    ):
        db.execute(statement)


def _clock(db: "Database") -> None:
    """Add what the clock last showed, how long it has been steady, and which rows were dated by a late one."""
    for statement in (
        """CREATE TABLE clock (
            one INTEGER PRIMARY KEY CHECK (one = 1), seen INTEGER NOT NULL, steady REAL NOT NULL)""",
        "CREATE TABLE misdated (first INTEGER NOT NULL, last INTEGER NOT NULL, known INTEGER NOT NULL)",
    ):
        db.execute(statement)


def _clock_behind(db: "Database") -> None:
    """Add since when the clock has been behind, and what it showed last where it was not trusted."""
    db.execute("ALTER TABLE clock ADD COLUMN behind_since INTEGER")
    db.execute("ALTER TABLE clock ADD COLUMN doubted_until INTEGER")


MIGRATIONS: tuple[Migration, ...] = (_first, _rows_by_time, _privacy, _clock, _clock_behind)


def migrate_query_log(connection: Any) -> None:
    """Bring a database to today's tables. `connection` must be in autocommit mode (isolation_level None)."""
    apply_migrations(connection, MIGRATIONS, adopt_record=_adopt_record)
    _renew_view(connection)


def _adopt_record(db: "Database") -> int:
    """Return what an older database notes of its migrations in a table, and remove that."""
    if "migrations" not in db.table_names():
        return 0
    done = db.execute("SELECT coalesce(max(number), 0) FROM migrations").fetchone()[0]
    db.execute("DROP TABLE migrations")
    return int(done)


def _renew_view(connection: Any) -> None:
    """Make the view anew where it is not today's: what it shows follows `dns.querylog.records.QueryRecord`."""
    found = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'query_log'").fetchone()
    if found and found[0] == view_statement():
        return
    with connection:  # rolled back where the disk is full
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("DROP VIEW IF EXISTS query_log")
        connection.execute(view_statement())


def add_outcome_column(db: "Database", name: str, kind: str, default: int | str) -> None:
    """Add what a new field of `QueryRecord` needs: a column that tells outcomes apart. For migrations."""
    columns = [row[1] for row in db.execute("PRAGMA table_info(outcomes)").fetchall() if row[1] != "id"]
    kinds = {row[1]: row[2] for row in db.execute("PRAGMA table_info(outcomes)").fetchall()}
    before = ", ".join(columns)
    definitions = ", ".join(f"{column} {kinds[column]} NOT NULL" for column in columns)
    for statement in (
        "DROP VIEW IF EXISTS query_log",
        f"""CREATE TABLE outcomes_new (id INTEGER PRIMARY KEY, {definitions},
            {name} {kind} NOT NULL, UNIQUE ({before}, {name}))""",
        f"INSERT INTO outcomes_new (id, {before}, {name}) SELECT id, {before}, {default!r} FROM outcomes",  # noqa: S608 (ours)
        "DROP TABLE outcomes",
        "ALTER TABLE outcomes_new RENAME TO outcomes",
    ):
        db.execute(statement)
