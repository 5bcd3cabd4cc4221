"""The rooms: enrolled with a token that is shown once, known by it, and heard of by their health."""

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from appliance.central import audit
from appliance.central.errors import NotFound, NotPossible
from appliance.central.models import RoomRow
from appliance.central.store import count_health_reports
from appliance.protocol import RoomHealth

PLACEHOLDER_TOKEN = "0" * 43  # as long as a token, and nobody's


def enrol_room(session: Session, now: datetime, *, name: str, by: str) -> str:
    """Enrol a room, or give an enrolled one a new token (the old one ends). Returns the token, kept nowhere."""
    name = name.strip()
    if not 0 < len(name) <= 100:
        raise NotPossible("a room needs a name of at most 100 characters")
    token = secrets.token_urlsafe(32)
    room = session.scalar(select(RoomRow).where(RoomRow.name == name))
    if room is None:
        room = RoomRow(name=name, token_hash="", log_key=secrets.token_hex(32), enrolled_at=now)
        session.add(room)
    room.token_hash = _hash_token(token)
    room.enrolled_at = now
    audit.record_audit(session, now, by, "room enrolled", name)
    return token


def find_room_by_token(session: Session, token: str) -> RoomRow | None:
    """Return the room whose token this is, or None."""
    return session.scalar(select(RoomRow).where(RoomRow.token_hash == _hash_token(token)))


def list_rooms(session: Session) -> list[RoomRow]:
    """Return all rooms by name."""
    return list(session.scalars(select(RoomRow).order_by(RoomRow.name)))


def get_room(session: Session, room_id: int) -> RoomRow:
    """Return a room. Raises NotFound."""
    room = session.get(RoomRow, room_id)
    if room is None:
        raise NotFound("there is no such room")
    return room


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


def _hash_token(token: str) -> str:
    # The token has 256 bits of its own, so a plain hash is enough: there is nothing to guess.
    return hashlib.sha256(token.encode()).hexdigest()
