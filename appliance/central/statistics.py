"""Figures for leadership and governors: what was asked for and decided, month by month, without identities.

Small cells are suppressed (`appliance.central.small_cells`). Months do not overlap and no total is given over
them, for the same reason.
"""

from collections import Counter
from datetime import date, datetime, tzinfo
from statistics import median
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, SQLColumnExpression, and_, case, func, select
from sqlalchemy.orm import Session

from appliance.central.decision_times import count_states, list_minutes, was_decided
from appliance.central.models import RequestRow, SiteReportRow, UnblockRow
from appliance.central.small_cells import SMALLEST_CELL, suppress_parts, suppress_small

MONTHS = 12


class Month(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one month on the school's clock; None: too few to be told."""

    first_day: date
    requests: int | None
    approved: int | None
    denied: int | None
    undecided: int | None  # waiting, taken back, or expired
    minutes_to_decision: int | None  # the median of those decided; None too where none was
    openings: int | None
    site_reports: int | None


def count_by_month(session: Session, now: datetime, zone: tzinfo) -> list[Month]:
    """Return the figures of this month and of those before it, the newest first."""
    first_days = _first_days(now.astimezone(zone).date())
    since = _begin(first_days[-1], zone)
    states: dict[date, Counter[str]] = {day: Counter() for day in first_days}
    month = _month_of(RequestRow.asked_at, first_days, zone)
    for (at, state), count in count_states(session, [RequestRow.asked_at >= since], month).items():
        name = "approved" if state in {"approved", "ended"} else "denied" if state == "denied" else "undecided"
        if at is not None:  # else a room's clock is ahead
            states[first_days[at]][name] += count
    by_people = (RequestRow.asked_at >= since, was_decided(), RequestRow.decided_by != "")
    minutes = list_minutes(session, by_people, month)
    opened = _count_months(session, UnblockRow.since, first_days, zone)
    reported = _count_months(session, SiteReportRow.reported_at, first_days, zone)
    return [
        _month(day, states[day], minutes.get(at, []), opened[at], reported[at])
        for at, day in enumerate(first_days)
    ]


def _month(day: date, states: Counter[str], minutes: list[float], openings: int, site_reports: int) -> Month:
    total = suppress_small(states.total())
    names = ("approved", "denied", "undecided")
    parts = dict(zip(names, suppress_parts([states[name] for name in names]), strict=True))
    if total is None:
        parts = {name: None if states[name] else 0 for name in parts}
    is_hidden = parts["approved"] is None  # mostly there are as many openings as approvals
    return Month(
        first_day=day,
        requests=total,
        approved=parts["approved"],
        denied=parts["denied"],
        undecided=parts["undecided"],
        minutes_to_decision=round(median(minutes)) if len(minutes) >= SMALLEST_CELL else None,
        openings=None if is_hidden and openings else suppress_small(openings),
        site_reports=suppress_small(site_reports),
    )


def _count_months(
    session: Session, moment: SQLColumnExpression[datetime], first_days: list[date], zone: tzinfo
) -> Counter[int]:
    month = _month_of(moment, first_days, zone).label("month")
    rows = session.execute(
        select(month, func.count()).where(moment >= _begin(first_days[-1], zone)).group_by("month")
    )
    return Counter({at: int(count) for at, count in rows if at is not None})


def _month_of(moment: SQLColumnExpression[datetime], first_days: list[date], zone: tzinfo) -> ColumnElement[Any]:
    """Return the place of a moment's month among the months, the newest of which is the first; NULL: in none."""
    ends = [_begin(_next_month(first_days[0]), zone), *(_begin(day, zone) for day in first_days[:-1])]
    spans = zip(first_days, ends, strict=True)
    return case(*(
        (and_(moment >= _begin(day, zone), moment < end), at) for at, (day, end) in enumerate(spans)
    ))  # fmt: skip


def _begin(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, datetime.min.time(), zone)


def _next_month(first_day: date) -> date:
    return date(first_day.year + first_day.month // 12, first_day.month % 12 + 1, 1)


def _first_days(today: date) -> list[date]:
    days = [today.replace(day=1)]
    while len(days) < MONTHS:
        last = days[-1]
        days.append(date(last.year - (last.month == 1), (last.month - 2) % 12 + 1, 1))
    return days
