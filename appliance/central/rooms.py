"""The rooms: known by their tokens, and heard of by their health. What becomes of them: `room_life`."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from appliance.central.errors import NotFound, NotPossible
from appliance.central.incidents.tables import IncidentRow
from appliance.central.models import RequestRow, RoomActionRow, RoomRow, SiteReportRow
from appliance.central.room_life import ENROLLED, hash_token
from appliance.central.store import count_health_reports
from appliance.protocol import RoomHealth

AT_ONCE = 200  # rooms


def find_room_by_token(session: Session, token: str) -> RoomRow | None:
    """Return the room whose token this is or was, retired and revoked ones too; or None."""
    return session.scalar(select(RoomRow).where(RoomRow.token_hash == hash_token(token)))


def list_rooms(session: Session) -> list[RoomRow]:
    """Return all rooms that are in use, by name."""
    return list(session.scalars(select(RoomRow).where(RoomRow.state == ENROLLED).order_by(RoomRow.name)))


def name_rooms(session: Session) -> dict[int, str]:
    """Return the names of all rooms that are in use, in their order, by id: of thousands, the names alone."""
    found = select(RoomRow.id, RoomRow.name).where(RoomRow.state == ENROLLED).order_by(RoomRow.name)
    return dict(session.execute(found).all())


def walk_rooms(session: Session) -> Iterator[RoomRow]:
    """Yield all rooms that are in use, by name; of thousands only some are in memory at once."""
    found = select(RoomRow).where(RoomRow.state == ENROLLED).order_by(RoomRow.name)
    yield from session.scalars(found.execution_options(yield_per=AT_ONCE))


def list_ended_rooms(session: Session) -> list[RoomRow]:
    """Return the retired and the revoked rooms, by name."""
    return list(session.scalars(select(RoomRow).where(RoomRow.state != ENROLLED).order_by(RoomRow.name)))


def get_room(session: Session, room_id: int) -> RoomRow:
    """Return a room. Raises NotFound."""
    room = session.get(RoomRow, room_id)
    if room is None:
        raise NotFound("there is no such room")
    return room


def is_sent_again(room: RoomRow, row: RequestRow | SiteReportRow | IncidentRow | RoomActionRow | None) -> bool:
    """Tell whether what a room sends is there already (`row`, found by its id).

    Raises NotPossible where another room has used the id: answered as if it had arrived, it would be lost.
    """
    if row is not None and row.room_id != room.id:
        raise NotPossible("another room has used this id: nothing was kept")
    return row is not None


def record_health(session: Session, now: datetime, room: RoomRow, health: RoomHealth) -> None:
    """Keep what a room said of itself. That is news for pages, but for no room."""
    count_health_reports(session)
    session.add(room)
    room.last_seen = now
    room.health = {
        "version": health.version,
        "policy": health.policy,
        "index": health.index,
        "index_age_seconds": health.index_age_seconds,
        "conditions": list(health.conditions),
        "policy_digest": health.policy_digest,
        "clock_difference_seconds": health.clock_difference_seconds,
    }


def mark_seen(session: Session, now: datetime, room_ids: Iterable[int], *, is_news: bool) -> None:
    """Note that rooms hold their feeds open. `is_news`: pages showed some of them as away."""
    session.execute(update(RoomRow).where(RoomRow.id.in_(list(room_ids))).values(last_seen=now))
    if is_news:
        count_health_reports(session)


def is_in_step(room: RoomRow, index: str) -> bool:
    """Tell whether a room has what it should have: the content of its policy, not a number, and this index."""
    if room.health is None or not index or room.health["index"] != index:
        return False
    if digest := room.health.get("policy_digest"):
        return bool(digest == room.policy_digest)
    return bool(room.health["policy"] == room.policy_version)  # a room from before digests


def mark_requests_changed(session: Session, room_id: int) -> None:
    """Count on the number by which a room hears that something has become of its requests."""
    session.get_one(RoomRow, room_id).requests_changed += 1
