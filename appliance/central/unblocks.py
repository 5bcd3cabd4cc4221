"""What is open for a while: each opening ends by itself, or is ended early."""

from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session, joinedload

from appliance.central import audit, rooms
from appliance.central.errors import NotFound
from appliance.central.models import RoomRow, UnblockRow

MAX_UNBLOCK_MINUTES = 7 * 24 * 60


def end_unblock(session: Session, now: datetime, *, unblock_id: int, by: str | audit.RoomClaim) -> None:
    """Close early what was opened. Raises NotFound; one that is over already is left as it is."""
    unblock = session.get(UnblockRow, unblock_id)
    if unblock is None:
        raise NotFound("there is no such opening")
    if unblock.ended_at is not None or unblock.until <= now:
        return
    unblock.ended_at = now
    _end_request(session, unblock)
    audit.record_audit(session, now, by, "ended", unblock.site)


def expire_unblocks(session: Session, now: datetime) -> None:
    """End what is open until now or before, and the requests that it answered."""
    over = select(UnblockRow).where(UnblockRow.ended_at.is_(None), UnblockRow.until <= now)
    for unblock in session.scalars(over):
        unblock.ended_at = unblock.until
        _end_request(session, unblock)


def next_expiry(session: Session) -> datetime | None:
    """Return when the next opening ends by itself, which may have been already; None: nothing is open."""
    return session.scalar(select(func.min(UnblockRow.until)).where(UnblockRow.ended_at.is_(None)))


def list_active_unblocks(session: Session, now: datetime, room: RoomRow | None = None) -> list[UnblockRow]:
    """Return what is open now, in all rooms or in one (the whole school's included), the first to end first."""
    where: ColumnElement[bool] = and_(UnblockRow.until > now, UnblockRow.ended_at.is_(None))
    if room is not None:
        where = and_(where, or_(UnblockRow.room_id.is_(None), UnblockRow.room_id == room.id))
    return list(
        session.scalars(
            select(UnblockRow).where(where).order_by(UnblockRow.until).options(joinedload(UnblockRow.room))
        )
    )


def _end_request(session: Session, unblock: UnblockRow) -> None:
    if unblock.request is not None and unblock.request.state == "approved":
        unblock.request.state = "ended"
        rooms.mark_requests_changed(session, unblock.request.room_id)
