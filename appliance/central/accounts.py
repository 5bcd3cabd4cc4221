"""Who may sign in, and whether a password is right.

Passwords are kept as argon2id verifiers (RFC 9106) and nowhere else. An unknown name costs as much time as a known
one, so that nobody learns which names exist. How often somebody may try stands in `appliance.central.sign_in`.

An account's `valid_after` grows with each new password, with its end, and when its owner signs out everywhere:
whatever was allowed before then, at central or in a room, is over.
"""

import secrets
import threading
import unicodedata
from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from appliance import protocol
from appliance.central import audit
from appliance.central.errors import NotFound, NotPossible
from appliance.central.models import AccountLinkRow, UserRow
from appliance.central.store import Store
from appliance.central.trust_database import scope_of
from appliance.control_characters import find_control_character
from appliance.rights import Role, role_in_rooms, roles_at

MIN_PASSWORD_LENGTH = 10
MAX_USERNAME_LENGTH = 64
NOBODYS = frozenset({"hallpass", "trust"})  # who did it, in the audit, where it happens by itself or by the trust
_SMALLEST_STEP = timedelta(microseconds=1)  # of what both databases keep

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
    session: Session, now: datetime, *, username: str, name: str, roles: Iterable[Role], password: str | None,
    by: str, ends: datetime | None = None, room_ids: Iterable[int] = (),
) -> UserRow:  # fmt: skip
    """Add an account. Raises NotPossible where the name is taken, the password too short, or no role given.

    Without a password its owner sets one by a link (`account_links`).
    """
    username = checked_username(session, username)
    if password is not None and len(password) < MIN_PASSWORD_LENGTH:
        raise NotPossible(f"a password needs {MIN_PASSWORD_LENGTH} characters at least")
    if ends is not None and ends <= now:
        raise NotPossible("that day is over: an account ends today or later")
    user = UserRow(
        username=username,
        name=name or username,
        roles=checked_roles(session, roles),
        room_ids=sorted(room_ids),
        password=_hasher.hash(password) if password is not None else unknown_password_verifier(),
        ends=ends,
    )
    session.add(user)
    audit.record_audit(session, now, by, "account added", f"{username} ({', '.join(user.roles)})")
    return user


def checked_username(session: Session, typed: str) -> str:
    """Return a new user name as it is kept. Raises NotPossible for one that is none, taken, or reads like another.

    Letters of other alphabets look like Latin ones (UTS 39), and accents are overlooked: whoever reads the audit,
    or who asks for something, must not take one person for another.
    """
    username = protocol.normalize_username(typed)
    letters = username.replace("-", "").replace(".", "").replace("_", "")
    if not letters or len(username) > MAX_USERNAME_LENGTH or not all(map(_may_name, letters)):
        raise NotPossible(
            f"{username[:MAX_USERNAME_LENGTH]!r} is no user name: at most {MAX_USERNAME_LENGTH} Latin letters, "
            "digits, dots, hyphens and underscores"
        )
    if session.get(UserRow, username):
        raise NotPossible(f"there is an account {username!r} already: one that has ended can return")
    key = _without_accents(username)
    if key in NOBODYS:
        raise NotPossible(f"{username!r} stands in the audit for what nobody did: choose another one")
    for other in session.scalars(select(UserRow.username)):
        if _without_accents(other) == key:
            raise NotPossible(f"{username!r} reads like the account {other!r}: choose another one")
    return username


def _may_name(letter: str) -> bool:
    """Tell whether a character may stand in a user name: one that is nobody's twin, in the form that is typed."""
    if letter.isascii():
        return letter.isalnum()
    is_usual = unicodedata.normalize("NFKC", letter) == letter
    return is_usual and letter.isalpha() and unicodedata.name(letter, "").startswith("LATIN SMALL LETTER")


def _without_accents(username: str) -> str:
    decomposed = unicodedata.normalize("NFKD", username)
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter)).replace(
        "\u0131", "i"
    )  # without its dot


def set_password(session: Session, now: datetime, *, username: str, password: str, by: str, how: str = "") -> None:
    """Give an account another password; no link to a new one works any more. Raises NotFound or NotPossible."""
    if len(password) < MIN_PASSWORD_LENGTH:
        raise NotPossible(f"a password needs {MIN_PASSWORD_LENGTH} characters at least")
    user = _get_user(session, username)
    user.password = _hasher.hash(password)
    session.execute(delete(AccountLinkRow).where(AccountLinkRow.username == user.username))
    end_what_was_before(user, now)
    audit.record_audit(session, now, by, "password changed", f"{username}, {how}" if how else username)


def end_account(session: Session, now: datetime, *, username: str, by: str) -> None:
    """End an account now. Raises NotFound."""
    user = _get_user(session, username)
    user.ends = now
    end_what_was_before(user, now)
    audit.record_audit(session, now, by, "account ended", username)


def sign_out_everywhere(session: Session, now: datetime, *, username: str, by: str) -> None:
    """End every session of an account, what rooms keep of it, and links to a new password. Raises NotFound."""
    end_what_was_before(_get_user(session, username), now)
    session.execute(delete(AccountLinkRow).where(AccountLinkRow.username == username))
    audit.record_audit(session, now, by, "signed out everywhere", username)


def forget_password(user: UserRow, now: datetime) -> None:
    """Give an account a password that nobody knows: its owner sets one by a link."""
    user.password = unknown_password_verifier()
    end_what_was_before(user, now)


def unknown_password_verifier() -> str:
    """Return the verifier of a password that nobody has seen; as slow to be wrong about as any other."""
    return _hasher.hash(secrets.token_urlsafe(32))


def list_accounts(session: Session) -> list[UserRow]:
    """Return all accounts by user name."""
    return list(session.scalars(select(UserRow).order_by(UserRow.username)))


def has_any_account(session: Session) -> bool:
    """Tell whether there is an account, ended ones too."""
    return session.scalar(select(UserRow.username).limit(1)) is not None


def authenticate(store: Store, now: datetime, username: str, password: str) -> protocol.Account | None:
    """Return the account whose password this is, or None."""
    username = protocol.normalize_username(username)
    with store.read_session() as session:
        user = find_user(session, username)
    right = _verify_password(user.password if user else _dummy_verifier, password)
    return to_account(user) if user is not None and right and not has_ended(user, now) else None


def find_user(session: Session, username: str) -> UserRow | None:
    """Return the row of a name that somebody typed; PostgreSQL keeps no NUL, and would not look for one either."""
    return None if find_control_character(username) else session.get(UserRow, username)


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


def has_ended(user: UserRow, now: datetime) -> bool:
    """Tell whether an account is over."""
    return user.ends is not None and user.ends <= now


def to_account(user: UserRow) -> protocol.Account:
    """Return an account as pages and rooms see it."""
    return protocol.Account(
        username=user.username,
        name=user.name,
        role=user.roles[0],  # type: ignore[arg-type]  # the table holds roles only: no others are taken
        more_roles=tuple(user.roles[1:]),  # type: ignore[arg-type]  # as above
        ends=user.ends,
        valid_after=user.valid_after,
        has_second_factor=user.has_second_factor,
    )


def to_account_in_room(session: Session, account: protocol.Account, room_id: int) -> protocol.Account:
    """Return an account as a room is told of it: a teacher, or somebody who may do nothing there."""
    room_ids = session.get_one(UserRow, account.username).room_ids
    role = role_in_rooms(account.roles if not room_ids or room_id in room_ids else ())
    return msgspec.structs.replace(account, role=role, more_roles=())


def roles_of(user: UserRow) -> tuple[Role, ...]:
    """Return an account's roles."""
    return tuple(user.roles)  # type: ignore[arg-type]  # the table holds roles only: no others are taken


def checked_roles(session: Session, roles: Iterable[Role]) -> list[str]:
    """Return roles in their usual order. Raises NotPossible for none, and for one that is none there."""
    given, usual = set(roles), roles_at(scope_of(session))
    if not given or not given <= set(usual):
        raise NotPossible("an account needs one role at least, of those that there are")
    return [role for role in usual if role in given]


def end_what_was_before(user: UserRow, now: datetime) -> None:
    """Let everything that the account was allowed until now be over, also where the clock was set back."""
    user.valid_after = max(now, user.valid_after + _SMALLEST_STEP) if user.valid_after else now
