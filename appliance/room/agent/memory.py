"""What the agent must not forget, in state.db: what waits to be sent, what became of requests, who signed in here.

Each change is one transaction and is on the disk before anybody is told (WAL, synchronous = FULL): a request that
a teacher has seen accepted is still there after a power cut.
"""

import sqlite3
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import msgspec
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlite_utils import Database

from appliance.protocol import Account, RequestState

VERIFIER_DAYS = 30

_WITHDRAWALS = "SELECT id FROM outbox WHERE kind = 'withdrawal' AND failed IS NULL"

Kind = Literal["request", "withdrawal", "report", "incident", "action"]

_hasher = PasswordHasher()
_encode = msgspec.json.encode


class Parcel(msgspec.Struct, frozen=True):
    """Something that waits to be sent to central."""

    number: int
    kind: Kind
    id: str
    body: bytes


def _first(db: Database) -> None:
    db.execute(
        """CREATE TABLE outbox (number INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, id TEXT NOT NULL,
            body BLOB NOT NULL, failed TEXT, UNIQUE (kind, id))"""
    )
    db.execute("CREATE TABLE requests (id TEXT PRIMARY KEY, asked_at TEXT NOT NULL, state BLOB NOT NULL)")
    db.execute(
        "CREATE TABLE verifiers (username TEXT PRIMARY KEY, verifier TEXT NOT NULL, account BLOB NOT NULL,"
        " until TEXT NOT NULL)"
    )


_MIGRATIONS: tuple[Callable[[Database], None], ...] = (_first,)


class Memory:
    """The agent's database. One writer: the agent."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)  # it holds verifiers of passwords
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._migrate()
        self.revision = 1  # grows with every change that a page may want to show

    def close(self) -> None:
        """Close the database."""
        self._connection.close()

    def remember_request(self, state: RequestState) -> None:
        """Keep a request of this room and put it into the outbox, in one transaction."""
        with self._transaction():
            self._keep(state)
            self._post("request", state.request.id, _encode(state.request))

    def keep_request(self, state: RequestState) -> None:
        """Keep a request that was decided in the room: central is not asked."""
        with self._transaction():
            self._keep(state)

    def post(self, kind: Kind, id: str, body: bytes = b"") -> None:  # noqa: A002 (its name in the protocol)
        """Put something into the outbox; the same thing twice is there once."""
        with self._transaction():
            self._post(kind, id, body)

    def outbox(self) -> list[Parcel]:
        """Return what waits to be sent, in its order; what a teacher waits for before everything else."""
        rows = self._connection.execute(
            "SELECT number, kind, id, body FROM outbox WHERE failed IS NULL"
            " ORDER BY kind NOT IN ('request', 'withdrawal'), number"
        )
        return [Parcel(*row) for row in rows]

    def sent(self, parcel: Parcel) -> None:
        """Forget what has arrived."""
        with self._transaction():
            self._connection.execute("DELETE FROM outbox WHERE number = ?", (parcel.number,))

    def failed(self, parcel: Parcel, why: str) -> None:
        """Put aside what central will never take, with its words; a request then shows them as its answer."""
        with self._transaction():
            self._connection.execute("UPDATE outbox SET failed = ? WHERE number = ?", (why, parcel.number))
            if parcel.kind == "request" and (state := self._request(parcel.id)) is not None:
                self._keep(msgspec.structs.replace(state, state="denied", answer=why))

    def learn(self, states: Iterable[RequestState]) -> None:
        """Keep what central says of requests; those that it does not know yet stay as they are."""
        with self._transaction():
            taken_back = {row[0] for row in self._connection.execute(_WITHDRAWALS)}
            for state in states:
                if state.request.id not in taken_back:  # central has not heard of it yet
                    self._keep(state)

    def requests(self, since: datetime) -> list[RequestState]:
        """Return this room's requests since a time, the newest first."""
        rows = self._connection.execute(
            "SELECT state FROM requests WHERE asked_at >= ? ORDER BY asked_at DESC", (since.isoformat(),)
        )
        return [msgspec.json.decode(row[0], type=RequestState) for row in rows]

    def request(self, request_id: str) -> RequestState | None:
        """Return one request, or None."""
        return self._request(request_id)

    def mark_withdrawn(self, request_id: str) -> None:
        """Show a request as withdrawn, and tell central."""
        with self._transaction():
            state = self._request(request_id)
            if state is not None:
                self._keep(msgspec.structs.replace(state, state="withdrawn"))
            self._post("withdrawal", request_id, b"")

    def remember_account(self, account: Account, password: str, now: datetime) -> None:
        """Keep a verifier for the time that central is away, for `VERIFIER_DAYS` or until the account ends."""
        until = now + timedelta(days=VERIFIER_DAYS)
        if account.ends is not None:
            until = min(until, account.ends)
        with self._transaction():
            self._connection.execute(
                "INSERT OR REPLACE INTO verifiers VALUES (?, ?, ?, ?)",
                (account.username, _hasher.hash(password), _encode(account), until.isoformat()),
            )

    def forget_account(self, username: str) -> None:
        """Forget a verifier: central says that the password is not right, or the account is over."""
        with self._transaction():
            self._connection.execute("DELETE FROM verifiers WHERE username = ?", (username,))

    def known_account(self, username: str, password: str, now: datetime) -> Account | None:
        """Return the account that signed in here before with this password, or None."""
        row = self._connection.execute(
            "SELECT verifier, account, until FROM verifiers WHERE username = ?", (username,)
        ).fetchone()
        if row is None or datetime.fromisoformat(row[2]) <= now:
            return None
        try:
            _hasher.verify(row[0], password)
        except (VerificationError, InvalidHashError):
            return None
        return msgspec.json.decode(row[1], type=Account)

    def _request(self, request_id: str) -> RequestState | None:
        row = self._connection.execute("SELECT state FROM requests WHERE id = ?", (request_id,)).fetchone()
        return msgspec.json.decode(row[0], type=RequestState) if row else None

    def _keep(self, state: RequestState) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO requests VALUES (?, ?, ?)",
            (state.request.id, state.request.asked_at.isoformat(), _encode(state)),
        )

    def _post(self, kind: Kind, id: str, body: bytes) -> None:  # noqa: A002 (its name in the protocol)
        self._connection.execute(
            "INSERT OR IGNORE INTO outbox (kind, id, body) VALUES (?, ?, ?)", (kind, id, body)
        )

    def _transaction(self) -> "_Transaction":
        return _Transaction(self)

    def _migrate(self) -> None:
        db = Database(self._connection)
        done = self._connection.execute("PRAGMA user_version").fetchone()[0]
        for number, migration in enumerate(_MIGRATIONS[done:], start=done + 1):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                migration(db)
                self._connection.execute(f"PRAGMA user_version = {number}")
                self._connection.execute("COMMIT")
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise


class _Transaction:
    """One transaction; a page may want to look again after it."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._connection = memory._connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._connection.execute("COMMIT" if kind is None else "ROLLBACK")
        self._memory.revision += 1
