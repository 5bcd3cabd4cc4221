"""What was answered in the rooms, in numbers: by hour, verdict and category, and sites that many were refused.

Rooms say an hour as a whole, as often as they like: what came last counts. Nothing here is of a device, and a site
is named only where at least five devices asked for it within an hour. After a month hours become days, after
thirteen months they go. These numbers are what dashboards and reports are made of.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta, tzinfo

import msgspec
from sqlalchemy import ColumnElement, delete, func, insert, select
from sqlalchemy.orm import Session

from appliance.central import count_rows
from appliance.central.count_rows import RoomCell
from appliance.central.models import CountRow, RefusedSiteRow, RoomRow, SchoolCountRow
from appliance.protocol import HourCounts

HOUR_SECONDS = 3600
KEPT = timedelta(days=396)  # thirteen months
HOURLY = timedelta(days=31)
_OLDEST = timedelta(days=9)  # what a room may still say: it tells a week
_AHEAD_HOURS = 1  # a clock that is a little ahead
NOT_ANSWERED = "failed"


class DayCounts(msgspec.Struct, frozen=True, kw_only=True):
    """A day of the school's."""

    day: date
    answers: int
    refused: int


class CategoryCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What was refused of a category."""

    category: str
    refused: int


class RoomCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What a room answered."""

    room: str
    answers: int
    refused: int


class SiteCounts(msgspec.Struct, frozen=True, kw_only=True):
    """A site that many asked for and that was refused."""

    site: str
    category: str
    refused: int


class HourOfDay(msgspec.Struct, frozen=True, kw_only=True):
    """An hour of the clock, over all days."""

    hour: int  # 0 to 23, the school's clock
    answers: int
    refused: int


def receive_counts(session: Session, now: datetime, room: RoomRow, said: HourCounts) -> bool:
    """Take in an hour of a room's; return whether it can be one: neither long past nor to come."""
    current = to_hour(now)
    if not to_hour(now - _OLDEST) <= said.hour <= current + _AHEAD_HOURS:
        return False
    gone = count_rows.take_rows(session, CountRow.room_id == room.id, CountRow.hour == said.hour)
    cells: Counter[RoomCell] = Counter()
    for one in said.answers:
        cells[room.id, (said.hour, False, one.verdict, one.category)] += one.answers
    count_rows.put_rows(session, cells, instead_of=gone)
    session.execute(
        delete(RefusedSiteRow).where(RefusedSiteRow.room_id == room.id, RefusedSiteRow.hour == said.hour)
    )
    sites = {(room.id, said.hour, one.site): (one.category, one.answers) for one in said.sites}
    _insert_sites(session, sites, is_day=False)
    oldest = session.scalar(select(func.min(CountRow.hour)))
    if oldest is not None and oldest < to_hour(now - KEPT):
        prune_counts(session, now)
    if _has_hours(session, now):
        fold_counts(session, now)
    return True


def prune_counts(session: Session, now: datetime) -> None:
    """Delete what is older than thirteen months."""
    before = to_hour(now - KEPT)
    count_rows.prune_rows(session, before)
    session.execute(delete(RefusedSiteRow).where(RefusedSiteRow.hour < before))


def fold_counts(session: Session, now: datetime) -> None:
    """Make days (of UTC, named by their first hour) of the hours that are older than a month."""
    until = to_hour(now - HOURLY) // 24 * 24
    gone = count_rows.take_rows(session, CountRow.hour < until, CountRow.is_day.is_(False))
    days: Counter[RoomCell] = Counter()
    for (room, (hour, _, verdict, category)), answers in gone.items():
        days[room, (hour // 24 * 24, True, verdict, category)] += answers
    count_rows.put_rows(session, days, instead_of=gone)
    hours = (RefusedSiteRow.hour < until, RefusedSiteRow.is_day.is_(False))
    sites: dict[tuple[int, int, str], tuple[str, int]] = {}
    for site in session.scalars(select(RefusedSiteRow).where(*hours)):
        day = (site.room_id, site.hour // 24 * 24, site.site)
        sites[day] = (site.category, site.answers + sites.get(day, ("", 0))[1])
    session.execute(delete(RefusedSiteRow).where(*hours))
    _insert_sites(session, sites, is_day=True)


def _insert_sites(
    session: Session, sites: Mapping[tuple[int, int, str], tuple[str, int]], *, is_day: bool
) -> None:
    """Add what was refused of sites: by room, hour and site the category and how often."""
    if sites:
        session.execute(
            insert(RefusedSiteRow),
            [
                {
                    "room_id": room,
                    "hour": hour,
                    "site": site,
                    "category": category,
                    "answers": answers,
                    "is_day": is_day,
                }
                for (room, hour, site), (category, answers) in sites.items()
            ],
        )


def count_by_day(session: Session, zone: tzinfo, since: datetime, until: datetime) -> list[DayCounts]:
    """Return the days of the school's on which anything was answered, in their order."""
    answers: Counter[date] = Counter()
    refused: Counter[date] = Counter()
    for hour, verdict, count in _sums(session, since, until):
        day = from_hour(hour).astimezone(zone).date()
        answers[day] += count
        refused[day] += count if verdict == "refused" else 0
    return [DayCounts(day=day, answers=count, refused=refused[day]) for day, count in sorted(answers.items())]


def count_by_hour_of_day(session: Session, zone: tzinfo, since: datetime, until: datetime) -> list[HourOfDay]:
    """Return the hours of the clock in which anything was answered; of the last month only hours are known."""
    answers: Counter[int] = Counter()
    refused: Counter[int] = Counter()
    for hour, verdict, count in _sums(session, since, until, only_hours=True):
        clock = from_hour(hour).astimezone(zone).hour
        answers[clock] += count
        refused[clock] += count if verdict == "refused" else 0
    return [HourOfDay(hour=hour, answers=count, refused=refused[hour]) for hour, count in sorted(answers.items())]


def count_by_category(session: Session, since: datetime, until: datetime) -> list[CategoryCounts]:
    """Return what was refused of each category, the most first."""
    total = func.sum(SchoolCountRow.answers)
    rows = session.execute(
        select(SchoolCountRow.category, total)
        .where(SchoolCountRow.verdict == "refused", *_between(SchoolCountRow, since, until))
        .group_by(SchoolCountRow.category)
        .order_by(total.desc(), SchoolCountRow.category)
    )
    return [CategoryCounts(category=category, refused=int(count)) for category, count in rows]


def sum_by_category(session: Session, since: datetime, until: datetime) -> Counter[tuple[str, str]]:
    """Return how many answers there were of each verdict and category, the most first."""
    total = func.sum(SchoolCountRow.answers)
    rows = session.execute(
        select(SchoolCountRow.verdict, SchoolCountRow.category, total)
        .where(*_between(SchoolCountRow, since, until))
        .group_by(SchoolCountRow.verdict, SchoolCountRow.category)
        .order_by(total.desc(), SchoolCountRow.category)
    )
    return Counter({(verdict, category): int(count) for verdict, category, count in rows})


def count_by_room(session: Session, since: datetime, until: datetime) -> list[RoomCounts]:
    """Return what each room answered, by the rooms' names."""
    answers: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    of_room = (
        select(CountRow.room_id, CountRow.verdict, func.sum(CountRow.answers).label("answers"))
        .where(*_between(CountRow, since, until))
        .group_by(CountRow.room_id, CountRow.verdict)
        .subquery()  # by their ids, which is quicker than by their names
    )
    for name, verdict, count in session.execute(
        select(RoomRow.name, of_room.c.verdict, of_room.c.answers).join(of_room, of_room.c.room_id == RoomRow.id)
    ):
        answers[name] += int(count)
        refused[name] += int(count) if verdict == "refused" else 0
    return [RoomCounts(room=name, answers=count, refused=refused[name]) for name, count in sorted(answers.items())]


def list_top_refused(session: Session, since: datetime, until: datetime, limit: int = 20) -> list[SiteCounts]:
    """Return the sites that were refused most often, of those that at least five devices asked for."""
    total = func.sum(RefusedSiteRow.answers)
    rows = session.execute(
        select(RefusedSiteRow.site, func.max(RefusedSiteRow.category), total)
        .where(*_between(RefusedSiteRow, since, until))
        .group_by(RefusedSiteRow.site)
        .order_by(total.desc(), RefusedSiteRow.site)
        .limit(limit)
    )
    return [SiteCounts(site=site, category=category, refused=int(count)) for site, category, count in rows]


def to_hour(moment: datetime) -> int:
    """Return the hour of a moment, since 1970."""
    return int(moment.timestamp()) // HOUR_SECONDS


def from_hour(hour: int) -> datetime:
    """Return when an hour began."""
    return datetime.fromtimestamp(hour * HOUR_SECONDS, UTC)


def _sums(
    session: Session, since: datetime, until: datetime, *, only_hours: bool = False
) -> Iterable[tuple[int, str, int]]:
    conditions = [
        *_between(SchoolCountRow, since, until),
        *([SchoolCountRow.is_day.is_(False)] if only_hours else []),
    ]
    rows = session.execute(
        select(SchoolCountRow.hour, SchoolCountRow.verdict, func.sum(SchoolCountRow.answers))
        .where(*conditions)
        .group_by(SchoolCountRow.hour, SchoolCountRow.verdict)
    )
    return [(hour, verdict, int(count)) for hour, verdict, count in rows]


def _between(
    table: type[CountRow] | type[SchoolCountRow] | type[RefusedSiteRow], since: datetime, until: datetime
) -> list[ColumnElement[bool]]:
    return [table.hour >= to_hour(since), table.hour < to_hour(until)]


def _has_hours(session: Session, now: datetime) -> bool:
    """Tell whether there are whole days of hours that are older than a month."""
    until = to_hour(now - HOURLY) // 24 * 24
    found = select(CountRow.hour).where(CountRow.hour < until, CountRow.is_day.is_(False)).limit(1)
    return session.scalar(found) is not None
