"""The card that a room had before the one that it has now: how it ended, when, and by whom, out of the audit.

Whoever has replaced a lost card looks here whether the old one is worth nothing. Nothing is stored for it: the
audit has said it already, under the name that the room had then.
"""

import contextlib
from collections.abc import Iterable
from datetime import datetime

import msgspec
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from appliance.central import audit
from appliance.central.models import AuditRow, RoomRow

_ENDS = {"room revoked": "revoked", "card replaced": "replaced", "room retired": "retired"}
_ENROLLED, _RENAMED, _NOW = "room enrolled", "room renamed", ": now "


class EndedCard(msgspec.Struct, frozen=True):
    """A card that central refuses since then."""

    how: str  # "revoked"; "replaced" by its successor; "retired"
    at: datetime
    by: str  # an account, or the command line


def find_ended_cards(session: Session, rooms: Iterable[RoomRow]) -> dict[int, EndedCard]:
    """Return the card before the one that each room has now, by the room's id; a first card has none before it.

    Goes back through the audit, and through the names of each room, until the card before is found.
    """
    sought = {room.name: room for room in rooms}
    found: dict[int, EndedCard] = {}
    wanted = (
        select(AuditRow)
        .where(or_(*map(audit.is_own_entry, (*_ENDS, _ENROLLED, _RENAMED))))
        .order_by(AuditRow.id.desc())
        .execution_options(yield_per=500)  # read to its end seldom: closed, a server's cursor ends with it
    )
    with contextlib.closing(session.scalars(wanted)) as entries:
        for entry in entries:
            if not sought:
                break
            before, _, name = entry.detail.rpartition(_NOW) if entry.what == _RENAMED else ("", "", entry.detail)
            room = sought.get(name)
            if room is None:
                continue
            if entry.what == _RENAMED:
                sought[before] = sought.pop(name)
            elif entry.what == _ENROLLED:
                del sought[name]  # its first card: one after another says what the room was
            elif entry.at <= room.enrolled_at:  # else it is the end of the card that it has now
                found[room.id] = EndedCard(_ENDS[entry.what], entry.at, entry.who)
                del sought[name]
    return found
