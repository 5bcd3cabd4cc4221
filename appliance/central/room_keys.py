"""By which key a room is known, and which authorities are trusted; what signs stands in `rooms_authority`.

A room makes its key itself. Its one-time token opens the way until the room has called with its certificate for
the first time (`confirm_key`): a room whose connections somebody opens on the way goes on as it did. From then on
the token opens nothing.
"""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from appliance.central import audit
from appliance.central.models import RoomAuthorityRow, RoomRow

RENEWED_AFTER_END = timedelta(days=365)  # a summer, a year in a drawer
BY = "central"


def find_authority(session: Session) -> RoomAuthorityRow | None:
    """Return the authority that signs, or None where there is none yet."""
    return next(iter(list_authorities(session)), None)


def list_authorities(session: Session) -> list[RoomAuthorityRow]:
    """Return the authorities that are trusted, the newest first."""
    trusted = select(RoomAuthorityRow).where(RoomAuthorityRow.ended_at.is_(None))
    return list(session.scalars(trusted.order_by(RoomAuthorityRow.made_at.desc(), RoomAuthorityRow.id)))


def find_room_by_key(session: Session, key_hash: str) -> RoomRow | None:
    """Return the room whose key this is, retired and revoked ones too; or None."""
    return session.scalar(select(RoomRow).where(RoomRow.key_hash == key_hash))


def confirm_key(session: Session, now: datetime, room_id: int) -> None:
    """Note that a room calls with its certificate: its token is spent."""
    room = session.get_one(RoomRow, room_id)
    if room.key_confirmed_at is None:
        room.key_confirmed_at = now
        audit.record_audit(session, now, BY, "room calls with its certificate", room.name)


def forget_key(room: RoomRow) -> None:
    """Let the key of a room's card be worth nothing: the room has a new card."""
    room.key_hash = room.key_confirmed_at = room.certificate_ends = None
    room.authority_id = ""


def credential_of(room: RoomRow) -> str:
    """Return by what the room calls: the hash of its key, or that of its token while no key was used."""
    return room.key_hash if room.key_hash is not None and room.key_confirmed_at is not None else room.token_hash
