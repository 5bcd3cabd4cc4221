"""Finds entries of the audit: by person, kind, day and words, a page at a time, and as a file.

A page is named by the number of the entry that it ends before (or begins after), so that it costs the same at the
beginning and at the end of a hundred thousand entries, and holds still while others are written.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Annotated

import msgspec
from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from appliance.central.models import AuditRow
from appliance.protocol import normalize_username
from appliance.spreadsheets import safe_cell

PAGE_SIZE = 100
EXPORTED = "audit exported"
_EXPORT_BATCH = 2000


class AuditFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries are meant; what is empty is not asked for."""

    person: str = ""  # also where a room says that it was them
    kind: str = ""  # with what it begins: "rule" finds "rule: block" too
    since: datetime | None = None
    until: datetime | None = None  # before this
    words: str = ""  # somewhere in the detail, or the name of the room

    def describe(self) -> str:
        """Return in one line what is asked for, for the audit itself."""
        parts = (
            self.person and f"of {self.person}",
            self.kind and f"kind {self.kind}",
            f"from {self.since:%Y-%m-%d}" if self.since else "",
            f"until {self.until:%Y-%m-%d}" if self.until else "",
            self.words and f"with {self.words!r}",
        )
        return ", ".join(part for part in parts if part) or "everything"


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry, as lists and files have it."""

    number: int
    at: datetime
    who: str
    room: str  # who says that it was `who`; "": it is known
    what: str
    detail: str
    hash: str


class AuditPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some entries, the newest first."""

    entries: tuple[AuditEntry, ...]
    has_newer: bool
    has_older: bool


def find_entries(
    session: Session,
    wanted: AuditFilter,
    *,
    before: int | None = None,
    after: int | None = None,
    limit: Annotated[int, msgspec.Meta(ge=1)] = PAGE_SIZE,
) -> AuditPage:
    """Return the entries next before a number, next after one, or the newest."""
    query = select(AuditRow).where(*_conditions(wanted))
    if after is not None:
        rows = list(session.scalars(query.where(AuditRow.id > after).order_by(AuditRow.id).limit(limit + 1)))
        shown = rows[:limit][::-1]
        return _page(shown, has_newer=len(rows) > limit, has_older=True)
    if before is not None:
        query = query.where(AuditRow.id < before)
    rows = list(session.scalars(query.order_by(AuditRow.id.desc()).limit(limit + 1)))
    return _page(rows[:limit], has_newer=before is not None, has_older=len(rows) > limit)


def list_kinds(session: Session) -> list[str]:
    """Return the kinds of which there are entries."""
    found: set[str] = set()
    last = ""
    while kind := session.scalar(
        select(AuditRow.what).where(AuditRow.what > last).order_by(AuditRow.what).limit(1)
    ):
        found.add(kind)
        last = kind  # from one to the next: the index is not read through
    return sorted(found)


def iterate_entries(session: Session, wanted: AuditFilter) -> Iterator[AuditEntry]:
    """Yield every entry that is meant, the oldest first."""
    last = 0
    while True:
        query = select(AuditRow).where(*_conditions(wanted), AuditRow.id > last).order_by(AuditRow.id)
        rows = list(session.scalars(query.limit(_EXPORT_BATCH)))
        yield from (_to_entry(row) for row in rows)
        if len(rows) < _EXPORT_BATCH:
            return
        last = rows[-1].id
        session.expunge_all()


def render_csv(entries: Iterable[AuditEntry]) -> Iterator[str]:
    """Yield entries as lines of CSV, which no spreadsheet takes for formulas."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(AuditEntry.__struct_fields__)
    for entry in entries:
        writer.writerow(
            (entry.number, entry.at.isoformat(), *(safe_cell(getattr(entry, name)) for name in _TEXTS))
        )
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


def render_json_lines(entries: Iterable[AuditEntry]) -> Iterator[str]:
    """Yield entries as one JSON object a line."""
    for entry in entries:
        yield msgspec.json.encode(entry).decode() + "\n"


_TEXTS = ("who", "room", "what", "detail", "hash")


def _conditions(wanted: AuditFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.person:
        found.append(AuditRow.who.in_({wanted.person, normalize_username(wanted.person)}))
    if wanted.kind:
        found.append(AuditRow.what.startswith(wanted.kind, autoescape=True))
    if wanted.since is not None:
        found.append(AuditRow.at >= wanted.since)
    if wanted.until is not None:
        found.append(AuditRow.at < wanted.until)
    if wanted.words:
        found.append(
            or_(
                AuditRow.detail.icontains(wanted.words, autoescape=True),
                AuditRow.room.icontains(wanted.words, autoescape=True),
            )
        )
    return found


def _page(rows: list[AuditRow], *, has_newer: bool, has_older: bool) -> AuditPage:
    return AuditPage(entries=tuple(_to_entry(row) for row in rows), has_newer=has_newer, has_older=has_older)


def _to_entry(row: AuditRow) -> AuditEntry:
    return AuditEntry(
        number=row.id, at=row.at, who=row.who, room=row.room, what=row.what, detail=row.detail, hash=row.hash
    )  # fmt: skip
