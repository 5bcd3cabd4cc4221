"""Signing in at central, on its pages and through rooms: the password, and how often somebody may try.

The counts and the devices that are known stand in the database, so that several processes count together and none
forgets. Whoever signs in is answered with one of three things: an account, None (user name or password is not
right), or how long to wait (`appliance.sign_in_throttle`).
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from limits.storage import Storage
from sqlalchemy import delete, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from appliance.central import accounts, audit
from appliance.central.models import KnownDeviceRow, RoomRow, ThrottleRow
from appliance.central.store import Store
from appliance.protocol import Account, normalize_username
from appliance.sign_in_throttle import (
    KNOWN_DEVICE_DAYS,
    MAX_DEVICES_OF_ACCOUNT,
    SignInOrigin,
    SignInThrottle,
    TooManyTries,
)

PAGES = "central"  # the place of central's own pages
_ROOM = "room:"  # with its id, the place of a room's


def room_origin(room_id: int, device: str) -> SignInOrigin:
    """Return where a sign-in through a room comes from; the device is what that room claims."""
    return SignInOrigin(place=f"{_ROOM}{room_id}", source=device, device=device, is_place_limited=True)


class CentralSignIn:
    """Who may sign in, and how often they may try."""

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now
        self._counts = DatabaseStorage(store, now)
        self._throttle = SignInThrottle(self._counts, lambda: now().timestamp())

    def sign_in(self, origin: SignInOrigin, username: str, password: str) -> Account | TooManyTries | None:
        """Return whose user name and password these are."""
        username = normalize_username(username)
        known = origin.known_device(username)
        is_known = self._is_known(known)
        with self._counts.transaction():
            counted = self._throttle.count_try(origin, username, is_known_device=is_known)
        if isinstance(counted, TooManyTries):
            self._record_refusal(username, origin)
            return counted
        try:
            account = accounts.authenticate(self._store, self._now(), username, password)
        except BaseException:
            with self._counts.transaction():
                counted.forgive()
            raise
        if account is not None:
            with self._counts.transaction() as session:
                counted.forgive()
                if known:
                    self._remember(session, username, known)
                audit.record_audit(session, self._now(), username, "signed in", _where(session, origin))
        else:
            self._record_failure(username, origin)
        return account

    def _is_known(self, token_hash: str) -> bool:
        if not token_hash:
            return False
        with self._store.read_session() as session:
            return session.get(KnownDeviceRow, token_hash) is not None

    def _remember(self, session: Session, username: str, token_hash: str) -> None:
        now = self._now()
        rows = select(KnownDeviceRow).where(KnownDeviceRow.username == username)
        oldest = now - timedelta(days=KNOWN_DEVICE_DAYS)
        session.execute(delete(KnownDeviceRow).where(KnownDeviceRow.last_used < oldest))
        session.merge(KnownDeviceRow(token_hash=token_hash, username=username, last_used=now))
        session.flush()
        newest_first = session.scalars(rows.order_by(KnownDeviceRow.last_used.desc()))
        for row in list(newest_first)[MAX_DEVICES_OF_ACCOUNT:]:
            session.delete(row)

    def _record_failure(self, username: str, origin: SignInOrigin) -> None:
        """Write into the audit, once in a while for each account and place, that a password was wrong.

        What was typed for a name that is nobody's may be a password, and stands nowhere.
        """
        with self._counts.transaction() as session:
            user = accounts.find_user(session, username)
            if self._throttle.is_worth_a_failure_note(origin, username if user is not None else ""):
                who = username if user is not None else ""
                detail = _where(session, origin) if who else f"{_where(session, origin)}, for no account"
                audit.record_audit(session, self._now(), who, "failed sign-in", detail)

    def _record_refusal(self, username: str, origin: SignInOrigin) -> None:
        """Write into the audit, once in a while, that somebody guesses at an account."""
        with self._counts.transaction() as session:
            if not self._throttle.is_worth_a_note(origin, username):
                return
            if accounts.find_user(session, username) is not None:
                where = "central's pages" if origin.place == PAGES else "a room"
                audit.record_audit(session, self._now(), username, "wrong passwords", f"too many, at {where}")


def _where(session: Session, origin: SignInOrigin) -> str:
    """Return in words where somebody signs in; that it is there, a room's token proves."""
    if origin.place == PAGES:
        return "at central's pages"
    room = session.get(RoomRow, int(origin.place.removeprefix(_ROOM)))
    return f"in {room.name}" if room is not None else "in a room"


class DatabaseStorage(Storage):
    """Where `limits` counts: one row a key, changed under the lock that all writers of the database take.

    What one thread does within `transaction` is committed together: each commit waits for the disk.
    """

    STORAGE_SCHEME = None

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        super().__init__()
        self._store = store
        self._now = now
        self._ambient = threading.local()

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Make one transaction of all that this thread counts in a block; not to be nested."""
        with self._store.write_session(affects_rooms=False) as session:
            self._ambient.session = session
            try:
                yield session
            finally:
                self._ambient.session = None

    @contextmanager
    def _write_session(self) -> Iterator[Session]:
        ambient = getattr(self._ambient, "session", None)
        if ambient is not None:
            yield ambient
            return
        with self._store.write_session(affects_rooms=False) as session:
            yield session

    @contextmanager
    def _read_session(self) -> Iterator[Session]:
        ambient = getattr(self._ambient, "session", None)
        if ambient is not None:
            yield ambient
            return
        with self._store.read_session() as session:
            yield session

    @property
    def base_exceptions(self) -> type[Exception]:
        """What this storage may raise."""
        return SQLAlchemyError

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Add to a count, which begins anew where its window is over, and return it."""
        now = self._now()
        with self._write_session() as session:
            session.execute(delete(ThrottleRow).where(ThrottleRow.expires <= now))
            row = session.get(ThrottleRow, key)
            if row is None:
                row = ThrottleRow(key=key, count=0, expires=now + timedelta(seconds=expiry))
                session.add(row)
            row.count += amount
            return row.count

    def get(self, key: str) -> int:
        """Return a count."""
        row = self._row(key)
        return row.count if row is not None else 0

    def get_expiry(self, key: str) -> float:
        """Return when a window ends, in Unix seconds."""
        row = self._row(key)
        return (row.expires if row is not None else self._now()).timestamp()

    def check(self) -> bool:
        """Tell whether counts can be read."""
        try:
            self._row("")
        except SQLAlchemyError:
            return False
        return True

    def reset(self) -> int | None:
        """Forget every count."""
        with self._write_session() as session:
            session.execute(delete(ThrottleRow))
        return None

    def clear(self, key: str) -> None:
        """Forget a count."""
        with self._write_session() as session:
            session.execute(delete(ThrottleRow).where(ThrottleRow.key == key))

    def _row(self, key: str) -> ThrottleRow | None:
        with self._read_session() as session:
            row = session.get(ThrottleRow, key)
        return row if row is not None and row.expires > self._now() else None
