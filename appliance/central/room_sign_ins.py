"""Signing in here for the page of a room that has no HTTPS: no password crosses the room's network (ADR 0020).

1. The room says over its own channel that somebody begins, which page of its own they are to come back to, and the
   hash of a secret that it has put into their browser (`begin`). It is told where the browser is to go.
2. They sign in here, and get a ticket, with which their browser goes back (`issue_ticket`).
3. The room brings the ticket and the secret over its own channel, and is told who it is (`redeem_ticket`).

A ticket is good for one room, one browser and one try: whoever brings it, rightly or not, uses it up. Of secrets
and tickets only hashes are kept. Nothing that a browser says decides where it is led.
"""

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from appliance.central import accounts, audit, room_life
from appliance.central.errors import NotPossible
from appliance.central.models import RoomRow, RoomSignInRow
from appliance.protocol import Account, RoomSignInPage, RoomSignInStart, SignInTicket
from appliance.rights import may_teach
from appliance.settings.central import CentralSettings

START_LASTS = timedelta(minutes=10)
TICKET_LASTS = timedelta(minutes=2)
MOST_OF_ROOM = 200  # begun and not over; of more the oldest make way
PATH = "/room-sign-in/"
NOT_OFFERED = "central's pages are not made for signing in to rooms: see [central] room_sign_in in its settings"


class IssuedTicket(msgspec.Struct, frozen=True):
    """Where a browser is to go, with what."""

    return_url: str
    ticket: str


def sign_in_url(settings: CentralSettings) -> str:
    """Return the address of the pages, where teachers of rooms without HTTPS sign in; "": in their rooms.

    Whether the certificate is right at the moment plays no part: while it is not, nobody signs in.
    """
    return settings.central.url.rstrip("/") if settings.central.offers_room_sign_in else ""


def begin(session: Session, now: datetime, room: RoomRow, start: RoomSignInStart, url: str) -> RoomSignInPage:
    """Take note that somebody begins. `url`: of the pages. Raises NotPossible where they are not made for it."""
    if not url:
        raise NotPossible(NOT_OFFERED)
    prune_room_sign_ins(session, now)
    of_room = select(RoomSignInRow).where(RoomSignInRow.room_id == room.id, RoomSignInRow.ticket_hash.is_(None))
    count = session.scalar(select(func.count()).select_from(of_room.subquery())) or 0
    for row in session.scalars(of_room.order_by(RoomSignInRow.expires).limit(max(0, count - MOST_OF_ROOM + 1))):
        session.delete(row)
    row = RoomSignInRow(
        id=secrets.token_hex(16),
        room_id=room.id,
        state_hash=start.state_hash,
        return_url=start.return_url,
        expires=now + START_LASTS,
    )
    session.add(row)
    return RoomSignInPage(id=row.id, url=f"{url}{PATH}{row.id}")


def find_begun(session: Session, now: datetime, sign_in_id: str) -> tuple[RoomSignInRow, RoomRow] | None:
    """Return what was begun and waits for somebody to sign in, and for which room."""
    row = session.get(RoomSignInRow, sign_in_id)
    if row is None or row.ticket_hash is not None or row.expires <= now:
        return None
    room = session.get_one(RoomRow, row.room_id)
    return None if room_life.ended_words(room, now) else (row, room)


def issue_ticket(session: Session, now: datetime, sign_in_id: str, account: Account) -> IssuedTicket:
    """Return a ticket for somebody who is signed in here. Raises NotPossible."""
    found = find_begun(session, now, sign_in_id)
    if found is None:
        raise NotPossible("This took too long, or was done before. Please begin again on the room's page")
    row, room = found
    user = accounts.find_user(session, account.username)
    if user is None or accounts.has_ended(user, now) or not _may_teach_in(session, account, room.id):
        raise NotPossible(f"This account is not one that teaches in {room.name}")
    ticket = secrets.token_hex(32)
    row.ticket_hash, row.username = _hash(ticket), account.username
    row.valid_after, row.expires = user.valid_after, now + TICKET_LASTS
    return IssuedTicket(row.return_url, ticket)


def redeem_ticket(session: Session, now: datetime, room: RoomRow, brought: SignInTicket) -> Account | None:
    """Return who signed in for this room with this browser, and use the ticket up."""
    row = session.scalars(
        select(RoomSignInRow).where(RoomSignInRow.ticket_hash == _hash(brought.ticket))
    ).one_or_none()
    if row is None:
        return None
    session.delete(row)
    is_right = (
        row.id == brought.id
        and row.room_id == room.id
        and row.expires > now
        and hmac.compare_digest(row.state_hash, _hash(brought.state))
    )
    user = accounts.find_user(session, row.username or "")
    if not is_right or user is None or accounts.has_ended(user, now) or user.valid_after != row.valid_after:
        whose = row.username or ""
        audit.record_audit(session, now, whose, "ticket refused", f"brought by {room.name}; it is used up")
        return None
    audit.record_audit(session, now, user.username, "signed in", f"in {room.name}, through central's pages")
    return accounts.to_account_in_room(session, accounts.to_account(user), room.id)


def prune_room_sign_ins(session: Session, now: datetime) -> None:
    """Delete what is over."""
    session.execute(delete(RoomSignInRow).where(RoomSignInRow.expires <= now))


def _may_teach_in(session: Session, account: Account, room_id: int) -> bool:
    return may_teach(accounts.to_account_in_room(session, account, room_id).roles)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
