"""The tables of state.db (`appliance.room.sqlite_migrations` brings an older file to today's).

Times of the outbox are Unix seconds. A message that waits has no `failed`; one that is put aside says there why,
and stays.
"""

from typing import TYPE_CHECKING

import msgspec

from appliance.protocol import RequestState
from appliance.room.sqlite_migrations import Migration

if TYPE_CHECKING:
    from appliance.room.sqlite_library import Database


def _first(db: "Database") -> None:
    db.execute(
        """CREATE TABLE outbox (number INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, id TEXT NOT NULL,
            body BLOB NOT NULL, failed TEXT, UNIQUE (kind, id))"""
    )
    db.execute("CREATE TABLE requests (id TEXT PRIMARY KEY, asked_at TEXT NOT NULL, state BLOB NOT NULL)")
    db.execute(
        "CREATE TABLE verifiers (username TEXT PRIMARY KEY, verifier TEXT NOT NULL, account BLOB NOT NULL,"
        " until TEXT NOT NULL)"
    )


def _tries_and_closings(db: "Database") -> None:
    db.execute("ALTER TABLE outbox ADD COLUMN tries INTEGER NOT NULL DEFAULT 0")  # that were the message's fault
    db.execute("ALTER TABLE outbox ADD COLUMN first_try REAL")  # of those tries
    db.execute("ALTER TABLE outbox ADD COLUMN next_try REAL")  # not before
    db.execute("ALTER TABLE outbox ADD COLUMN failed_at REAL")
    db.execute("CREATE TABLE closings (request TEXT PRIMARY KEY, site TEXT NOT NULL, until TEXT)")
    # What was withdrawn before this version and has not been told yet: central may have opened it meanwhile.
    rows = db.execute(
        "SELECT outbox.id, state FROM outbox LEFT JOIN requests ON requests.id = outbox.id"
        " WHERE kind = 'withdrawal' AND failed IS NULL"
    ).fetchall()
    for request_id, state in rows:
        site = msgspec.json.decode(state, type=RequestState).request.site if state else ""
        db.execute("INSERT INTO closings VALUES (?, ?, NULL)", (request_id, site))


def _sent_messages(db: "Database") -> None:
    # In the order in which messages are sent, so that the next few are found without sorting what waits.
    db.execute(
        "CREATE INDEX outbox_order ON outbox (kind NOT IN ('request', 'withdrawal'), number) WHERE failed IS NULL"
    )
    db.execute("CREATE INDEX outbox_next_try ON outbox (next_try) WHERE failed IS NULL AND next_try IS NOT NULL")
    db.execute(
        "CREATE TABLE sent (number INTEGER PRIMARY KEY, kind TEXT NOT NULL, id TEXT NOT NULL, body BLOB NOT NULL,"
        " sent_at REAL NOT NULL, UNIQUE (kind, id))"
    )
    db.execute("CREATE INDEX sent_at ON sent (sent_at)")
    db.execute("CREATE TABLE central (epoch TEXT NOT NULL)")  # one row, once central has said it
    db.execute(
        "ALTER TABLE requests ADD COLUMN from_central INTEGER NOT NULL DEFAULT 0"
    )  # its times are central's


def _kept_policy(db: "Database") -> None:
    db.execute("CREATE TABLE kept_policy (origin TEXT NOT NULL, digest TEXT NOT NULL, content BLOB NOT NULL)")


def _audit_heads(db: "Database") -> None:
    db.execute(
        "CREATE TABLE audit_heads (position INTEGER PRIMARY KEY AUTOINCREMENT, number INTEGER NOT NULL,"
        " hash TEXT NOT NULL, at TEXT NOT NULL)"  # by central's clock, RFC 3339
    )


def _request_devices(db: "Database") -> None:
    db.execute("CREATE TABLE request_devices (request TEXT PRIMARY KEY, device TEXT NOT NULL)")


def _links(db: "Database") -> None:
    db.execute("CREATE TABLE links (taken TEXT NOT NULL, offered TEXT NOT NULL)")  # one row (`link_chain`)


def _counted_hours(db: "Database") -> None:
    db.execute("CREATE TABLE counted_hours (hour INTEGER NOT NULL)")  # one row, once something was told


def _pupil_asks(db: "Database") -> None:
    db.execute(
        "CREATE TABLE pupil_asks (device TEXT NOT NULL, site TEXT NOT NULL, asked_at REAL NOT NULL,"
        " times INTEGER NOT NULL, answer TEXT NOT NULL, by TEXT NOT NULL, answered_at REAL NOT NULL,"
        " request TEXT NOT NULL, PRIMARY KEY (device, site))"
    )


def _lesson_plans(db: "Database") -> None:
    db.execute(
        "CREATE TABLE lesson_plans (id TEXT PRIMARY KEY, owner TEXT NOT NULL, shared INTEGER NOT NULL,"
        " body BLOB NOT NULL, changed_at REAL NOT NULL, deleted_at REAL)"
    )


MIGRATIONS: tuple[Migration, ...] = (
    _first, _tries_and_closings, _sent_messages, _kept_policy, _audit_heads, _request_devices, _links,
    _counted_hours, _pupil_asks, _lesson_plans,
)  # fmt: skip
