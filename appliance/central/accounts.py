"""Who may sign in, and whether a password is right.

Passwords are kept as argon2id verifiers (RFC 9106) and nowhere else. After `FREE_FAILURES` wrong passwords in a
row an account waits before each further try: from one second, doubled, up to `MAX_LOCKOUT_SECONDS`. An unknown
name costs as much time as a known one, so that nobody learns which names exist.
"""

import secrets
import threading
from datetime import datetime, timedelta

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from appliance import protocol
from appliance.central import audit
from appliance.central.errors import NotFound, NotPossible
from appliance.central.models import UserRow
from appliance.central.store import Store
from appliance.rights import Role

MIN_PASSWORD_LENGTH = 10
FREE_FAILURES = 5
MAX_LOCKOUT_SECONDS = 300

# 19 MB and two passes, as OWASP advises for servers: strong, and a whole school can sign in at nine o'clock.
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_dummy_verifier = _hasher.hash(secrets.token_hex(16))
_PASSWORD_GROUPS = 4
_hashing_slots = threading.Semaphore(4)  # a crowd that guesses must not take the machine's memory and cores


def generate_password() -> str:
    """Return a password that can be read out and typed: four groups of four letters and digits (80 bits)."""
    alphabet = "abcdefghjkmnpqrstuvwxyz23456789"  # without those that look like each other
    return "-".join("".join(secrets.choice(alphabet) for _ in range(4)) for _ in range(_PASSWORD_GROUPS))


def add_account(
    session: Session, now: datetime, *, username: str, name: str, role: Role, password: str, by: str,
    ends: datetime | None = None,
) -> UserRow:  # fmt: skip
    """Add an account. Raises NotPossible where the name is taken or the password too short."""
    username = username.strip().lower()
    if not username or not username.replace("-", "").replace(".", "").replace("_", "").isalnum():
        raise NotPossible(f"{username!r} is no user name: letters, digits, dots, hyphens and underscores")
    if len(password) < MIN_PASSWORD_LENGTH:
        raise NotPossible(f"a password needs {MIN_PASSWORD_LENGTH} characters at least")
    if session.get(UserRow, username):
        raise NotPossible(f"there is an account {username!r} already")
    user = UserRow(username=username, name=name or username, role=role, password=_hasher.hash(password), ends=ends)
    session.add(user)
    audit.record_audit(session, now, by, "account added", f"{username} ({role})")
    return user


def set_password(session: Session, now: datetime, *, username: str, password: str, by: str) -> None:
    """Give an account another password. Raises NotFound or NotPossible."""
    if len(password) < MIN_PASSWORD_LENGTH:
        raise NotPossible(f"a password needs {MIN_PASSWORD_LENGTH} characters at least")
    user = _get_user(session, username)
    user.password, user.failures, user.locked_until = _hasher.hash(password), 0, None
    audit.record_audit(session, now, by, "password changed", username)


def end_account(session: Session, now: datetime, *, username: str, by: str) -> None:
    """End an account now. Raises NotFound."""
    _get_user(session, username).ends = now
    audit.record_audit(session, now, by, "account ended", username)


def list_accounts(session: Session) -> list[UserRow]:
    """Return all accounts by user name."""
    return list(session.scalars(select(UserRow).order_by(UserRow.username)))


def find_account(session: Session, username: str, now: datetime) -> protocol.Account | None:
    """Return an account that may be signed in now, or None."""
    user = session.get(UserRow, username)
    return _to_account(user) if user and not _has_ended(user, now) else None


def authenticate(store: Store, now: datetime, username: str, password: str) -> protocol.Account | None:
    """Return the account whose password this is, or None. A wrong password is counted."""
    username = username.strip().lower()
    with store.read_session() as session:
        user = session.get(UserRow, username)
    if user is not None and user.locked_until is not None and now < user.locked_until:
        return None
    right = _verify_password(user.password if user else _dummy_verifier, password)
    if user is None or _has_ended(user, now):
        return None
    if right and user.failures == 0:
        return _to_account(user)
    with store.write_session(affects_rooms=False) as session:
        user = _get_user(session, username)
        if right:
            user.failures, user.locked_until = 0, None
            return _to_account(user)
        user.failures += 1
        if user.failures >= FREE_FAILURES:
            wait = min(2 ** (user.failures - FREE_FAILURES), MAX_LOCKOUT_SECONDS)
            user.locked_until = now + timedelta(seconds=wait)
            audit.record_audit(session, now, username, "wrong passwords", f"{user.failures} in a row")
    return None


def _verify_password(verifier: str, password: str) -> bool:
    try:
        with _hashing_slots:
            return _hasher.verify(verifier, password)
    except (VerificationError, InvalidHashError):
        return False


def _get_user(session: Session, username: str) -> UserRow:
    user = session.get(UserRow, username)
    if user is None:
        raise NotFound(f"there is no account {username!r}")
    return user


def _has_ended(user: UserRow, now: datetime) -> bool:
    return user.ends is not None and user.ends <= now


def _to_account(user: UserRow) -> protocol.Account:
    return protocol.Account(username=user.username, name=user.name, role=user.role, ends=user.ends)  # type: ignore[arg-type]  # the table holds roles only: `add` takes no others
