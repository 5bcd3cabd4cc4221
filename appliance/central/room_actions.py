"""What was decided in a room by itself (a lesson, a pause, a delegated opening), told to central for the audit."""

from datetime import datetime

from sqlalchemy.orm import Session

from appliance import protocol
from appliance.central import audit, rooms
from appliance.central.models import RoomActionRow, RoomRow


def receive_room_action(session: Session, now: datetime, room: RoomRow, action: protocol.RoomAction) -> bool:
    """Write into the audit what was decided in a room; return whether it is new. Raises NotPossible."""
    if rooms.is_sent_again(room, session.get(RoomActionRow, action.id)):
        return False
    session.add(RoomActionRow(id=action.id, room_id=room.id, happened_at=action.happened_at))
    happened = action.happened_at.astimezone().strftime("%H:%M")
    claim = audit.RoomClaim(room.name, action.who)
    audit.record_audit(session, now, claim, action.what, f"{action.detail} ({room.name}, at {happened})")
    return True
