"""Finds groups of incidents: by state and words, page by page, and one with all that belongs to it."""

from datetime import datetime, timedelta
from typing import Literal

import msgspec
from sqlalchemy import ColumnElement, String, and_, case, cast, func, or_, select
from sqlalchemy.orm import Session, joinedload

from appliance import protocol
from appliance.central.incidents.kinds import KINDS, STATES, IncidentState, Whose
from appliance.central.incidents.states import get_group
from appliance.central.incidents.tables import IncidentGroupRow, IncidentNoteRow, IncidentRow
from appliance.central.models import RoomRow
from appliance.central.page_number import find_page

PAGE_SIZE = 25
ROOMS_HEAR_FOR = timedelta(days=1)
MAX_HEARD = 200
MAX_SHOWN_INCIDENTS = 200  # of one group
Shown = Literal["open", "all"] | IncidentState
SHOWN: tuple[Shown, ...] = ("open", *STATES, "all")
_MOST_PAGES = 10**9


class IncidentFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which groups somebody wants to see. Everything that is given must hold."""

    whose: Whose
    shown: Shown = "open"
    search: str = ""  # a part of a room's name, a device, the evidence, the kind's words


class IncidentPage(msgspec.Struct, frozen=True):
    """Some groups of those that a filter finds."""

    groups: list[IncidentGroupRow]
    total: int
    page: int  # from 1 on
    pages: int


class IncidentDetails(msgspec.Struct, frozen=True):
    """A group, and what belongs to it."""

    group: IncidentGroupRow
    incidents: list[IncidentRow]  # the newest first, at most `MAX_SHOWN_INCIDENTS`
    history: list[IncidentNoteRow]  # the oldest first


def list_groups(
    session: Session, wanted: IncidentFilter, *, page: int = 1, page_size: int = PAGE_SIZE
) -> IncidentPage:
    """Return a page: what nobody has looked at first, by its due time; then the newest."""
    is_new = case((IncidentGroupRow.state == "new", 0), else_=1)
    due = case((IncidentGroupRow.state == "new", IncidentGroupRow.due_at), else_=None)
    # Ids alone, and counted on the way: words are looked for once, and only a page's rows are read whole.
    matching = (
        select(IncidentGroupRow.id, func.count().over())
        .where(_condition(wanted))
        .order_by(is_new, due, IncidentGroupRow.last_at.desc(), IncidentGroupRow.id)
    )
    first = min(max(0, page - 1), _MOST_PAGES) * page_size  # databases count no further than 64 bits
    rows = session.execute(matching.offset(first).limit(page_size)).all()
    if not rows and first:  # there is no such page any more: the last one, then
        total = len(session.execute(matching.with_only_columns(IncidentGroupRow.id)).all())
        page, _ = find_page(page, total, page_size)
        rows = session.execute(matching.offset((page - 1) * page_size).limit(page_size)).all()
    total = int(rows[0][1]) if rows else 0
    page, pages = find_page(page, total, page_size)
    found = select(IncidentGroupRow).where(IncidentGroupRow.id.in_([group_id for group_id, _ in rows]))
    groups = {one.id: one for one in session.scalars(found.options(joinedload(IncidentGroupRow.room)))}
    return IncidentPage([groups[group_id] for group_id, _ in rows], total, page, pages)


def read_details(session: Session, group_id: str, whose: Whose) -> IncidentDetails:
    """Return a group with its incidents and its history. Raises NotFound."""
    group = get_group(session, group_id, whose)
    incidents = session.scalars(
        select(IncidentRow)
        .where(IncidentRow.group_id == group_id)
        .order_by(IncidentRow.happened_at.desc(), IncidentRow.id)
        .limit(MAX_SHOWN_INCIDENTS)
    )
    history = session.scalars(
        select(IncidentNoteRow).where(IncidentNoteRow.group_id == group_id).order_by(IncidentNoteRow.id)
    )
    return IncidentDetails(group, list(incidents), list(history))


def latest_evidence(session: Session, groups: list[IncidentGroupRow]) -> dict[str, list[str]]:
    """Return the evidence of each group's newest incident."""
    newest = (
        select(
            IncidentRow.group_id,
            IncidentRow.evidence,
            func.row_number()
            .over(partition_by=IncidentRow.group_id, order_by=(IncidentRow.happened_at.desc(), IncidentRow.id))
            .label("place"),
        )
        .where(IncidentRow.group_id.in_([one.id for one in groups]))
        .subquery()
    )
    rows = session.execute(select(newest.c.group_id, newest.c.evidence).where(newest.c.place == 1))
    return {group_id: list(evidence) for group_id, evidence in rows}


def list_closed_incidents(session: Session, now: datetime, room_id: int) -> list[protocol.ClosedIncident]:
    """Return a room's incidents of the last day that are closed, the oldest first; never those of staff's."""
    rows = session.execute(
        select(IncidentRow.id, IncidentRow.happened_at)
        .join(IncidentGroupRow)
        .where(
            IncidentGroupRow.room_id == room_id,
            IncidentGroupRow.is_staff.is_(False),
            IncidentGroupRow.state == "closed",
            IncidentRow.happened_at > now - ROOMS_HEAR_FOR,
        )
        .order_by(IncidentRow.happened_at.desc())
        .limit(MAX_HEARD)
    )
    found = [protocol.ClosedIncident(id=incident_id, happened_at=at) for incident_id, at in rows]
    return found[::-1]


def count_new(session: Session, whose: Whose) -> int:
    """Return how many groups nobody has looked at."""
    new = and_(IncidentGroupRow.is_staff == (whose == "staff"), IncidentGroupRow.state == "new")
    return session.scalar(select(func.count()).select_from(IncidentGroupRow).where(new)) or 0


def _condition(wanted: IncidentFilter) -> ColumnElement[bool]:
    parts: list[ColumnElement[bool]] = [IncidentGroupRow.is_staff == (wanted.whose == "staff")]
    if wanted.shown == "open":
        parts.append(IncidentGroupRow.state != "closed")
    elif wanted.shown != "all":
        parts.append(IncidentGroupRow.state == wanted.shown)
    parts.extend(_holds_word(word) for word in wanted.search.lower().split()[:5])
    return and_(*parts)


def _holds_word(word: str) -> ColumnElement[bool]:
    kinds = [name for name, kind in KINDS.items() if word in kind.words.lower() or word in name]
    # Each table is gone through once, whatever was found in another: PostgreSQL keeps what it found by its hash.
    rooms = select(RoomRow.id).where(func.lower(RoomRow.name).contains(word, autoescape=True))
    evidence = select(IncidentRow.group_id).where(
        func.lower(cast(IncidentRow.evidence, String)).contains(word, autoescape=True)
    )
    return or_(
        IncidentGroupRow.room_id.in_(rooms),
        func.lower(IncidentGroupRow.device).contains(word, autoescape=True),
        func.lower(IncidentGroupRow.assigned_to).contains(word, autoescape=True),
        IncidentGroupRow.id.startswith(word, autoescape=True),
        IncidentGroupRow.kind.in_(kinds),
        IncidentGroupRow.id.in_(evidence),
    )
