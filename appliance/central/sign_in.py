"""Signing in at central, on its pages and through rooms: password, code, and how often somebody may try.

The counts and the devices that are known stand in the database, so that several processes count together and none
forgets. Whoever signs in is answered with an account, None (user name or password is not right), or how long to
wait (`appliance.sign_in_throttle`). Whoever has a second factor is asked for a code, wherever they sign in: their
password alone gives `CodeNeeded`, with which the code is brought. A device is known once both were right.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from appliance.central import accounts, audit, second_factor, sign_in_steps
from appliance.central.key_file import KeyFile
from appliance.central.models import KnownDeviceRow, RoomRow
from appliance.central.second_factor_rule import read_rule
from appliance.central.store import Store
from appliance.central.throttle_storage import DatabaseStorage
from appliance.central.trust_database import find_trust
from appliance.protocol import Account, normalize_username
from appliance.sign_in_throttle import (
    KNOWN_DEVICE_DAYS,
    MAX_DEVICES_OF_ACCOUNT,
    CountedTry,
    SignInOrigin,
    SignInThrottle,
    TooManyTries,
)

PAGES = "central"  # the place of central's own pages
_ROOM = "room:"  # with its id, the place of a room's


def room_origin(room_id: int, device: str) -> SignInOrigin:
    """Return where a sign-in through a room comes from; the device is what that room claims."""
    return SignInOrigin(place=f"{_ROOM}{room_id}", source=device, device=device, is_place_limited=True)


class CodeNeeded(msgspec.Struct, frozen=True):
    """The password was right; a code is needed as well."""

    step: str  # to be brought with it (`sign_in_steps`); "": whoever had one took too long, and begins anew


class WrongCode(msgspec.Struct, frozen=True):
    """The password was right, and the code was not."""


class FactorMissing(msgspec.Struct, frozen=True):
    """The password was right, but the school asks for a second factor, which is set up at central alone."""


SignInAnswer = Account | TooManyTries | CodeNeeded | WrongCode | FactorMissing | None


class CentralSignIn:
    """Who may sign in, and how often they may try."""

    def __init__(self, store: Store, now: Callable[[], datetime], keys: KeyFile) -> None:
        self._store = store
        self._now = now
        self._keys = keys
        self._counts = DatabaseStorage(store, now)
        self._throttle = SignInThrottle(self._counts, lambda: now().timestamp())

    def sign_in(self, origin: SignInOrigin, username: str, password: str) -> SignInAnswer:
        """Sign somebody in, or ask for their code. Raises KeyFileUnusable."""
        found = self._authenticate(origin, username, password)
        if not isinstance(found, tuple):
            return found
        account, counted = found
        with self._counts.transaction() as session:
            counted.forgive()
            return self._admit(session, origin, account)

    def admit(self, origin: SignInOrigin, account: Account) -> SignInAnswer:
        """Sign in whoever has proved to be the owner, or ask for their code. Raises KeyFileUnusable."""
        with self._counts.transaction() as session:
            return self._admit(session, origin, account)

    def _admit(self, session: Session, origin: SignInOrigin, account: Account) -> SignInAnswer:
        if account.has_second_factor:
            step = sign_in_steps.make_step(session, self._keys, self._now(), account, origin.place)
            return CodeNeeded(step)
        if origin.place != PAGES and read_rule(session).is_overdue(
            account.roles, self._now(), has_second_factor=False
        ):
            return FactorMissing()
        self._note_sign_in(session, origin, account.username)
        return account

    def sign_in_with_code(self, origin: SignInOrigin, step: str, code: str) -> SignInAnswer:
        """Sign in somebody whose password was right before. Raises KeyFileUnusable."""
        now = self._now()
        with self._store.read_session() as session:
            account = sign_in_steps.find_account(session, self._keys, now, step, origin.place)
        if account is None or not account.has_second_factor:
            return CodeNeeded("")
        taken = self.check_code(origin, account.username, code)
        if isinstance(taken, TooManyTries):
            return taken
        if not taken:
            return WrongCode()
        with self._counts.transaction() as session:
            self._note_sign_in(session, origin, account.username)
        return account

    def count_use(self, key: str, window: timedelta) -> int:
        """Count that something was brought, which may be brought once within a time, and return how often."""
        return self._counts.incr(key, window.total_seconds())

    def check_code(self, origin: SignInOrigin, username: str, code: str) -> bool | TooManyTries:
        """Use up a code of whoever had the password right, if it is right. Raises KeyFileUnusable."""
        is_known = self._is_known(origin.known_device(username))
        with self._counts.transaction():
            counted = self._throttle.count_code(origin, username, is_known_device=is_known)
        if isinstance(counted, TooManyTries):
            self._record_refusal(username, origin, "wrong codes")
            return counted
        with self._counts.transaction() as session:
            taken = second_factor.take_code(session, self._keys, self._now(), username=username, code=code)
            if taken is not None:
                counted.forgive()
            elif self._throttle.is_worth_a_failure_note(origin, f"{username} code"):
                detail = f"{_where(session, origin)}, after the right password"
                audit.record_audit(session, self._now(), username, "wrong code", detail)
        return taken is not None

    def _note_sign_in(self, session: Session, origin: SignInOrigin, username: str) -> None:
        if known := origin.known_device(username):
            self._remember(session, username, known)
        audit.record_audit(session, self._now(), username, "signed in", _where(session, origin))

    def check_password(self, origin: SignInOrigin, username: str, password: str) -> Account | TooManyTries | None:
        """Return whose user name and password these are; signs nobody in."""
        found = self._authenticate(origin, username, password)
        if not isinstance(found, tuple):
            return found
        account, counted = found
        with self._counts.transaction():
            counted.forgive()
        return account

    def _authenticate(
        self, origin: SignInOrigin, username: str, password: str
    ) -> tuple[Account, CountedTry] | TooManyTries | None:
        """Return whose password this is, and the try, which the caller takes back."""
        username = normalize_username(username)
        is_known = self._is_known(origin.known_device(username))
        with self._counts.transaction():
            counted = self._throttle.count_try(origin, username, is_known_device=is_known)
        if isinstance(counted, TooManyTries):
            self._record_refusal(username, origin, "wrong passwords")
            return counted
        try:
            account = accounts.authenticate(self._store, self._now(), username, password)
        except BaseException:
            with self._counts.transaction():
                counted.forgive()
            raise
        if account is None:
            self._record_failure(username, origin)
            return None
        return account, counted

    def _is_known(self, token_hash: str) -> bool:
        if not token_hash:
            return False
        with self._store.read_session() as session:
            return session.get(KnownDeviceRow, token_hash) is not None

    def _remember(self, session: Session, username: str, token_hash: str) -> None:
        rows = select(KnownDeviceRow).where(KnownDeviceRow.username == username)
        session.merge(KnownDeviceRow(token_hash=token_hash, username=username, last_used=self._now()))
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

    def _record_refusal(self, username: str, origin: SignInOrigin, what: str) -> None:
        """Write into the audit, once in a while, that somebody guesses at an account."""
        with self._counts.transaction() as session:
            if not self._throttle.is_worth_a_note(origin, f"{username} {what}"):
                return
            if accounts.find_user(session, username) is not None:
                where = _pages_words(session) if origin.place == PAGES else "a room"
                audit.record_audit(session, self._now(), username, what, f"too many, at {where}")


def prune_known_devices(session: Session, now: datetime) -> None:
    """Forget devices on which nobody has signed in for long: a chore, for no clock that jumped may forget them."""
    oldest = now - timedelta(days=KNOWN_DEVICE_DAYS)
    session.execute(delete(KnownDeviceRow).where(KnownDeviceRow.last_used < oldest))


def _where(session: Session, origin: SignInOrigin) -> str:
    """Return in words where somebody signs in; that it is there, a room's token proves."""
    if origin.place == PAGES:
        return f"at {_pages_words(session)}"
    room = session.get(RoomRow, int(origin.place.removeprefix(_ROOM)))
    return f"in {room.name}" if room is not None else "in a room"


def _pages_words(session: Session) -> str:
    return "central's pages" if find_trust(session) is None else "the trust's pages"
