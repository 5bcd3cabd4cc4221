"""Who did what, when: one line for everything that changes what anybody may see.

Of what a room brings, its token proves the room and nothing more: the person in it is a claim of the room's.
"""

from datetime import datetime

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from appliance.central.models import AuditRow, UserRow
from appliance.protocol import normalize_username


class RoomClaim(msgspec.Struct, frozen=True):
    """Somebody of whom a room says that it was them."""

    room: str
    who: str = ""  # "": it does not say


def record_audit(session: Session, now: datetime, who: str | RoomClaim, what: str, detail: str = "") -> None:
    """Write one line, in the transaction of what it tells of. A claim of somebody unknown here is marked."""
    if isinstance(who, str):
        session.add(AuditRow(at=now, who=who, what=what, detail=detail))
        return
    if who.who and session.get(UserRow, normalize_username(who.who)) is None:
        detail = f"{detail}; there is no account {who.who}"
    session.add(AuditRow(at=now, room=who.room, who=who.who, what=what, detail=detail))


def list_audit_entries(session: Session, limit: int = 200) -> list[AuditRow]:
    """Return the newest lines, the newest first."""
    return list(session.scalars(select(AuditRow).order_by(AuditRow.id.desc()).limit(limit)))
