"""What central's database says of a school's day: requests by hour, room and site, and how long decisions took.

Every figure is counted by the database or from a few columns of the rows of some days, so that a school with ten
thousand requests waits no longer than one with ten.
"""

import statistics
from collections import Counter
from datetime import date, datetime, timedelta, tzinfo

import msgspec
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from appliance.central.models import RequestRow, RoomRow

DAYS = 14  # over which rooms, sites and decisions are counted
MOST_ROWS = 10
_OPENED = frozenset({"approved", "ended"})


class HourFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One hour of today, and what was asked for in it."""

    hour: int  # on the school's clock
    opened: int
    denied: int
    waiting: int  # or taken back, or never decided


class DecisionFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The decisions of one day."""

    day: date
    decided: int
    median_minutes: float | None  # from asking to deciding; None: nothing was decided


class DayFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of the page "Home"."""

    hours: tuple[HourFigures, ...]
    decisions: tuple[DecisionFigures, ...]  # the oldest day first
    rooms: tuple[tuple[str, int], ...]  # requests of the last days, the most first
    sites: tuple[tuple[str, int], ...]


def count_day(session: Session, now: datetime, zone: tzinfo) -> DayFigures:
    """Return the figures of the school's day and of the days before it."""
    midnight = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    since = midnight - timedelta(days=DAYS - 1)
    return DayFigures(
        hours=_count_hours(session, midnight, now.astimezone(zone)),
        decisions=_measure_decisions(session, since, midnight),
        rooms=_count(session, RoomRow.name, since),
        sites=_count(session, RequestRow.site, since),
    )


def _count_hours(session: Session, midnight: datetime, now: datetime) -> tuple[HourFigures, ...]:
    asked = session.execute(
        select(RequestRow.asked_at, RequestRow.state).where(
            RequestRow.asked_at >= midnight, RequestRow.asked_at <= now
        )
    )
    counts: Counter[tuple[int, str]] = Counter()
    for asked_at, state in asked:
        outcome = "opened" if state in _OPENED else "denied" if state == "denied" else "waiting"
        counts[asked_at.astimezone(midnight.tzinfo).hour, outcome] += 1
    hours = [hour for hour, _ in counts]
    shown = range(min([8, *hours]), max([15, *hours]) + 1)
    return tuple(
        HourFigures(
            hour=hour,
            opened=counts[hour, "opened"],
            denied=counts[hour, "denied"],
            waiting=counts[hour, "waiting"],
        )
        for hour in shown
    )


def _measure_decisions(session: Session, since: datetime, midnight: datetime) -> tuple[DecisionFigures, ...]:
    decided = session.execute(
        select(RequestRow.asked_at, RequestRow.decided_at).where(
            RequestRow.decided_at >= since, RequestRow.decided_by != "", RequestRow.state.in_((*_OPENED, "denied"))
        )
    )
    minutes: dict[date, list[float]] = {}
    for asked_at, decided_at in decided:
        if decided_at is not None:
            day = decided_at.astimezone(midnight.tzinfo).date()
            minutes.setdefault(day, []).append(max(0.0, (decided_at - asked_at).total_seconds() / 60))
    days = [midnight.date() - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]
    return tuple(
        DecisionFigures(
            day=day,
            decided=len(minutes.get(day, ())),
            median_minutes=statistics.median(minutes[day]) if day in minutes else None,
        )
        for day in days
    )


def _count(session: Session, column: object, since: datetime) -> tuple[tuple[str, int], ...]:
    count = func.count()
    rows = session.execute(
        select(column, count)  # type: ignore[call-overload]  # a column of text, of either table
        .select_from(RequestRow)
        .join(RoomRow, RoomRow.id == RequestRow.room_id)
        .where(RequestRow.asked_at >= since)
        .group_by(column)
        .order_by(count.desc(), column)
        .limit(MOST_ROWS)
    )
    return tuple((name, number) for name, number in rows)
