"""Keys for scripts of a school, or of a trust: each made by somebody, for a part of what they may do, until a day.

A key holds 256 random bits; the table keeps their SHA-256, so that whoever reads the table can use none. It does
what its maker may do now: a right that they lose is lost to the key, and with their account it ends. In the audit
and wherever a name stands beside a decision, it is "script NAME (made by MAKER)".
"""

import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from appliance.central import accounts, audit
from appliance.central.errors import NotFound, NotPossible
from appliance.central.models import ScriptKeyRow, UserRow
from appliance.central.trust_database import scope_of
from appliance.control_characters import find_control_character
from appliance.rights import Right, Scope, has_right, script_rights_at
from appliance.sessions import hash_session_id, session_handle

PREFIX = "hallpass_"  # by which tools that look for secrets in files know one
MAX_NAME_LENGTH = 24
MAX_DAYS = 366
USED_STEP = timedelta(minutes=5)  # so exactly is kept when a key was used last
UNDO_TIME = timedelta(minutes=10)
_MAX_ACTOR_LENGTH = 64  # what the columns hold


class NewKey(msgspec.Struct, frozen=True):
    """A key, as it is known once, to whoever made it."""

    id: int
    token: str
    handle: str  # names it; opens nothing


class ScriptCaller(msgspec.Struct, frozen=True, kw_only=True):
    """A script that calls, by a key that works."""

    key_id: int
    name: str
    owner: str  # who made the key
    rights: frozenset[Right]
    used_at: datetime | None

    @property
    def actor(self) -> str:
        """Return who it is that acts."""
        return describe_actor(self.name, self.owner)


def describe_actor(name: str, owner: str) -> str:
    """Return what stands in the audit, as long as its column allows."""
    words = f"script {name} (made by {owner})"
    return words if len(words) <= _MAX_ACTOR_LENGTH else f"{words[: _MAX_ACTOR_LENGTH - 2]}…)"


def may_make_keys(user: UserRow, scope: Scope) -> bool:
    """Tell whether somebody may make keys: whoever may not any more has none that work."""
    return has_right(user.roles, Right.MAKE_SCRIPT_KEYS, scope)  # type: ignore[arg-type]  # the table holds roles


def grantable_rights(user: UserRow, scope: Scope) -> tuple[Right, ...]:
    """Return what somebody can let a script do: what they may do themselves, of what scripts can do at all."""
    return tuple(right for right in script_rights_at(scope) if has_right(user.roles, right, scope))  # type: ignore[arg-type]  # the table holds roles


def add_key(
    session: Session, now: datetime, *, name: str, owner: str, rights: Iterable[Right], ends: datetime, by: str
) -> NewKey:
    """Make a key of an owner's. Raises NotFound or NotPossible."""
    user = accounts.find_user(session, owner)
    if user is None:
        raise NotFound(f"there is no account {owner!r}")
    wanted, scope = set(rights), scope_of(session)
    _check_owner(user, wanted, now, scope)
    name = _checked_name(session, now, name)
    if not now < ends <= now + timedelta(days=MAX_DAYS):
        raise NotPossible("a key ends today or later, and within a year")
    token = PREFIX + secrets.token_urlsafe(32)
    row = ScriptKeyRow(
        name=name, token_hash=hash_session_id(token), owner=user.username,
        rights=[right.name for right in script_rights_at(scope) if right in wanted], made_at=now, made_by=by,
        ends=ends,
    )  # fmt: skip
    session.add(row)
    session.flush()
    detail = f"{name}, of {user.username}, until {ends:%Y-%m-%d}: {', '.join(row.rights)}"
    audit.record_audit(session, now, by, "key for a script made", detail)
    return NewKey(row.id, token, session_handle(row.token_hash))


def _check_owner(user: UserRow, wanted: set[Right], now: datetime, scope: Scope) -> None:
    if accounts.has_ended(user, now):
        raise NotPossible(f"the account {user.username} has ended")
    if not may_make_keys(user, scope):
        raise NotPossible(f"{user.username} may make no keys for scripts")
    if not wanted:
        raise NotPossible("say what the script may do")
    if wanted - set(grantable_rights(user, scope)):
        raise NotPossible(f"a script may do no more than {user.username}, who makes its key")


def _checked_name(session: Session, now: datetime, name: str) -> str:
    name = " ".join(name.split())
    if not name or len(name) > MAX_NAME_LENGTH or find_control_character(name) or not name.isprintable():
        raise NotPossible(f"a script's name is one to {MAX_NAME_LENGTH} characters")
    if set(name) & set("()"):
        raise NotPossible("a script's name has no brackets: who made its key stands in them")
    alive = (row for row in session.scalars(select(ScriptKeyRow)) if is_alive(row, now))
    if any(row.name.casefold() == name.casefold() for row in alive):
        raise NotPossible(f"there is a key for {name!r} already: take it back first, or choose another name")
    return name


def list_keys(session: Session, *, of: str = "") -> list[ScriptKeyRow]:
    """Return all keys, or one owner's, the newest first."""
    found = session.scalars(select(ScriptKeyRow).order_by(ScriptKeyRow.id.desc()))
    return [row for row in found if not of or row.owner == of]


def is_alive(row: ScriptKeyRow, now: datetime) -> bool:
    """Tell whether a key has neither ended nor been taken back."""
    return row.revoked_at is None and row.ends > now


def describe_state(session: Session, row: ScriptKeyRow, now: datetime) -> str:
    """Return whether a key works, in a few words for people."""
    if row.revoked_at is not None:
        return f"taken back by {row.revoked_by}"
    if row.ends <= now:
        return "ended"
    return "works" if _find_rights(session, row, now) else f"does nothing: {row.owner} may do none of it any more"


def revoke_key(session: Session, now: datetime, *, key_id: int, by: str, of: str = "") -> ScriptKeyRow:
    """Take a key back, at once; `of`: only one of this owner's. Raises NotFound or NotPossible."""
    row = _get_key(session, key_id, of)
    if row.revoked_at is not None:
        raise NotPossible(f"this key was taken back already by {row.revoked_by}")
    row.revoked_at, row.revoked_by = now, by
    audit.record_audit(session, now, by, "key for a script taken back", row.name)
    return row


def restore_key(session: Session, now: datetime, *, key_id: int, by: str, of: str = "") -> ScriptKeyRow:
    """Let a key work again that was taken back by mistake just now. Raises as `revoke_key`."""
    row = _get_key(session, key_id, of)
    if row.revoked_at is None:
        raise NotPossible("this key was not taken back")
    if now - row.revoked_at > UNDO_TIME:
        raise NotPossible("this key was taken back too long ago: make a new one")
    row.revoked_at, row.revoked_by = None, ""
    audit.record_audit(session, now, by, "key for a script works again", row.name)
    return row


def find_caller(session: Session, now: datetime, token: str) -> ScriptCaller | None:
    """Return whose key this is and what it may do now, or None where it does not work."""
    row = session.scalar(select(ScriptKeyRow).where(ScriptKeyRow.token_hash == hash_session_id(token)))
    if row is None or not is_alive(row, now):
        return None
    rights = _find_rights(session, row, now)
    if not rights:
        return None
    return ScriptCaller(key_id=row.id, name=row.name, owner=row.owner, rights=rights, used_at=row.last_used)


def is_use_news(caller: ScriptCaller, now: datetime) -> bool:
    """Tell whether it should be written down that a key is used now."""
    return caller.used_at is None or abs(now - caller.used_at) >= USED_STEP


def note_used(session: Session, now: datetime, key_id: int) -> None:
    """Write down that a key is used."""
    row = session.get(ScriptKeyRow, key_id)
    if row is not None:
        row.last_used = now


def _find_rights(session: Session, row: ScriptKeyRow, now: datetime) -> frozenset[Right]:
    user, scope = session.get(UserRow, row.owner), scope_of(session)
    if user is None or accounts.has_ended(user, now) or not may_make_keys(user, scope):
        return frozenset()
    return frozenset(right for right in grantable_rights(user, scope) if right.name in row.rights)


def _get_key(session: Session, key_id: int, of: str) -> ScriptKeyRow:
    row = session.get(ScriptKeyRow, key_id)
    if row is None or (of and row.owner != of):
        raise NotFound("there is no such key")
    return row
