"""What the agent must not forget, in state.db: what waits to be sent, what became of requests, who signed in here.

Each change is one transaction and is on the disk before anybody is told (WAL, synchronous = FULL): a request that
a teacher has seen accepted is still there after a power cut.
"""

import sqlite3
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from appliance.protocol import Account, RequestState
from appliance.room.agent import schema
from appliance.room.agent.rpc import DeadLetter, MessageKind
from appliance.room.local_overrides import EndedUnblock

VERIFIER_DAYS = 30
MAX_TRIES = 5
MIN_RETRY_SECONDS = 3600.0
BACK_OFF_SECONDS = (60.0, 300.0, 900.0, 2400.0)  # after each failure; the fifth comes an hour after the first
DEAD_LETTER_SHOWN_SECONDS = 7 * 86400.0  # for how long the pages say that a message was put aside

_WAITING = "FROM outbox WHERE failed IS NULL"
# Not after the longest pause either: then it is the clock that was set back.
_DUE = "(next_try IS NULL OR next_try <= :now OR next_try > :now + :longest)"
# A withdrawal that overtook its request would find nothing to take back.
_AFTER_ITS_REQUEST = """NOT (kind = 'withdrawal' AND id IN (
    SELECT id FROM outbox WHERE kind = 'request' AND failed IS NULL))"""
_ORDER = "ORDER BY kind NOT IN ('request', 'withdrawal'), number"

_encode = msgspec.json.encode


class OutboxMessage(msgspec.Struct, frozen=True):
    """Something that waits to be sent to central."""

    number: int
    kind: MessageKind
    id: str
    body: bytes


class KeptSignIn(msgspec.Struct, frozen=True):
    """What a room keeps of somebody who signed in: enough to know them while central is away."""

    verifier: str  # of their password (argon2)
    account: Account


class AgentStore:
    """The agent's database. One writer: the agent."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)  # it holds verifiers of passwords
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        schema.migrate_agent_store(self._connection)
        self.revision = 1  # grows with every change that a page may want to show

    def close(self) -> None:
        """Close the database."""
        self._connection.close()

    def save_and_post_request(self, state: RequestState) -> None:
        """Keep a request of this room and put it into the outbox, in one transaction."""
        with self._transaction():
            self._save_request(state)
            self._insert_message("request", state.request.id, _encode(state.request))

    def save_request(self, state: RequestState) -> None:
        """Keep a request that was decided in the room: central is not asked."""
        with self._transaction():
            self._save_request(state)

    def post_message(self, kind: MessageKind, id: str, body: bytes = b"") -> None:  # noqa: A002 (its name in the protocol)
        """Put something into the outbox; the same thing twice is there once."""
        with self._transaction():
            self._insert_message(kind, id, body)

    def pending_messages(self) -> list[OutboxMessage]:
        """Return what waits to be sent, in its order; what a teacher waits for before everything else."""
        rows = self._connection.execute(f"SELECT number, kind, id, body {_WAITING} {_ORDER}")
        return [OutboxMessage(*row) for row in rows]

    def due_messages(self, now: float) -> list[OutboxMessage]:
        """Return what may be sent now, in its order: what has failed lately waits, and holds nothing up."""
        rows = self._connection.execute(
            f"SELECT number, kind, id, body {_WAITING} AND {_DUE} AND {_AFTER_ITS_REQUEST} {_ORDER}",
            {"now": now, "longest": BACK_OFF_SECONDS[-1]},
        )
        return [OutboxMessage(*row) for row in rows]

    def seconds_until_due(self, now: float) -> float | None:
        """Return in how many seconds something that has failed is due again, or None."""
        row = self._connection.execute(f"SELECT min(next_try) {_WAITING} AND next_try > ?", (now,)).fetchone()
        return None if row[0] is None else float(row[0]) - now

    def delete_sent_message(self, message: OutboxMessage) -> None:
        """Forget what has arrived."""
        with self._transaction():
            self._connection.execute("DELETE FROM outbox WHERE number = ?", (message.number,))

    def record_failure(self, message: OutboxMessage, why: str, now: float) -> bool:
        """Note that a message failed by its own fault; return whether it was put aside for that.

        That is after `MAX_TRIES` over `MIN_RETRY_SECONDS` at least. Until then it waits longer each time.
        """
        with self._transaction():
            tries, first = self._connection.execute(
                "SELECT tries + 1, ifnull(min(first_try, :now), :now) FROM outbox WHERE number = :number",
                {"now": now, "number": message.number},
            ).fetchone()
            next_try = now + BACK_OFF_SECONDS[min(tries, len(BACK_OFF_SECONDS)) - 1]
            self._connection.execute(
                "UPDATE outbox SET tries = ?, first_try = ?, next_try = ? WHERE number = ?",
                (tries, first, next_try, message.number),
            )
            over = bool(tries >= MAX_TRIES and now - first >= MIN_RETRY_SECONDS)
            if over:
                self._mark_dead_letter(message, f"tried {tries} times: {why}", now)
        return over

    def reject_message(self, message: OutboxMessage, why: str, now: float) -> None:
        """Put aside what central will never take, with its words; a request then shows them as its answer."""
        with self._transaction():
            self._mark_dead_letter(message, why, now)
            if message.kind == "request" and (state := self._load_request(message.id)) is not None:
                self._save_request(msgspec.structs.replace(state, state="denied", answer=why))

    def dead_letters(self, now: float) -> list[DeadLetter]:
        """Return what was put aside lately, the newest first."""
        rows = self._connection.execute(
            "SELECT kind, id, failed FROM outbox WHERE failed IS NOT NULL AND failed_at > ?"
            " ORDER BY failed_at DESC",
            (now - DEAD_LETTER_SHOWN_SECONDS,),
        )
        return [DeadLetter(*row) for row in rows]

    def save_request_states(self, states: Iterable[RequestState]) -> None:
        """Keep what central says of requests; those that it does not know yet stay as they are."""
        with self._transaction():
            withdrawn = self._connection.execute("SELECT id FROM outbox WHERE kind = 'withdrawal'")
            withdrawn_ids = {row[0] for row in withdrawn}
            for state in states:
                if state.request.id not in withdrawn_ids:  # central has not heard of it yet
                    self._save_request(state)
                self._connection.execute(
                    "DELETE FROM outbox WHERE kind = 'request' AND id = ? AND failed IS NOT NULL",
                    (state.request.id,),  # it had arrived, and only the answer was trouble
                )

    def list_requests(self, since: datetime) -> list[RequestState]:
        """Return this room's requests since a time, the newest first."""
        rows = self._connection.execute(
            "SELECT state FROM requests WHERE asked_at >= ? ORDER BY asked_at DESC", (since.isoformat(),)
        )
        return [msgspec.json.decode(row[0], type=RequestState) for row in rows]

    def find_request(self, request_id: str) -> RequestState | None:
        """Return one request, or None."""
        return self._load_request(request_id)

    def withdraw_request(self, request_id: str, now: datetime) -> None:
        """Take a request back, or end what it opened: shown so, closed in this room, and on its way to central.

        One that is over or was denied stays as it is.
        """
        with self._transaction():
            state = self._load_request(request_id)
            if state is None or state.state not in ("waiting", "approved"):
                return
            if state.state == "waiting":
                self._save_request(msgspec.structs.replace(state, state="withdrawn"))
            else:
                self._save_request(msgspec.structs.replace(state, state="ended", until=now))
            self._insert_ended_unblock(ended_unblock_of(state))

    def ended_unblocks(self) -> tuple[EndedUnblock, ...]:
        """Return what was ended in this room and has to stay closed in it."""
        rows = self._connection.execute("SELECT request, site, until FROM closings ORDER BY rowid")
        return tuple(
            EndedUnblock(request=row[0], site=row[1], until=datetime.fromisoformat(row[2]) if row[2] else None)
            for row in rows
        )

    def adopt_ended_unblock(self, ended: EndedUnblock) -> None:
        """Keep a closing that is in force but not kept here, and tell central, perhaps once more."""
        with self._transaction():
            self._insert_ended_unblock(ended)

    def acknowledged_ended_unblocks(self) -> frozenset[str]:
        """Return the requests whose end central has taken."""
        rows = self._connection.execute(
            "SELECT request FROM closings WHERE request NOT IN (SELECT id FROM outbox WHERE kind = 'withdrawal')"
        )
        return frozenset(row[0] for row in rows)

    def delete_ended_unblocks(self, requests: Collection[str]) -> None:
        """Forget closings that have nothing left to close."""
        with self._transaction():
            self._connection.executemany("DELETE FROM closings WHERE request = ?", [(one,) for one in requests])

    def keep_sign_in(self, kept: KeptSignIn, now: datetime) -> None:
        """Keep a verifier for the time that central is away, for `VERIFIER_DAYS` or until the account ends."""
        until = now + timedelta(days=VERIFIER_DAYS)
        if kept.account.ends is not None:
            until = min(until, kept.account.ends)
        with self._transaction():
            self._connection.execute("DELETE FROM verifiers WHERE until < ?", (now.isoformat(),))
            self._connection.execute(
                "INSERT OR REPLACE INTO verifiers VALUES (?, ?, ?, ?)",
                (kept.account.username, kept.verifier, _encode(kept.account), until.isoformat()),
            )

    def drop_verifier(self, username: str) -> None:
        """Forget a verifier, and not that they signed in here: what central says of them concerns this room."""
        with self._transaction():
            self._connection.execute("UPDATE verifiers SET verifier = '' WHERE username = ?", (username,))

    def find_kept_sign_in(self, username: str, now: datetime) -> KeptSignIn | None:
        """Return what is kept of somebody who signed in here, or None."""
        row = self._connection.execute(
            "SELECT verifier, account, until FROM verifiers WHERE username = ? AND verifier != ''", (username,)
        ).fetchone()
        if row is None or datetime.fromisoformat(row[2]) <= now:
            return None
        return KeptSignIn(row[0], msgspec.json.decode(row[1], type=Account))

    def usernames_signed_in_here(self) -> frozenset[str]:
        """Return everybody who signed in here within `VERIFIER_DAYS`."""
        return frozenset(row[0] for row in self._connection.execute("SELECT username FROM verifiers"))

    def _load_request(self, request_id: str) -> RequestState | None:
        row = self._connection.execute("SELECT state FROM requests WHERE id = ?", (request_id,)).fetchone()
        return msgspec.json.decode(row[0], type=RequestState) if row else None

    def _save_request(self, state: RequestState) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO requests VALUES (?, ?, ?)",
            (state.request.id, state.request.asked_at.isoformat(), _encode(state)),
        )

    def _insert_message(self, kind: MessageKind, id: str, body: bytes) -> None:  # noqa: A002 (its name in the protocol)
        self._connection.execute(
            "INSERT OR IGNORE INTO outbox (kind, id, body) VALUES (?, ?, ?)", (kind, id, body)
        )

    def _insert_ended_unblock(self, ended: EndedUnblock) -> None:
        until = ended.until.isoformat() if ended.until else None
        self._connection.execute(
            "INSERT OR IGNORE INTO closings VALUES (?, ?, ?)", (ended.request, ended.site, until)
        )
        self._insert_message("withdrawal", ended.request, b"")

    def _mark_dead_letter(self, message: OutboxMessage, why: str, now: float) -> None:
        self._connection.execute(
            "UPDATE outbox SET failed = ?, failed_at = ? WHERE number = ?", (why, now, message.number)
        )

    def _transaction(self) -> "_Transaction":
        return _Transaction(self)


def ended_unblock_of(state: RequestState) -> EndedUnblock:
    """Return what ends what was, or may have been, opened for a request."""
    until = state.until if state.state == "approved" else None
    return EndedUnblock(request=state.request.id, site=state.request.site, until=until)


class _Transaction:
    """One transaction; a page may want to look again after it."""

    def __init__(self, store: AgentStore) -> None:
        self._store = store
        self._connection = store._connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._connection.execute("COMMIT")
        finally:
            if self._connection.in_transaction:  # a disk that is full can fail the commit and leave it open
                self._connection.execute("ROLLBACK")
        self._store.revision += 1
