"""What was decided in a room by itself (a lesson, a pause, a delegated opening), told to central for the audit."""

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from appliance import protocol
from appliance.central import audit, rooms
from appliance.central.models import RoomActionRow, RoomRow
from appliance.central.school_identity import read_identity


def receive_room_action(session: Session, now: datetime, room: RoomRow, action: protocol.RoomAction) -> bool:
    """Write into the audit what was decided in a room; return whether it is new. Raises NotPossible."""
    return receive_room_actions(session, now, room, (action,)) == 1


def receive_room_actions(
    session: Session, now: datetime, room: RoomRow, actions: Sequence[protocol.RoomAction]
) -> int:
    """Write into the audit what was decided in a room; return how many are new. Raises NotPossible."""
    sent = {action.id: action for action in actions}
    for row in session.scalars(select(RoomActionRow).where(RoomActionRow.id.in_(sent))):
        if rooms.is_sent_again(room, row):
            del sent[row.id]
    session.add_all(
        RoomActionRow(id=one.id, room_id=room.id, happened_at=one.happened_at) for one in sent.values()
    )
    zone = read_identity(session).zone
    today = now.astimezone(zone).date()
    audit.record_entries(
        session, now, [_make_entry(room, one, one.happened_at.astimezone(zone), today) for one in sent.values()]
    )
    return len(sent)


def _make_entry(room: RoomRow, action: protocol.RoomAction, happened: datetime, today: date) -> audit.NewEntry:
    """Return what the audit says; `happened`, on the school's clock, comes with its day where that is over."""
    at = f"{happened:%H:%M}" if happened.date() == today else f"{happened:%Y-%m-%d %H:%M}"
    claim = audit.RoomClaim(room.name, action.who)
    return audit.NewEntry(claim, action.what, f"{action.detail} ({room.name}, at {at})")
