"""What a room's new card needs, between the making of it and somebody's word that it is saved.

A page that makes a secret and shows it makes another one when it is loaded again. So it is made once, kept sealed
(`appliance.central.key_file`), shown and handed out as often as wanted, and gone as soon as it is confirmed, after
a day, or when the room is retired, revoked or given another card.
"""

from datetime import datetime, timedelta

import msgspec
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from appliance.central import room_life
from appliance.central.errors import NotFound
from appliance.central.key_file import KeyFile
from appliance.central.log_keys import require_key_of_database
from appliance.central.models import CardSecretRow, RoomRow

KEPT = timedelta(days=1)


class CardSecret(msgspec.Struct, frozen=True):
    """The token of a room whose card is to be written."""

    room_id: int
    room: str
    token: str
    made_at: datetime


def keep_secret(session: Session, keys: KeyFile, now: datetime, *, room: RoomRow, token: str, by: str) -> None:
    """Keep the token of a room's new card. Raises KeyFileUnusable."""
    session.flush()  # a new room has its id by then
    require_key_of_database(session, keys)
    sealed = keys.seal(_purpose(room.id), token)
    session.merge(CardSecretRow(room_id=room.id, sealed=sealed, made_at=now, made_by=by))


def give_card(session: Session, keys: KeyFile, now: datetime, *, name: str, by: str) -> None:
    """Enrol a room, or give it a new card, and keep what the card needs. Raises NotPossible or KeyFileUnusable."""
    token = room_life.enrol_room(session, now, name=name, by=by, replace=True)
    keep_secret(session, keys, now, room=room_life.require_room(session, name), token=token, by=by)


def list_secrets(session: Session, keys: KeyFile, now: datetime) -> list[CardSecret]:
    """Return what waits to be saved, by room. Raises KeyFileUnusable."""
    rows = session.scalars(
        select(CardSecretRow).join(RoomRow).where(CardSecretRow.made_at > now - KEPT).order_by(RoomRow.name)
    )
    return [
        CardSecret(row.room_id, row.room.name, keys.unseal(_purpose(row.room_id), row.sealed), row.made_at)
        for row in rows
    ]


def are_files_waiting(session: Session, now: datetime) -> bool:
    """Tell whether anything waits to be saved."""
    return (
        session.scalar(select(CardSecretRow.room_id).where(CardSecretRow.made_at > now - KEPT).limit(1))
        is not None
    )


def get_secret(session: Session, keys: KeyFile, now: datetime, room_id: int) -> CardSecret:
    """Return what a room's card needs. Raises NotFound where it is saved, or too old."""
    for secret in list_secrets(session, keys, now):
        if secret.room_id == room_id:
            return secret
    raise NotFound("the file of this card was saved, or was not within a day: make the room another one")


def forget_secrets(session: Session, now: datetime, room_id: int | None = None) -> None:
    """Forget what is saved: of one room, or of all; what is too old goes with it."""
    session.execute(delete(CardSecretRow).where(CardSecretRow.made_at <= now - KEPT))
    if room_id is None:
        session.execute(delete(CardSecretRow))
    else:
        session.execute(delete(CardSecretRow).where(CardSecretRow.room_id == room_id))


def _purpose(room_id: int) -> str:
    return f"card of room {room_id}"
