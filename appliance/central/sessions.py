"""Central's table of sessions (`appliance.sessions.SessionTable`).

Whether a session holds is looked up together with its account each time: an account that ended, or that has a new
password, is out with the next page, whichever process or command changed it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from appliance import sessions
from appliance.central.accounts import has_ended, to_account
from appliance.central.models import SessionRow, UserRow
from appliance.central.store import Store
from appliance.protocol import Account
from appliance.sessions import SessionRecord, SessionsUnavailable


class CentralSessions:
    """The sessions of everybody who signed in at central."""

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now

    def start_session(self, account: Account, device: str, address: str = "") -> str:
        """Begin a session and return its id, which is kept nowhere."""
        session_id, now = sessions.new_session_id(), self._now()
        with _available(), self._store.write_session(affects_rooms=False) as session:
            session.execute(delete(SessionRow).where(SessionRow.issued < now - sessions.KEPT_AFTER_ISSUE))
            held = self._held_rows(session, account.username)
            for row, _ in held[sessions.MAX_SESSIONS_OF_ACCOUNT - 1 :]:
                row.ended = now
            session.add(
                SessionRow(
                    id_hash=sessions.hash_session_id(session_id),
                    username=account.username,
                    issued=now,
                    last_used=now,
                    device=device[: sessions.DEVICE_LENGTH],
                    address=address[: sessions.ADDRESS_LENGTH],
                    valid_after=account.valid_after,
                )
            )
        return session_id

    def find_session(self, session_id: str) -> SessionRecord | None:
        """Return the session of this id if it holds."""
        found = select(SessionRow, UserRow).join(UserRow, UserRow.username == SessionRow.username)
        with _available(), self._store.read_session() as session:
            pair = session.execute(
                found.where(SessionRow.id_hash == sessions.hash_session_id(session_id))
            ).one_or_none()
        return _to_record(*pair) if pair is not None and self._holds(*pair) else None

    def touch_session(self, session_id: str, record: SessionRecord) -> None:
        """Note that somebody used it just now, once a minute."""
        if not sessions.is_touch_due(self._now(), record):
            return
        changed = update(SessionRow).where(SessionRow.id_hash == sessions.hash_session_id(session_id))
        try:
            with self._store.write_session(affects_rooms=False) as session:
                session.execute(changed.values(last_used=self._now()))
        except SQLAlchemyError:
            return  # not knowing it only ends the session earlier

    def end_session(self, session_id: str) -> None:
        """End the session of this id."""
        changed = update(SessionRow).where(SessionRow.id_hash == sessions.hash_session_id(session_id))
        with _available(), self._store.write_session(affects_rooms=False) as session:
            session.execute(changed.values(ended=self._now()))

    def list_sessions(self, username: str) -> list[SessionRecord]:
        """Return an account's sessions that hold, the one used last first."""
        with _available(), self._store.read_session() as session:
            return [_to_record(*pair) for pair in self._held_rows(session, username)]

    def end_by_handle(self, username: str, handle: str) -> bool:
        """End one of an account's sessions; return whether it held."""
        return self._end_where(username, lambda row: sessions.session_handle(row.id_hash) == handle) > 0

    def end_others(self, username: str, session_id: str) -> int:
        """End all of an account's sessions but one; return how many held."""
        own = sessions.hash_session_id(session_id)
        return self._end_where(username, lambda row: row.id_hash != own)

    def _end_where(self, username: str, is_meant: Callable[[SessionRow], bool]) -> int:
        with _available(), self._store.write_session(affects_rooms=False) as session:
            rows = [row for row, _ in self._held_rows(session, username) if is_meant(row)]
            for row in rows:
                row.ended = self._now()
        return len(rows)

    def _held_rows(self, session: Session, username: str) -> list[tuple[SessionRow, UserRow]]:
        pairs = session.execute(
            select(SessionRow, UserRow)
            .join(UserRow, UserRow.username == SessionRow.username)
            .where(SessionRow.username == username, SessionRow.ended.is_(None))
            .order_by(SessionRow.last_used.desc(), SessionRow.issued.desc())
        )
        return [(row, user) for row, user in pairs if self._holds(row, user)]

    def _holds(self, row: SessionRow, user: UserRow) -> bool:
        now = self._now()
        return (
            row.ended is None
            and not has_ended(user, now)
            and not sessions.is_older_than_account(row.valid_after, user.valid_after)
            and sessions.is_within_limits(now, row.issued, row.last_used)
        )


def renew_session(session: Session, session_id: str) -> None:
    """Let a session outlive the new password that its own owner has just set."""
    row = session.get(SessionRow, sessions.hash_session_id(session_id))
    if row is not None:
        row.valid_after = session.get_one(UserRow, row.username).valid_after


def _to_record(row: SessionRow, user: UserRow) -> SessionRecord:
    return SessionRecord(
        handle=sessions.session_handle(row.id_hash),
        account=to_account(user),
        issued=row.issued,
        last_used=row.last_used,
        device=row.device,
        address=row.address,
    )


@contextmanager
def _available() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as problem:
        raise SessionsUnavailable(
            "The database cannot be reached at the moment. Please try again shortly"
        ) from problem
