"""Accounts from their first day to their last: roles, ends, supply teachers, and who may manage whose.

A supply teacher's account always has an end. Whoever may manage supply teachers alone manages accounts that have
that role and no other. An end can be taken back for an hour with all that was; after that an ended name returns
with a password that nobody knows, and its owner sets one by a link (`account_links`).

With other roles or rooms an account's sign-ins of before are over, and so are its links: one that was made for a
supply teacher must not open the account of a coordinator.
"""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from appliance.central import account_links, accounts, audit
from appliance.central.errors import NotFound, NotPossible
from appliance.central.models import RoomRow, UserRow
from appliance.central.trust_database import scope_of
from appliance.rights import ROLE_WORDS, Right, Role, Scope, has_right

SUPPLY: Role = "supply"
MAX_SUPPLY_DAYS = 366
UNDO_TIME = timedelta(hours=1)
# Whom a school names before its set-up is finished (the standards that schools cite).
NAMED_ROLES: tuple[Role, ...] = ("safeguarding", "leadership", "governor", "technician")


def may_manage(manager_roles: Iterable[Role], roles: Collection[str], scope: Scope = Scope.SCHOOL) -> bool:
    """Tell whether whoever has some roles may make, change and end an account with others, in the same place."""
    manager = tuple(manager_roles)
    if has_right(manager, Right.EDIT_ACCOUNTS, scope):
        return True
    return list(roles) == [SUPPLY] and has_right(manager, Right.MANAGE_SUPPLY_ACCOUNTS, scope)


def check_end(now: datetime, roles: Iterable[str], ends: datetime | None) -> None:
    """Raise NotPossible where an account cannot end then, in words."""
    if ends is not None and ends <= now:
        raise NotPossible("that day is over: an account ends today or later, or is ended with the button")
    if SUPPLY in roles:
        if ends is None:
            raise NotPossible("a supply teacher's account needs the day on which it ends")
        if ends > now + timedelta(days=MAX_SUPPLY_DAYS):
            raise NotPossible("a supply teacher's account ends within a year")


def change_account(
    session: Session, now: datetime, *, username: str, name: str, roles: Iterable[Role], ends: datetime | None,
    room_ids: Collection[int], by: str,
) -> UserRow:  # fmt: skip
    """Give an account that has not ended a name, roles, an end and rooms. Raises NotFound or NotPossible."""
    user = get_account(session, username)
    if accounts.has_ended(user, now):
        raise NotPossible(f"the account {user.username} has ended: let it return first")
    chosen, rooms = accounts.checked_roles(session, roles), checked_rooms(session, room_ids)
    if ends != user.ends or chosen != user.roles:
        check_end(now, chosen, ends)
    said = []
    if (chosen, rooms) != (user.roles, user.room_ids):
        user.roles, user.room_ids = chosen, rooms
        accounts.end_what_was_before(user, now)
        account_links.end_links(session, user.username)
        said.append(f"roles {', '.join(chosen)}" + (f", in {len(rooms)} rooms" if rooms else ""))
    if ends != user.ends:
        user.ends = ends
        said.append(f"ends {ends:%Y-%m-%d}" if ends else "without an end")
    if name and name != user.name:
        user.name = name
        said.append("another name")
    if said:
        audit.record_audit(session, now, by, "account changed", f"{user.username}: {'; '.join(said)}")
    return user


def end_account(session: Session, now: datetime, *, username: str, by: str) -> datetime | None:
    """End an account and its links now; return when it would have ended. Raises NotFound."""
    before = get_account(session, username).ends
    accounts.end_account(session, now, username=username, by=by)
    account_links.end_links(session, username)
    return before


def undo_end(session: Session, now: datetime, *, username: str, ends: datetime | None, by: str) -> None:
    """Let an account that was ended just now go on with its password. Raises NotFound or NotPossible."""
    user = get_account(session, username)
    if not accounts.has_ended(user, now):
        raise NotPossible(f"the account {username} has not ended")
    if user.ends is not None and user.ends < now - UNDO_TIME:
        raise NotPossible(f"the account {username} ended too long ago: let it return, with a link for its owner")
    check_end(now, user.roles, ends)
    user.ends = ends
    audit.record_audit(session, now, by, "account goes on", username)


def return_account(session: Session, now: datetime, *, username: str, ends: datetime | None, by: str) -> None:
    """Let an ended name be used again, with a password that nobody knows yet. Raises NotFound or NotPossible."""
    user = get_account(session, username)
    if not accounts.has_ended(user, now):
        raise NotPossible(f"the account {username} has not ended")
    check_end(now, user.roles, ends)
    user.ends = ends
    accounts.forget_password(user, now)
    audit.record_audit(session, now, by, "account returned", f"{username} ({', '.join(user.roles)})")


def require_editor_left(session: Session, now: datetime) -> None:
    """Raise NotPossible, so that nothing is kept, where nobody is left who may edit everybody's account."""
    if not list_holders(session, now, Right.EDIT_ACCOUNTS):
        raise NotPossible("somebody has to remain who may change accounts")


def list_holders(session: Session, now: datetime, right: Right) -> list[str]:
    """Return the user names of all whose accounts have not ended and who have a right there, in all of it."""
    scope = scope_of(session)
    return [
        user.username
        for user in session.scalars(select(UserRow))
        if not accounts.has_ended(user, now) and has_right(accounts.roles_of(user), right, scope)
    ]


def list_missing_roles(session: Session, now: datetime) -> list[str]:
    """Return, in words, the roles that a school has to name and that nobody has."""
    held = {
        role
        for user in session.scalars(select(UserRow))
        if not accounts.has_ended(user, now)
        for role in user.roles
    }
    return [ROLE_WORDS[role] for role in NAMED_ROLES if role not in held]


def get_account(session: Session, username: str) -> UserRow:
    """Return an account. Raises NotFound."""
    user = accounts.find_user(session, username)
    if user is None:
        raise NotFound(f"there is no account {username!r}")
    return user


def checked_rooms(session: Session, room_ids: Collection[int]) -> list[int]:
    """Return the ids of rooms that there are. Raises NotFound."""
    if not room_ids:
        return []
    found = set(session.scalars(select(RoomRow.id).where(RoomRow.id.in_(room_ids))))
    if set(room_ids) - found:
        raise NotFound("there is no such room")
    return sorted(found)
