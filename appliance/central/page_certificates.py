"""The certificates of rooms' pages: handed in at central, or signed by its authority for pages; sent to rooms.

One row is for all rooms: a wildcard's certificate with its key, or that the authority signs; a room may have one
of its own, which goes before. A key that was handed in is sealed with the key file (`appliance.central.key_file`),
and leaves central over mutual TLS only. Where the authority signs, each room makes its key and keeps it.

What is taken back is kept for a month, so that it can be given back; nobody has it meanwhile.

The feed names the digest of what a room's pages should have. Importing this costs nothing: what reads certificates
stands in `page_files` and `page_authority`.
"""

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from appliance.central import audit
from appliance.central.errors import NotFound, NotPossible
from appliance.central.key_file import KeyFile
from appliance.central.log_keys import require_key_of_database
from appliance.central.models import PageCertificateRow, RoomRow
from appliance.central.page_names import MAX_LABEL_LENGTH, find_shared_labels, page_label, require_free_label
from appliance.certificate_validity import CertificateValidity
from appliance.protocol import PageCertificate
from appliance.settings.values import MAX_HOST_NAME_LENGTH, is_host_name

AUTHORITY_FOLDER = "pages-authority"  # in central's data folder
MAX_FILE_BYTES = 64 * 1024  # of a file that is handed in
MAX_SUFFIX_LENGTH = MAX_HOST_NAME_LENGTH - MAX_LABEL_LENGTH - 1
KEPT = timedelta(days=30)  # after it was taken back
_NAMED_AT_ONCE = 5


class HandedIn(msgspec.Struct, frozen=True):
    """A certificate that can be used, written anew: nothing else that stood in the files is kept."""

    chain: str  # PEM, the pages' first
    key: str  # PEM, PKCS#8
    names: tuple[str, ...]  # in small letters; the first label may be a star
    ends: datetime  # the first of the chain to end


class RoomPage(msgspec.Struct, frozen=True):
    """What a room's pages should have."""

    row: PageCertificateRow
    name: str  # what a browser asks for

    @property
    def digest(self) -> str:
        """What tells it from every other."""
        row = self.row
        parts = (row.made_at.isoformat(), self.name, str(row.publicly_trusted), row.certificate)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


class PageLoss(msgspec.Struct, frozen=True):
    """What becomes of a room's page where a certificate is taken back."""

    room: str
    name: str  # of its page, now
    instead: str  # by the certificate of every room; "": none from here


class SchoolPages(msgspec.Struct, frozen=True):
    """Every row that was not taken back, as it was read at once."""

    rows: dict[int | None, PageCertificateRow]  # by the room's id; None: for all rooms

    def find_page(self, room: RoomRow) -> RoomPage | None:
        """Return what a room's pages should have; None: nothing from here."""
        if (own := self.rows.get(room.id)) is not None:
            return RoomPage(own, own.name)
        of_all, label = self.rows.get(None), page_label(room.name)
        return RoomPage(of_all, f"{label}.{of_all.name}") if of_all is not None and label else None

    def digest_of(self, room: RoomRow) -> str:
        """Return what the feed says to a room. One that calls by its token alone is told of nothing."""
        page = self.find_page(room) if room.key_confirmed_at is not None else None
        return "" if page is None else page.digest


def read_pages(session: Session) -> SchoolPages:
    """Return every row that was not taken back."""
    current = select(PageCertificateRow).where(PageCertificateRow.taken_back_at.is_(None))
    return SchoolPages({row.room_id: row for row in session.scalars(current)})


def hand_in(
    session: Session,
    keys: KeyFile,
    now: datetime,
    *,
    handed: HandedIn,
    room: RoomRow | None,
    publicly_trusted: bool,
    by: str,
) -> PageCertificateRow:
    """Take a certificate with its key: a wildcard's for all rooms, or `room`'s own.

    Raises NotPossible where it has no name for that, or two rooms would have one name, and KeyFileUnusable.
    """
    require_key_of_database(session, keys)
    name = _suffix_of(session, handed.names) if room is None else _name_for(room, handed.names)
    before = _find_row(session, room)
    has_same_key = before is not None and _unseal(keys, before) == handed.key
    row = _write_row(
        session, room, name=name, certificate=handed.chain, sealed_key=keys.seal(_purpose(room), handed.key),
        publicly_trusted=publicly_trusted, ends=handed.ends, made_at=now, made_by=by,
        left_on=before.left_on if before is not None and has_same_key else [],
    )  # fmt: skip
    audit.record_audit(session, now, by, "certificate for pages handed in", _describe(room, name))
    return row


def begin_issuing(session: Session, now: datetime, *, suffix: str, by: str) -> PageCertificateRow:
    """Have the authority for pages sign for each room, below a suffix. Raises NotPossible."""
    _check_suffix(session, suffix)
    row = _write_row(
        session, None, name=suffix, certificate="", sealed_key="", publicly_trusted=False, ends=None, made_at=now,
        made_by=by, left_on=[],
    )  # fmt: skip
    audit.record_audit(session, now, by, "authority for pages signs for rooms", _describe(None, suffix))
    return row


def require_page_row(session: Session, room: RoomRow | None) -> PageCertificateRow:
    """Return what was handed in for all rooms, or for one. Raises NotFound."""
    row = read_pages(session).rows.get(None if room is None else room.id)
    if row is None:
        raise NotFound(f"there is no certificate for the pages of {_whose(room)} here")
    return row


def list_losses(session: Session, rooms: Iterable[RoomRow], row: PageCertificateRow) -> list[PageLoss]:
    """Return which rooms would lose a certificate that is taken back, and what each would have instead."""
    pages = read_pages(session)
    left = SchoolPages({room_id: one for room_id, one in pages.rows.items() if one.id != row.id})
    found = []
    for room in rooms:
        page, instead = pages.find_page(room), left.find_page(room)
        if page is not None and page.row.id == row.id:
            found.append(PageLoss(room.name, page.name, instead.name if instead else ""))
    return found


def take_back(session: Session, now: datetime, *, room: RoomRow | None, by: str) -> PageCertificateRow:
    """Give a room, or all, no certificate any more; rooms let go of the one that they have.

    `give_back` undoes it for a month. Raises NotFound.
    """
    row = require_page_row(session, room)
    row.taken_back_at = now
    audit.record_audit(session, now, by, "certificate for pages taken back", _describe(room, row.name))
    return row


def give_back(session: Session, now: datetime, *, room: RoomRow | None, by: str) -> PageCertificateRow:
    """Let rooms have again what was taken back. Raises NotFound, and NotPossible where it is of no use by now."""
    row = _find_row(session, room)
    if row is None or row.taken_back_at is None:
        raise NotFound(f"nothing that was taken back waits for the pages of {_whose(room)}")
    if row.ends is not None and row.ends <= now:
        raise NotPossible("this certificate has ended by now: hand in another one")
    if room is None:
        _check_suffix(session, row.name)
    row.taken_back_at = None
    audit.record_audit(session, now, by, "certificate for pages given back", _describe(room, row.name))
    return row


def prune_taken_back(session: Session, now: datetime) -> None:
    """Forget what was taken back a month ago, with its key."""
    session.execute(delete(PageCertificateRow).where(PageCertificateRow.taken_back_at < now - KEPT))


def read_certificate(session: Session, keys: KeyFile, room: RoomRow) -> PageCertificate:
    """Return what a room's pages should have, with its key. Raises KeyFileUnusable."""
    page = read_pages(session).find_page(room)
    if page is None:
        return PageCertificate()
    row = page.row
    return PageCertificate(
        digest=page.digest, name=page.name, certificate=row.certificate, key=_unseal(keys, row),
        publicly_trusted=row.publicly_trusted,
    )  # fmt: skip


def require_issued_page(session: Session, room: RoomRow) -> RoomPage:
    """Return the page that is to be signed for a room. Raises NotPossible where the authority does not sign."""
    page = read_pages(session).find_page(room)
    if page is None or page.row.certificate:
        raise NotPossible("the authority for pages does not sign for this room")
    return page


def require_free_page(session: Session, name: str, room_id: int | None) -> None:
    """Raise NotPossible where a room's name would lead to another room's page. `room_id`: None for a new room."""
    if None in read_pages(session).rows:
        others = session.execute(select(RoomRow.id, RoomRow.name)).all()
        require_free_label(name, (other for other_id, other in others if other_id != room_id))


def list_conditions(session: Session, now: datetime, rooms: Iterable[RoomRow]) -> list[str]:
    """Return what a person should know: certificates that end, and rooms whose names give no page."""
    pages, found = read_pages(session), []
    with_their_own = select(RoomRow.id, RoomRow.name).where(RoomRow.id.in_(pages.rows))
    of_rooms = dict(session.execute(with_their_own).all())
    for room_id, row in pages.rows.items():
        if row.ends is None:
            continue
        validity = CertificateValidity(row.made_at.timestamp(), row.ends.timestamp())
        whose = "the rooms'" if room_id is None else f"{of_rooms.get(room_id, 'a room')}'s"
        if words := validity.problem(now.timestamp()):
            found.append(f"The certificate for {whose} pages that was handed in here {words}.")
    if None in pages.rows and (nameless := [room.name for room in rooms if pages.find_page(room) is None]):
        named = ", ".join(nameless[:_NAMED_AT_ONCE]) + ("…" if len(nameless) > _NAMED_AT_ONCE else "")
        found.append(
            f"No certificate for the pages of {named}: in the name stands no letter from a to z and no digit."
        )
    return found


def _write_row(session: Session, room: RoomRow | None, **values: object) -> PageCertificateRow:
    room_id = None if room is None else room.id
    row = _find_row(session, room) or PageCertificateRow(room_id=room_id)
    for name, value in (values | {"taken_back_at": None}).items():
        setattr(row, name, value)
    session.add(row)
    return row


def _find_row(session: Session, room: RoomRow | None) -> PageCertificateRow | None:
    """Return the row of a room, or of all, also where it was taken back."""
    room_id = None if room is None else room.id
    return session.scalar(
        select(PageCertificateRow).where(PageCertificateRow.room_id.is_not_distinct_from(room_id))
    )


def _unseal(keys: KeyFile, row: PageCertificateRow) -> str:
    return keys.unseal(_purpose_of_id(row.room_id), row.sealed_key) if row.certificate else ""


def _whose(room: RoomRow | None) -> str:
    return "all rooms" if room is None else room.name


def _suffix_of(session: Session, names: Iterable[str]) -> str:
    suffix = next((name.removeprefix("*.") for name in names if name.startswith("*.")), "")
    if not suffix:
        raise NotPossible(
            "no name in this certificate begins with a star (*.rooms.school.example.org): say for which room it is"
        )
    _check_suffix(session, suffix)
    return suffix


def _check_suffix(session: Session, suffix: str) -> None:
    if not is_host_name(suffix) or "." not in suffix or len(suffix) > MAX_SUFFIX_LENGTH:
        raise NotPossible(f"{suffix[:80]} is nothing that rooms could be named below, as rooms.school.example.org")
    shared = find_shared_labels(session.scalars(select(RoomRow.name).order_by(RoomRow.id)))
    if shared:
        pairs = "; ".join(f"{one} and {other}" for one, other in shared[:_NAMED_AT_ONCE])
        raise NotPossible(
            f"these rooms' pages would have one and the same name: {pairs}. Call one of them otherwise first, so "
            "that their letters and digits differ"
        )


def _name_for(room: RoomRow, names: tuple[str, ...]) -> str:
    """Return the name of a room's page: the first without a star, else its label below the first with one."""
    plain = next((name for name in names if not name.startswith("*.")), "")
    if plain:
        return plain
    label = page_label(room.name)
    if not label:
        raise NotPossible(f"{room.name} gives no name for a page: hand in a certificate that bears the whole name")
    return f"{label}.{names[0].removeprefix('*.')}"


def _describe(room: RoomRow | None, name: str) -> str:
    return f"all rooms: *.{name}" if room is None else f"{room.name}: {name}"


def _purpose(room: RoomRow | None) -> str:
    return _purpose_of_id(None if room is None else room.id)


def _purpose_of_id(room_id: int | None) -> str:
    return "key of the rooms' pages" if room_id is None else f"key of the pages of room {room_id}"
