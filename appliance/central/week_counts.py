"""How much of what a change is about was refused in the last week, as far as rooms have counted it.

Rooms count categories only of what they refuse: of what would be opened the number is an upper bound, for all
groups together; of what would be closed nothing is known, and that is said. A category with few refusals is never
told, nor part of a sum (`appliance.central.small_cells`): or it could be worked out from two looks.
"""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from appliance.central.counts import to_hour
from appliance.central.incidents.tables import IncidentGroupRow, IncidentRow
from appliance.central.models import CountRow, RefusedSiteRow, RoomRow
from appliance.central.small_cells import SMALLEST_CELL
from blocklists.categories import category_name

WEEK = timedelta(days=7)
_NAMES_AT_ONCE = 500  # a statement takes only so many values
# The kinds of incidents that a school sets limits for.
_LIMITED = {"many-refusals": "many refusals", "bypass": "ways round the filter", "tunnel": "hidden traffic"}


class WeekRefusals(msgspec.Struct, frozen=True, kw_only=True):
    """What was refused of some categories or sites in the last week."""

    counting_rooms: int  # that have said anything; 0: nothing is known
    answers: int = 0  # of those that were refused often enough to be shown
    rooms: int = 0  # in which they were
    few: tuple[str, ...] = ()  # of which fewer than `SMALLEST_CELL` answers were refused, but some


def count_refusals(session: Session, now: datetime, categories: Collection[str]) -> WeekRefusals:
    """Return what was refused of some categories."""
    rows = session.execute(
        select(CountRow.category, CountRow.room_id, func.sum(CountRow.answers))
        .where(CountRow.verdict == "refused", CountRow.category.in_(categories), *_week(CountRow, now))
        .group_by(CountRow.category, CountRow.room_id)
    )
    return _sum_up(session, now, [(category, room, int(count)) for category, room, count in rows])


def count_site_refusals(session: Session, now: datetime, sites: Collection[str]) -> WeekRefusals:
    """Return how often some sites, and those below them, were refused; rooms tell those that many asked for."""
    week = _week(RefusedSiteRow, now)
    refused = session.scalars(select(RefusedSiteRow.site).where(*week).distinct())
    meant = [site for site in refused if any(site == one or site.endswith(f".{one}") for one in sites)]
    found: list[tuple[str, int, int]] = []
    for some in (meant[at : at + _NAMES_AT_ONCE] for at in range(0, len(meant), _NAMES_AT_ONCE)):
        rows = session.execute(
            select(RefusedSiteRow.site, RefusedSiteRow.room_id, func.sum(RefusedSiteRow.answers))
            .where(*week, RefusedSiteRow.site.in_(some))
            .group_by(RefusedSiteRow.site, RefusedSiteRow.room_id)
        )
        found += [(site, room, int(count)) for site, room, count in rows]
    return _sum_up(session, now, found)


def opening_words(session: Session, now: datetime, categories: Collection[str]) -> Iterator[str]:
    """Return what opening some categories would have meant last week, each as one sentence."""
    if not categories:
        return
    found = count_refusals(session, now, categories)
    yield from refused_words(found)
    if found.answers:
        yield "that counts all groups together: at most so many would have been given"


def refused_words(found: WeekRefusals) -> Iterator[str]:
    """Return what was refused of something, or that it is not known."""
    if not found.counting_rooms:
        yield "how often it was refused last week is not known: no room has told its numbers"
        return
    if found.answers:
        yield f"last week {found.answers:,} answers of that kind were refused in {_rooms(found.rooms)}"
    elif not found.few:
        yield f"last week nothing of that kind was refused, in {_rooms(found.counting_rooms)}"
    if found.few:
        names = ", ".join(category_name(one) for one in found.few)
        yield f"fewer than {SMALLEST_CELL} answers were refused last week of each of these: {names}"


def closing_words(session: Session, now: datetime, categories: Collection[str]) -> Iterator[str]:
    """Return what is known of what closing some categories would have meant last week."""
    if not categories:
        return
    yield (
        "how many of last week's answers it would have refused is not known: rooms count kinds of sites only of "
        "what they refuse"
    )
    found = count_refusals(session, now, categories)
    if found.answers:
        yield (
            f"for some groups, or at some hours, it is closed already: {found.answers:,} answers were refused "
            f"last week in {_rooms(found.rooms)}"
        )


def site_words(session: Session, now: datetime, sites: Collection[str]) -> Iterator[str]:
    """Return how often sites that would open were refused last week, as far as rooms tell."""
    found = count_site_refusals(session, now, sites)
    if found.answers:
        yield f"last week {found.answers:,} answers of them were refused in {_rooms(found.rooms)}"
    elif found.counting_rooms:
        yield "how often they were refused last week is not known: rooms name only what many devices asked for"
    else:
        yield "how often they were refused last week is not known: no room has told its numbers"


def incident_words(session: Session, now: datetime) -> Iterator[str]:
    """Return how many incidents the limits of now made last week; those of staff's devices are not counted."""
    rows = session.execute(
        select(IncidentRow.kind, func.count())
        .join(IncidentGroupRow, IncidentGroupRow.id == IncidentRow.group_id)
        .where(IncidentGroupRow.is_staff.is_(False), IncidentRow.happened_at >= now - WEEK)
        .group_by(IncidentRow.kind)
    )
    counts: dict[str, int] = {kind: int(count) for kind, count in rows}
    parts = [f"{_few(counts.get(kind, 0))} of {words}" for kind, words in _LIMITED.items()]
    yield f"last week, with the limits of now: {', '.join(parts)}"


def _sum_up(session: Session, now: datetime, counted: list[tuple[str, int, int]]) -> WeekRefusals:
    totals: dict[str, int] = {}
    for name, _room, count in counted:
        totals[name] = totals.get(name, 0) + count
    enough = {name for name, total in totals.items() if total >= SMALLEST_CELL}
    has_counted = select(CountRow.room_id).where(CountRow.room_id == RoomRow.id, *_week(CountRow, now)).exists()
    counting = session.scalar(select(func.count()).select_from(RoomRow).where(has_counted))
    return WeekRefusals(
        counting_rooms=counting or 0,
        answers=sum(totals[name] for name in enough),
        rooms=len({room for name, room, count in counted if name in enough and count}),
        few=tuple(sorted(name for name, total in totals.items() if 0 < total < SMALLEST_CELL)),
    )


def _week(table: type[CountRow] | type[RefusedSiteRow], now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (table.hour >= to_hour(now - WEEK), table.hour <= to_hour(now))


def _rooms(count: int) -> str:
    return "1 room" if count == 1 else f"{count} rooms"


def _few(count: int) -> str:
    return f"fewer than {SMALLEST_CELL}" if 0 < count < SMALLEST_CELL else f"{count:,}"
