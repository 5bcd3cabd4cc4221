"""Central's own authority for its rooms: who signs their certificates, and what a room's certificate is worth.

The authority's key is sealed with the key file (`appliance.central.key_file`), so that a backup of the database
alone signs nothing. The newest authority signs; those before it are trusted until they are ended.

With a token one key is named, and no other. Importing this costs nine megabytes: do it where something is signed.
"""

from datetime import datetime

from sqlalchemy.orm import Session

from appliance.central import audit
from appliance.central.errors import NotFound, NotPossible
from appliance.central.key_file import KeyFile
from appliance.central.log_keys import require_key_of_database
from appliance.central.models import RoomAuthorityRow, RoomRow
from appliance.central.room_keys import BY, find_authority, find_room_by_key
from appliance.central.x509_certificates import (
    Issuer,
    make_authority,
    read_certificate_request,
    sign_room,
)
from appliance.protocol import IssuedCertificate


class TokenSpent(NotPossible):
    """The token was used by another card already."""

    def __init__(self) -> None:
        super().__init__("another card was enrolled with this: make the room a new one at central (Rooms)")


def require_authority(session: Session, keys: KeyFile, now: datetime) -> RoomAuthorityRow:
    """Return the authority that signs; it is made where there is none. Raises KeyFileUnusable."""
    return find_authority(session) or add_authority(session, keys, now, by=BY)


def add_authority(session: Session, keys: KeyFile, now: datetime, *, by: str) -> RoomAuthorityRow:
    """Make an authority that signs from now on; those before it stay trusted. Raises KeyFileUnusable."""
    require_key_of_database(session, keys)
    made = make_authority(now)
    row = RoomAuthorityRow(
        id=made.id, certificate=made.certificate, sealed_key=keys.seal(_purpose(made.id), made.key), made_at=now
    )
    session.add(row)
    session.flush()
    audit.record_audit(session, now, by, "authority for rooms made", made.id)
    return row


def end_authority(session: Session, now: datetime, *, authority_id: str, by: str) -> None:
    """Trust an authority no more: rooms that know no other have to be enrolled anew.

    Raises NotFound, NotPossible.
    """
    row = session.get(RoomAuthorityRow, authority_id)
    if row is None or row.ended_at is not None:
        raise NotFound("there is no such authority that is trusted")
    current = find_authority(session)
    if current is None or current.id == row.id:
        raise NotPossible("this is the authority that signs: make another one first (roll-over)")
    row.ended_at = now
    audit.record_audit(session, now, by, "authority for rooms ended", row.id)


def unseal_authority(keys: KeyFile, row: RoomAuthorityRow) -> Issuer:
    """Return an authority with its key. Raises KeyFileUnusable."""
    return Issuer(row.id, row.certificate, keys.unseal(_purpose(row.id), row.sealed_key))


def issue_certificate(
    session: Session, keys: KeyFile, now: datetime, *, room_id: int, request: bytes
) -> IssuedCertificate:
    """Sign a room's request: its first, or one to renew. Raises NotPossible, KeyFileUnusable."""
    room = session.get_one(RoomRow, room_id)
    key, key_hash = read_certificate_request(request)
    if room.key_hash is None:
        if find_room_by_key(session, key_hash) is not None:
            raise NotPossible("another room has this key: a card is that of one room")
        room.key_hash, room.unused_until = key_hash, None
        audit.record_audit(session, now, BY, "key of a card enrolled", f"{room.name}: {key_hash[:16]}")
    elif room.key_hash != key_hash:
        raise TokenSpent
    row = require_authority(session, keys, now)
    certificate, ends = sign_room(unseal_authority(keys, row), now, key, room.id)
    room.certificate_ends, room.authority_id = ends, row.id
    return IssuedCertificate(certificate=certificate, authority=row.certificate)


def _purpose(authority_id: str) -> str:
    return f"room authority {authority_id}"
