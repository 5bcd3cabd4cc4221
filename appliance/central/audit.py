"""Who did what, when: one entry for everything that changes what anybody may see, and for who looked.

Of what a room brings, its token proves the room and nothing more: the person in it is a claim of the room's. Each
entry holds the hash of the one before (`appliance.central.audit_chain`). Who writes one holds the lock that all
writers of the database take (`Store.write_session`), so that entries come one after the other, whichever process
writes them; their numbers have no gap.
"""

from collections.abc import Collection, Sequence
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


class NewEntry(msgspec.Struct, frozen=True):
    """What is to be written."""

    who: str | RoomClaim
    what: str
    detail: str = ""


def record_audit(session: Session, now: datetime, who: str | RoomClaim, what: str, detail: str = "") -> None:
    """Write one entry, in the transaction of what it tells of. A claim of somebody unknown here is marked."""
    record_entries(session, now, (NewEntry(who, what, detail),))


def record_entries(session: Session, now: datetime, entries: Sequence[NewEntry]) -> None:
    """Write entries in their order, as `record_audit` writes each, with as few statements as one takes."""
    if not entries:
        return
    claimed = {one.who.who for one in entries if isinstance(one.who, RoomClaim) and one.who.who}
    known = _find_accounts(session, claimed)
    head, number = _find_head(session)
    for one in entries:
        number += 1
        who, room, detail = (one.who, "", one.detail) if isinstance(one.who, str) else _describe(one, known)
        who, room, what = who[:_MAX_PERSON], room[:_MAX_ROOM], one.what[:_MAX_KIND]
        previous = head.hash
        made = hash_fields(number, now, who, room, what, detail, previous)
        session.add(
            AuditRow(id=number, at=now, who=who, room=room, what=what, detail=detail, previous=previous, hash=made)
        )
        head.number, head.hash = number, made


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


def _describe(entry: NewEntry, known: Collection[str]) -> tuple[str, str, str]:
    """Return person, room and detail of what a room claims."""
    claim = entry.who
    assert isinstance(claim, RoomClaim)  # noqa: S101 (asked before)
    is_known = not claim.who or normalize_username(claim.who) in known
    return claim.who, claim.room, entry.detail if is_known else f"{entry.detail}; there is no account {claim.who}"


def _find_accounts(session: Session, usernames: Collection[str]) -> frozenset[str]:
    """Return those of the names, as accounts are kept under, that are somebody's."""
    if not usernames:
        return frozenset()
    wanted = {normalize_username(one) for one in usernames}
    return frozenset(session.scalars(select(UserRow.username).where(UserRow.username.in_(wanted))))


def _find_head(session: Session) -> tuple[AuditHeadRow, int]:
    """Return the head of the chain, and the number of the newest entry."""
    head = session.get(AuditHeadRow, 1)
    newest = session.scalars(select(AuditRow).order_by(AuditRow.id.desc()).limit(1)).one_or_none()
    if head is None:  # somebody took it away: the chain goes on, and its check says that
        head = AuditHeadRow(id=1, number=newest.id if newest else 0, hash=newest.hash if newest else NO_HASH)
        session.add(head)
        session.flush()
    # An entry that somebody put behind the head keeps nothing from being written; the check finds it.
    return head, max(head.number, newest.id if newest else 0)
