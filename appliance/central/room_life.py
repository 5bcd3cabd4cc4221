"""The life of a room: enrolled, renamed, given a new card, retired and put back, revoked.

A room keeps its row for good, so that requests, the audit and the key of its log stay its own whatever becomes of
its card. Retired is a room that is not in use: its card may go on where it stopped. Revoked is one whose card
is in somebody else's hands: what was on it never works again, and the room needs a new one.
"""

import hashlib
import secrets
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from appliance.central import audit
from appliance.central.errors import NotFound, NotPossible
from appliance.central.models import CardSecretRow, RoomRow
from appliance.central.page_certificates import require_free_page
from appliance.central.page_keys_left import forget_left_key, note_left_key
from appliance.central.room_copies import forget_links
from appliance.central.room_keys import forget_key
from appliance.central.room_names import MAX_NAME_LENGTH, normalize_room_name, room_name_key
from appliance.central.trust_database import find_trust

ENROLLED, RETIRED, REVOKED = "enrolled", "retired", "revoked"

# What a room is told whose identity has ended: for its own page, its lamp and its doctor.
ENDED_WORDS = {
    RETIRED: "this room was retired at central: there it can be put back (Rooms), and then goes on by itself",
    REVOKED: "this room's card was revoked at central: enrol the room again there, and give its card the new file",
}


TOO_LATE_WORDS = "this room's card was made long ago and never used: make the room a new one at central (Rooms)"
UNUSED_TOKEN = timedelta(days=90)  # cards are written before the summer, for the autumn


class RoomLives(NotPossible):
    """A room of this name is in use: whoever enrols it again cuts it off, and is asked first."""

    def __init__(self, names: Collection[str]) -> None:
        self.names = tuple(names)
        several = len(self.names) > 1
        super().__init__(
            f"{', '.join(self.names)} {'are' if several else 'is'} enrolled already, and would be cut off: "
            f"{'their cards stop' if several else 'its card stops'} as soon as there is a new one"
        )


def find_room(session: Session, name: str) -> RoomRow | None:
    """Return the room of this name, however it is written; None where there is none."""
    key = room_name_key(name)
    exactly = session.scalar(select(RoomRow).where(RoomRow.name == name))
    return exactly or session.scalar(select(RoomRow).where(RoomRow.name_key == key))


def require_room(session: Session, name: str) -> RoomRow:
    """Return the room of this name, however it is written. Raises NotFound."""
    room = find_room(session, name)
    if room is None:
        raise NotFound(f"there is no room {name[:MAX_NAME_LENGTH]!r}")
    return room


def require_room_ids(session: Session, names: Iterable[str]) -> list[int]:
    """Return the ids of the rooms of these names, each once. Raises NotFound."""
    return list(dict.fromkeys(require_room(session, name).id for name in names))


def require_unused(session: Session, names: Collection[str], *, replace: bool) -> Collection[str]:
    """Return names of rooms to be enrolled. Raises RoomLives where some are in use, unless `replace` says so."""
    found = (find_room(session, normalize_room_name(name)) for name in names)
    living = [room.name for room in found if room is not None and room.state == ENROLLED]
    if living and not replace:
        raise RoomLives(living)
    return names


def enrol_room(session: Session, now: datetime, *, name: str, by: str, replace: bool = False) -> str:
    """Enrol a room, or give one a new card: its old token ends. Returns the token, which is kept nowhere.

    Raises RoomLives where that would cut off a room in use and `replace` does not say that it shall, and
    NotPossible where its page would have another room's name (`page_names`), or where this is a trust.
    """
    if find_trust(session) is not None:
        raise NotPossible("this is a trust's database: a room is enrolled at its school's central")
    name = normalize_room_name(name)
    room = find_room(session, name)
    require_unused(session, [name], replace=replace)
    token = secrets.token_urlsafe(32)
    if room is None:
        require_free_page(session, name, None)
        room = RoomRow(name=name, name_key=room_name_key(name), token_hash="", log_key="", enrolled_at=now)
        session.add(room)
        audit.record_audit(session, now, by, "room enrolled", name)
    elif room.state == ENROLLED:
        audit.record_audit(session, now, by, "card replaced", room.name)
    else:
        audit.record_audit(session, now, by, "room enrolled", f"{room.name}, which was {room.state}")
    room.state, room.ended_at = ENROLLED, None
    room.health = None  # what its card of before said
    room.token_hash = hash_token(token)
    forget_links(room)
    forget_key(room)
    room.enrolled_at = now
    room.unused_until = now + UNUSED_TOKEN
    return token


def rename_room(
    session: Session, now: datetime, *, room_id: int, name: str, by: str, instead_of: str = ""
) -> tuple[str, str]:
    """Call a room otherwise; returns its name of before and of now. Its card keeps working.

    `instead_of`: the name that the caller saw; "" where none was looked at.
    """
    room = _get_room(session, room_id)
    name, before = normalize_room_name(name), room.name
    if instead_of not in ("", before) and name != before:
        raise NotPossible(f"somebody has called this room {before} in the meantime")
    other = find_room(session, name)
    if other is not None and other.id != room.id:
        raise NotPossible(f"there is a room called {other.name} already")
    if name != before:
        require_free_page(session, name, room.id)
        room.name, room.name_key = name, room_name_key(name)
        audit.record_audit(session, now, by, "room renamed", f"{before}: now {name}")
    return before, name


def retire_room(session: Session, now: datetime, *, room_id: int, by: str) -> RoomRow:
    """Take a room out of use; `put_back_room` undoes it."""
    room = _get_room(session, room_id)
    if room.state == ENROLLED:
        _end(session, now, room, RETIRED, by)
    return room


def put_back_room(session: Session, now: datetime, *, room_id: int, by: str) -> RoomRow:
    """Take a retired room into use again, with the card that it had. Raises NotPossible where it was revoked."""
    room = _get_room(session, room_id)
    if room.state == REVOKED:
        raise NotPossible(f"{room.name} was revoked: its card never works again; give it a new one")
    if room.state == RETIRED:
        room.state, room.ended_at = ENROLLED, None
        forget_left_key(session, room)
        audit.record_audit(session, now, by, "room put back", room.name)
    return room


def revoke_room(session: Session, now: datetime, *, room_id: int, by: str) -> RoomRow:
    """End what is on a room's card for good: it is lost, or somebody else's."""
    room = _get_room(session, room_id)
    if room.state != REVOKED:
        _end(session, now, room, REVOKED, by)
    return room


def ended_words(room: RoomRow, now: datetime) -> str:
    """Return why a room's token is of no use, for the room's own page, or ""."""
    is_too_late = room.unused_until is not None and room.unused_until <= now
    return ENDED_WORDS.get(room.state, TOO_LATE_WORDS if is_too_late else "")


def waits_for_card(room: RoomRow) -> bool:
    """Tell whether the card that was made for a room last has never been here."""
    return room.state == ENROLLED and room.unused_until is not None and room.health is None


def mark_used(session: Session, room_id: int) -> None:
    """Note that a room has opened its feed with its token, which goes on from then."""
    session.get_one(RoomRow, room_id).unused_until = None


def hash_token(token: str) -> str:
    """Return what is kept of a token. It has 256 bits of its own, so a plain hash is enough: nobody guesses it."""
    return hashlib.sha256(token.encode()).hexdigest()


def _end(session: Session, now: datetime, room: RoomRow, state: str, by: str) -> None:
    note_left_key(session, now, room, state)
    room.state, room.ended_at = state, now
    waiting = session.get(CardSecretRow, room.id)
    if waiting is not None:
        session.delete(waiting)
    audit.record_audit(session, now, by, f"room {state}", room.name)


def _get_room(session: Session, room_id: int) -> RoomRow:
    room = session.get(RoomRow, room_id)
    if room is None:
        raise NotFound("there is no such room")
    return room
