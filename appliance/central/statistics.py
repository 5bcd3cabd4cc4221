"""Figures for leadership and governors: what was asked for and decided, month by month, without identities.

A cell under `SMALLEST_CELL` is suppressed (None), and so is the smallest other part of a sum of which only one
part is suppressed: or it could be worked out from the rest. Months do not overlap and no total is given over
them, for the same reason. Nought is no secret.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime, tzinfo
from statistics import median

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from appliance.central.models import RequestRow, SiteReportRow, UnblockRow

SMALLEST_CELL = 5
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


def suppress_parts(parts: dict[str, int]) -> dict[str, int | None]:
    """Return the parts of a sum that is told, without those that are too few or would tell of one."""
    hidden = {name for name, count in parts.items() if 0 < count < SMALLEST_CELL}
    if len(hidden) == 1:
        others = [name for name in parts if name not in hidden and parts[name]]
        hidden |= {min(others, key=parts.__getitem__)} if others else set()
    return {name: None if name in hidden else count for name, count in parts.items()}


def _month(day: date, states: Counter[str], minutes: list[float], openings: int, site_reports: int) -> Month:
    total = _suppress(states.total())
    parts = suppress_parts({name: states[name] for name in ("approved", "denied", "undecided")})
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
        openings=None if is_hidden and openings else _suppress(openings),
        site_reports=_suppress(site_reports),
    )


def _suppress(count: int) -> int | None:
    return None if 0 < count < SMALLEST_CELL else count


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
