"""Figures for leadership and governors: what was asked for and decided, month by month, without identities.

Small cells are suppressed (`appliance.central.small_cells`). Months do not overlap and no total is given over
them, for the same reason.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime, tzinfo
from statistics import median

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

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
    since = datetime.combine(first_days[-1], datetime.min.time(), zone)
    states: dict[date, Counter[str]] = {day: Counter() for day in first_days}
    minutes: dict[date, list[float]] = {day: [] for day in first_days}
    asked = select(RequestRow.asked_at, RequestRow.state, RequestRow.decided_at, RequestRow.decided_by)
    for asked_at, state, decided_at, decided_by in session.execute(asked.where(RequestRow.asked_at >= since)):
        day = _first_day(asked_at, zone)
        if day not in states:
            continue  # a room's clock is ahead
        is_approved = state in {"approved", "ended"}
        states[day]["approved" if is_approved else "denied" if state == "denied" else "undecided"] += 1
        if decided_at is not None and decided_by and (is_approved or state == "denied"):
            minutes[day].append(max(0.0, (decided_at - asked_at).total_seconds() / 60))
    opened = _count_days(session.scalars(select(UnblockRow.since).where(UnblockRow.since >= since)), zone)
    reported_at = SiteReportRow.reported_at
    reported = _count_days(session.scalars(select(reported_at).where(reported_at >= since)), zone)
    return [_month(day, states[day], minutes[day], opened[day], reported[day]) for day in first_days]


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


def _count_days(times: Iterable[datetime], zone: tzinfo) -> Counter[date]:
    return Counter(_first_day(moment, zone) for moment in times)


def _first_day(moment: datetime, zone: tzinfo) -> date:
    return moment.astimezone(zone).date().replace(day=1)


def _first_days(today: date) -> list[date]:
    days = [today.replace(day=1)]
    while len(days) < MONTHS:
        last = days[-1]
        days.append(date(last.year - (last.month == 1), (last.month - 2) % 12 + 1, 1))
    return days
