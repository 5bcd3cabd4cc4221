"""Which cards that ended still have the key of a certificate for pages that was handed in.

A card that was lost keeps what is on it. Central gives it nothing more, but whoever has the card can show that
certificate as long as it holds: so the row of the certificate notes which rooms' cards ended with it, until the
certificate is replaced by one with another key. A card whose room is put back is in use again, and noted no more.
"""

from datetime import datetime

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from appliance.central.models import PageCertificateRow, RoomRow
from appliance.central.page_certificates import read_pages


class LeftKey(msgspec.Struct, frozen=True):
    """A card that ended, and has a key."""

    pages: str  # whose certificate it is: `*.rooms.school.example.org`, or one room's page
    is_of_all: bool  # of every room's pages, or of that room's alone
    room: str  # as it is called now
    state: str  # "revoked" or "retired": how its card ended
    since: datetime


def note_left_key(session: Session, now: datetime, room: RoomRow, state: str) -> None:
    """Note that a room's card ends with the key of its pages' certificate, where it may have one."""
    page = read_pages(session).find_page(room) if room.ended_at is None else None  # an ended one gets nothing new
    if page is not None and page.row.certificate and room.key_confirmed_at is not None:
        _drop(page.row, room)
        page.row.left_on = [*page.row.left_on, {"room": room.id, "state": state, "since": now.isoformat()}]
    else:
        for row in session.scalars(select(PageCertificateRow)):
            row.left_on = [one | {"state": state} if one["room"] == room.id else one for one in row.left_on]


def forget_left_key(session: Session, room: RoomRow) -> None:
    """Let go of the note: the room's card is in use again."""
    for row in session.scalars(select(PageCertificateRow)):
        _drop(row, room)


def list_left_keys(session: Session) -> list[LeftKey]:
    """Return the cards that ended with a key of a certificate that is in use, the oldest first."""
    names = dict(session.execute(select(RoomRow.id, RoomRow.name)).all())
    found = [
        LeftKey(
            pages=f"*.{row.name}" if row.room_id is None else row.name,
            is_of_all=row.room_id is None,
            room=names[one["room"]],
            state=one["state"],
            since=datetime.fromisoformat(one["since"]),
        )
        for row in read_pages(session).rows.values()
        for one in row.left_on
    ]
    return sorted(found, key=lambda one: (one.since, one.room))


def _drop(row: PageCertificateRow, room: RoomRow) -> None:
    row.left_on = [one for one in row.left_on if one["room"] != room.id]
