"""The keys of the rooms' query logs: made when a room first asks, wrapped in the database by the key file.

A backup of the database alone opens no log. A central whose key file is gone goes on; the rooms' logs
begin when it is put back.
"""

import secrets

from sqlalchemy import select
from sqlalchemy.orm import Session

from appliance.central.key_file import SEALED_MARK, KeyFile, KeyFileUnusable, is_sealed
from appliance.central.models import (
    LookupRow,
    PageCertificateRow,
    RoomAuthorityRow,
    RoomRow,
    SecondFactorRow,
    WebhookRow,
)

KEY_BYTES = 32


def log_key_of(session: Session, keys: KeyFile, room: RoomRow, *, is_made: bool = True) -> str:
    """Return the key of a room's log, which is made and kept in this transaction where there is none yet.

    `is_made=False`: then nothing is made, and "" is returned. Raises KeyFileUnusable.
    """
    if is_sealed(room.log_key):
        return keys.unseal(_purpose(room), room.log_key)
    if not is_made:
        return ""
    require_key_of_database(session, keys)
    key = room.log_key or secrets.token_hex(KEY_BYTES)  # one of before stands there in the clear
    session.get_one(RoomRow, room.id).log_key = keys.seal(_purpose(room), key)
    return key


def require_key_of_database(session: Session, keys: KeyFile) -> None:
    """Raise KeyFileUnusable where the key file with which something was sealed is gone: no other may be made."""
    if keys.path.exists():
        return
    others = (  # there are none without something sealed
        select(RoomAuthorityRow.id), select(SecondFactorRow.username), select(WebhookRow.id),
        select(LookupRow.id).where(LookupRow.answer.is_not(None)),
    )  # fmt: skip
    is_in_use = any(session.scalars(one.limit(1)).first() is not None for one in others)
    columns = (RoomRow.log_key, PageCertificateRow.sealed_key)
    if is_in_use or any(is_sealed(key) for column in columns for key in session.scalars(select(column))):
        raise KeyFileUnusable(f"{keys.path} is missing: put it back from where it was stored apart")


def has_unwrapped_keys(session: Session) -> bool:
    """Tell whether keys stand in the clear in the database: of before keys were wrapped."""
    return bool(_unwrapped(session))


def wrap_keys(session: Session, keys: KeyFile) -> None:
    """Wrap every key that stands in the clear. Raises KeyFileUnusable."""
    for room in _unwrapped(session):
        log_key_of(session, keys, room)


def _unwrapped(session: Session) -> list[RoomRow]:
    in_the_clear = RoomRow.log_key != "", ~RoomRow.log_key.startswith(SEALED_MARK)
    return list(session.scalars(select(RoomRow).where(*in_the_clear)))


def _purpose(room: RoomRow) -> str:
    return f"log key of room {room.id}"
