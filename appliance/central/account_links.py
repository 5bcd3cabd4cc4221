"""Links by which the owner of an account sets its password, once: an invitation, or a reset.

A link holds 256 random bits; the table keeps their SHA-256, so that whoever reads the table can use none. Looking
at it does nothing (mail programs look at links); the password that is sent uses it up. A link ends after
`LINK_TIME`, as soon as there is a newer one, and with the account. All that are dead are alike to whoever comes.
"""

import secrets
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from appliance.central import accounts, audit
from appliance.central.errors import NotFound, NotPossible
from appliance.central.models import AccountLinkRow, UserRow
from appliance.protocol import Account
from appliance.sessions import hash_session_id, session_handle

LINK_TIME = timedelta(hours=72)  # over a weekend
DEAD_LINK = "this link does not work any more: it was used, is too old, or a newer one was made"


class NewLink(msgspec.Struct, frozen=True):
    """A link, as it is known once, to whoever made it."""

    token: str
    handle: str  # names it; opens nothing
    ends: datetime


def make_link(session: Session, now: datetime, *, username: str, by: str) -> NewLink:
    """Make a link for an account that has not ended; those of before are over. Raises NotFound or NotPossible."""
    user = accounts.find_user(session, username)
    if user is None:
        raise NotFound(f"there is no account {username!r}")
    if accounts.has_ended(user, now):
        raise NotPossible(f"the account {user.username} has ended")
    end_links(session, user.username)
    session.execute(delete(AccountLinkRow).where(AccountLinkRow.ends <= now))
    token, ends = secrets.token_urlsafe(32), now + LINK_TIME
    row = AccountLinkRow(token_hash=hash_session_id(token), username=user.username, by=by, made_at=now, ends=ends)
    session.add(row)
    audit.record_audit(session, now, by, "link for a new password made", user.username)
    return NewLink(token=token, handle=session_handle(row.token_hash), ends=ends)


def find_account(session: Session, now: datetime, token: str) -> Account | None:
    """Return whose password a link sets, or None for one that is dead."""
    user = _find_user(session, now, token)
    return accounts.to_account(user) if user is not None else None


def use_link(session: Session, now: datetime, *, token: str, password: str) -> str:
    """Set the password, end the link, and return the user name. Raises NotFound or NotPossible."""
    user = _find_user(session, now, token)
    if user is None:
        raise NotFound(DEAD_LINK)
    accounts.set_password(session, now, username=user.username, password=password, by=user.username, how="by link")
    end_links(session, user.username)
    return user.username


def is_alive(session: Session, now: datetime, handle: str) -> bool:
    """Tell whether a link that was made can still be used."""
    hashes = select(AccountLinkRow).where(AccountLinkRow.token_hash.startswith(handle, autoescape=True))
    row = session.scalars(hashes).first()
    return row is not None and row.ends > now


def end_links(session: Session, username: str) -> None:
    """Let no link of an account work any more."""
    session.execute(delete(AccountLinkRow).where(AccountLinkRow.username == username))


def _find_user(session: Session, now: datetime, token: str) -> UserRow | None:
    row = session.get(AccountLinkRow, hash_session_id(token))
    if row is None or row.ends <= now:
        return None
    user = session.get(UserRow, row.username)
    return user if user is not None and not accounts.has_ended(user, now) else None
