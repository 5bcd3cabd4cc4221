"""The pages' own table of sessions (`appliance.sessions.SessionTable`), an SQLite file that nobody else opens.

It needs no agent: whoever is signed in stays so while the agent is away. What the agent has left of central's word
(`appliance.room.account_states`) is looked at each time its file has changed, and what it ends stays ended.
A file that is damaged is set aside under its date: nobody gets in by it, and people sign in again.

At a room a session carries a teacher's rights, whatever else its owner may do at central.
"""

import contextlib
import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from appliance import sessions
from appliance.errors import HallpassError
from appliance.protocol import Account, AccountState
from appliance.room import database_file
from appliance.room.account_states import is_account_over, read_account_states
from appliance.room.file_state import FileState, read_file_state
from appliance.room.teachers import NO_TEACHER, as_teacher
from appliance.room.web_sessions_file import is_damage, open_sessions_file
from appliance.sessions import SessionRecord, SessionsUnavailable
from appliance.sign_in_throttle import MAX_DEVICES_OF_ACCOUNT
from dns.errors import DECODING_FAILED

_COLUMNS = "id_hash, account, issued, last_used, device, address"

log = logging.getLogger("hallpass.web")


class RoomSessions:
    """The sessions of everybody who signed in at this room's pages. May be used by several threads."""

    def __init__(self, path: Path, account_states: Path, now: Callable[[], datetime]) -> None:
        self._path = path
        self._account_states = account_states
        self._now = now
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._seen: FileState = None
        self._states: dict[str, AccountState] = {}

    def start_session(self, account: Account, device: str, address: str = "") -> str:
        """Begin a session, with a teacher's rights, and return its id, which is kept nowhere."""
        teacher = as_teacher(account)
        if teacher is None:
            raise HallpassError(NO_TEACHER)
        session_id, now = sessions.new_session_id(), self._now().timestamp()
        with self._transaction() as connection:
            too_old = now - sessions.KEPT_AFTER_ISSUE.total_seconds()
            connection.execute("DELETE FROM sessions WHERE issued < ?", (too_old,))
            connection.execute(
                "INSERT INTO sessions (id_hash, username, account, issued, last_used, device, address)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    sessions.hash_session_id(session_id),
                    account.username,
                    msgspec.json.encode(teacher),
                    now,
                    now,
                    device[: sessions.DEVICE_LENGTH],
                    address[: sessions.ADDRESS_LENGTH],
                ),
            )
            connection.execute(
                "UPDATE sessions SET ended = :now WHERE ended IS NULL AND id_hash IN (SELECT id_hash FROM sessions"
                " WHERE username = :username AND ended IS NULL ORDER BY last_used DESC, issued DESC"
                " LIMIT -1 OFFSET :most)",
                {"now": now, "username": account.username, "most": sessions.MAX_SESSIONS_OF_ACCOUNT},
            )
        return session_id

    def find_session(self, session_id: str) -> SessionRecord | None:
        """Return the session of this id if it holds."""
        with self._reading() as connection:
            row = connection.execute(
                f"SELECT {_COLUMNS} FROM sessions WHERE id_hash = ? AND ended IS NULL",  # noqa: S608 (columns of ours)
                (sessions.hash_session_id(session_id),),
            ).fetchone()
            return self._held_record(row) if row else None

    def touch_session(self, session_id: str, record: SessionRecord) -> None:
        """Note that somebody used it just now, once a minute."""
        now = self._now()
        if sessions.is_touch_due(now, record):
            with contextlib.suppress(SessionsUnavailable):  # not knowing it only ends the session earlier
                self._execute(
                    "UPDATE sessions SET last_used = ? WHERE id_hash = ?",
                    (now.timestamp(), sessions.hash_session_id(session_id)),
                )

    def end_session(self, session_id: str) -> None:
        """End the session of this id."""
        self._end_hashes([sessions.hash_session_id(session_id)])

    def list_sessions(self, username: str) -> list[SessionRecord]:
        """Return an account's sessions that hold, the one used last first."""
        return [record for _, record in self._held_of(username)]

    def end_by_handle(self, username: str, handle: str) -> bool:
        """End one of an account's sessions; return whether it held."""
        return bool(self._end_hashes([found for found, one in self._held_of(username) if one.handle == handle]))

    def end_others(self, username: str, session_id: str) -> int:
        """End all of an account's sessions but one; return how many held."""
        own = sessions.hash_session_id(session_id)
        return self._end_hashes([found for found, _ in self._held_of(username) if found != own])

    def is_known_device(self, token_hash: str) -> bool:
        """Tell whether a password was right on a device before."""
        with self._reading() as connection:
            found = connection.execute("SELECT 1 FROM known_devices WHERE token_hash = ?", (token_hash,))
            return found.fetchone() is not None

    def remember_device(self, username: str, token_hash: str, oldest: datetime) -> None:
        """Note that a password was right on a device; forget those of before `oldest`."""
        with self._transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO known_devices VALUES (?, ?, ?)",
                (token_hash, username, self._now().timestamp()),
            )
            connection.execute("DELETE FROM known_devices WHERE last_used < ?", (oldest.timestamp(),))
            connection.execute(
                "DELETE FROM known_devices WHERE token_hash IN (SELECT token_hash FROM known_devices"
                " WHERE username = ? ORDER BY last_used DESC LIMIT -1 OFFSET ?)",
                (username, MAX_DEVICES_OF_ACCOUNT),
            )

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._disconnect()

    def __del__(self) -> None:
        """Close the file where nobody did: pages have no end of their own to do it at."""
        self._disconnect()

    def _held_of(self, username: str) -> list[tuple[str, SessionRecord]]:
        with self._reading() as connection:
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM sessions WHERE username = ? AND ended IS NULL"  # noqa: S608 (columns of ours)
                " ORDER BY last_used DESC, issued DESC",
                (username,),
            ).fetchall()
            found = [(row[0], self._held_record(row)) for row in rows]
        return [(id_hash, record) for id_hash, record in found if record is not None]

    def _held_record(self, row: tuple[str, bytes, float, float, str, str]) -> SessionRecord | None:
        record = _decode_record(row)
        if self._has_ended(record.account):
            return None
        return record if sessions.is_within_limits(self._now(), record.issued, record.last_used) else None

    def _end_hashes(self, hashes: list[str]) -> int:
        with self._transaction() as connection:
            return _end(connection, hashes, self._now())

    def _execute(self, statement: str, values: tuple[object, ...]) -> None:
        with self._transaction() as connection:
            connection.execute(statement, values)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._reading() as connection, _transaction_of(connection):
            yield connection

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """Give the connection, to one thread at a time, after what central has ended is ended here.

        What is damaged is set aside, and this one use fails: the next begins with an empty table.
        """
        with self._lock:
            try:
                connection = self._connect()
                self._apply_account_states(connection)
                yield connection
            except (sqlite3.Error, OSError) as problem:
                if isinstance(problem, sqlite3.Error) and is_damage(problem):
                    self._set_aside(problem)
                elif "unable to open" in str(problem) or "readonly" in str(problem):
                    self._disconnect()  # it is made usable when it is opened
                raise SessionsUnavailable(
                    "This room does not know at the moment who is signed in. Please try again shortly"
                ) from problem

    def _connect(self) -> sqlite3.Connection:
        if self._connection is None:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            database_file.prepare_database_file(self._path, self._now().timestamp())
            try:
                self._connection = open_sessions_file(self._path)
            except sqlite3.Error as problem:
                if not is_damage(problem):
                    raise
                self._set_aside(problem)
                self._connection = open_sessions_file(self._path)
            self._seen = None
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    def _set_aside(self, problem: Exception) -> None:
        self._disconnect()
        try:
            database_file.set_aside(self._path, f"{problem}; people sign in again", self._now().timestamp())
        except OSError:
            log.exception("%s is damaged, and cannot be set aside", self._path)

    def _apply_account_states(self, connection: sqlite3.Connection) -> None:
        """End what central has ended, whenever the agent has written anything new of it."""
        state = read_file_state(self._account_states)
        if state == self._seen:
            return
        self._states = {one.username: one for one in read_account_states(self._account_states).accounts}
        rows = connection.execute(f"SELECT {_COLUMNS} FROM sessions WHERE ended IS NULL")  # noqa: S608 (columns of ours)
        over = [row[0] for row in rows.fetchall() if self._has_ended(_decode_record(row).account)]
        if over:
            with _transaction_of(connection):
                _end(connection, over, self._now())
        self._seen = state

    def _has_ended(self, account: Account) -> bool:
        """Tell whether an account, as it was when a session of it began, allows that session no more."""
        now = self._now()
        if account.ends is not None and account.ends <= now:
            return True
        said = self._states.get(account.username)
        return said is not None and is_account_over(account, said, now)


def _decode_record(row: tuple[str, bytes, float, float, str, str]) -> SessionRecord:
    """Return a row as a record. Raises sqlite3.DatabaseError where it is none that we wrote."""
    id_hash, kept, issued, last_used, device, address = row
    try:
        return SessionRecord(
            handle=sessions.session_handle(id_hash),
            account=msgspec.json.decode(kept, type=Account),
            issued=datetime.fromtimestamp(issued, UTC),
            last_used=datetime.fromtimestamp(last_used, UTC),
            device=device,
            address=address,
        )
    except (*DECODING_FAILED, TypeError, ValueError, OverflowError, OSError) as problem:
        raise sqlite3.DatabaseError(f"a row is not one of ours: {problem}") from None


@contextmanager
def _transaction_of(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _end(connection: sqlite3.Connection, hashes: list[str], now: datetime) -> int:
    ended = [(now.timestamp(), one) for one in hashes]
    statement = "UPDATE sessions SET ended = ? WHERE id_hash = ? AND ended IS NULL"
    return max(connection.executemany(statement, ended).rowcount, 0)
