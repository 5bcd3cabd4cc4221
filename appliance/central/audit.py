"""Who did what, when: one entry for everything that changes what anybody may see, and for who looked.

Of what a room brings, its token proves the room and nothing more: the person in it is a claim of the room's. Each
entry holds the hash of the one before (`appliance.central.audit_chain`). Who writes one holds the lock that all
writers of the database take (`Store.write_session`), so that entries come one after the other, whichever process
writes them; their numbers have no gap.
"""

from datetime import datetime

import msgspec
from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.orm import Session

from appliance.central.audit_chain import NO_HASH, AuditHead, hash_fields
from appliance.central.models import AuditHeadRow, AuditRow, UserRow
from appliance.protocol import normalize_username

COMMAND_LINE = "command line"
_MAX_KIND, _MAX_PERSON, _MAX_ROOM = 64, 64, 100  # what the columns hold


class RoomClaim(msgspec.Struct, frozen=True):
    """Somebody of whom a room says that it was them."""

    room: str
    who: str = ""  # "": it does not say


def record_audit(session: Session, now: datetime, who: str | RoomClaim, what: str, detail: str = "") -> None:
    """Write one entry, in the transaction of what it tells of. A claim of somebody unknown here is marked."""
    if isinstance(who, str):
        _append(session, now, who=who, room="", what=what, detail=detail)
        return
    if who.who and session.get(UserRow, normalize_username(who.who)) is None:
        detail = f"{detail}; there is no account {who.who}"
    _append(session, now, who=who.who, room=who.room, what=what, detail=detail)


def is_own_entry(kind: str) -> ColumnElement[bool]:
    """Return what holds for entries of a kind that central itself wrote.

    A room names the kinds of its entries as it likes: whoever concludes anything from a kind asks for this.
    """
    return and_(AuditRow.what == kind, AuditRow.room == "")


def read_head(session: Session) -> AuditHead:
    """Return the newest entry's number and hash."""
    head = session.get(AuditHeadRow, 1)
    return AuditHead(0, NO_HASH) if head is None else AuditHead(head.number, head.hash)


def list_audit_entries(session: Session, limit: int = 200) -> list[AuditRow]:
    """Return the newest entries, the newest first."""
    return list(session.scalars(select(AuditRow).order_by(AuditRow.id.desc()).limit(limit)))


def _append(session: Session, now: datetime, *, who: str, room: str, what: str, detail: str) -> None:
    head = session.get(AuditHeadRow, 1)
    newest = session.scalars(select(AuditRow).order_by(AuditRow.id.desc()).limit(1)).one_or_none()
    if head is None:  # somebody took it away: the chain goes on, and its check says that
        head = AuditHeadRow(id=1, number=newest.id if newest else 0, hash=newest.hash if newest else NO_HASH)
        session.add(head)
        session.flush()
    # An entry that somebody put behind the head keeps nothing from being written; the check finds it.
    number = max(head.number, newest.id if newest else 0) + 1
    previous = head.hash
    who, room, what = who[:_MAX_PERSON], room[:_MAX_ROOM], what[:_MAX_KIND]
    made = hash_fields(number, now, who, room, what, detail, previous)
    session.add(
        AuditRow(id=number, at=now, who=who, room=room, what=what, detail=detail, previous=previous, hash=made)
    )
    head.number, head.hash = number, made
