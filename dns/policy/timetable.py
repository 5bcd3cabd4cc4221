"""Timetables: which categories are closed at which hour.

A period is in force while the school's clock shows a time within it. That one sentence settles the days on which
the clock is changed: an hour shown twice counts twice, an hour left out counts not at all.

``closed now = (always closed - opened by a period) + closed by a period``. Without a clock that can be trusted
the strictest hours hold: every period closes and none opens.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from dns.policy.document import EVERY_CATEGORY, Period, PolicyDocument, Profile, Span, Weekday

WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
FOREVER = float("inf")

_DAYS_AHEAD = 8  # a week and a day: every weekday's periods, and an end after midnight
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Categories:
    """A set of categories that can also be "every one but these"."""

    named: frozenset[str] = frozenset()
    every: bool = False
    allowed: frozenset[str] = frozenset()

    def __contains__(self, category: str) -> bool:
        return category not in self.allowed and (self.every or category in self.named)

    def __bool__(self) -> bool:
        return self.every or bool(self.named - self.allowed)


@dataclass(frozen=True, slots=True)
class Hours:
    """What a profile closes from `since` until (not including) `until`, in Unix seconds."""

    blocked: Categories
    since: float
    until: float


class Calendar:
    """The school's days and its clock."""

    def __init__(self, document: PolicyDocument) -> None:
        self.zone = ZoneInfo(document.timezone)
        self._terms = document.terms
        self._holidays = document.holidays

    def is_school_day(self, day: date) -> bool:
        """Tell whether the school is open on a day, weekday or not: weekdays are the period's own."""
        if any(_within(day, span) for span in self._holidays):
            return False
        return not self._terms or any(_within(day, span) for span in self._terms)

    def local_time(self, now: float) -> datetime:
        """Return what the school's clock shows."""
        return datetime.fromtimestamp(now, self.zone)


class Timetable:
    """The hours of one profile."""

    def __init__(self, profile: Profile, calendar: Calendar) -> None:
        self._profile = profile
        self._periods = profile.timetable
        self._calendar = calendar

    def hours_at(self, now: float) -> Hours:
        """Return what is closed at a time, and for how long that stays so."""
        if not self._periods:
            return Hours(self._blocked_categories(()), -FOREVER, FOREVER)
        clock = self._calendar.local_time(now)
        in_force = tuple(period for period in self._periods if self._is_in_force(period, clock))
        return Hours(self._blocked_categories(in_force), now, self._next_transition(now, clock))

    def strictest_categories(self) -> Categories:
        """Return what is closed while nobody knows the time."""
        return _categories(self._profile.closed, [name for period in self._periods for name in period.closes], ())

    def _blocked_categories(self, in_force: tuple[Period, ...]) -> Categories:
        closes = [name for period in in_force for name in period.closes]
        opens = [name for period in in_force for name in period.opens]
        return _categories(self._profile.closed, closes, opens)

    def _is_in_force(self, period: Period, clock: datetime) -> bool:
        shown = f"{clock:%H:%M}"
        today = clock.date()
        if period.start < period.end:
            return period.start <= shown < period.end and self._falls_on(period, today)
        return (shown >= period.start and self._falls_on(period, today)) or (
            shown < period.end and self._falls_on(period, today - _DAY)
        )

    def _falls_on(self, period: Period, day: date) -> bool:
        if WEEKDAYS[day.weekday()] not in period.days:
            return False
        if period.when == "every-day":
            return True
        return self._calendar.is_school_day(day) == (period.when == "school-days")

    def _next_transition(self, now: float, clock: datetime) -> float:
        """Return when a period next starts or ends, or the clock is next changed; at the latest in a week."""
        days = [clock.date() + _DAY * ahead for ahead in range(-1, _DAYS_AHEAD + 1)]
        midnights = [self._instant(day, "00:00") for day in days]
        turns = {midnights[-1]}
        for day in days:
            for period in self._periods:
                if self._falls_on(period, day):
                    end_day = day if period.start < period.end else day + _DAY
                    turns.update(self._instants(day, period.start))
                    turns.update(self._instants(end_day, period.end))
        turns.update(_clock_changes(midnights, self._calendar.zone))
        return min(turn for turn in turns if turn > now)

    def _instants(self, day: date, shown: str) -> tuple[float, float]:
        """Return when the clock shows a time on a day: twice where it is put back over it."""
        return self._instant(day, shown), self._instant(day, shown, fold=1)

    def _instant(self, day: date, shown: str, fold: int = 0) -> float:
        if shown == "24:00":
            day, shown = day + _DAY, "00:00"
        wall = datetime.combine(day, time.fromisoformat(shown), self._calendar.zone)
        return wall.replace(fold=fold).timestamp()


def _clock_changes(midnights: list[float], zone: ZoneInfo) -> list[float]:
    """Return the instants at which the zone's distance from UTC changes, found by halving each day."""
    changes = []
    for first, last in pairwise(midnights):
        before, after = int(first), int(last)
        if _offset(before, zone) == _offset(after, zone):
            continue
        while after - before > 1:
            middle = (before + after) // 2
            if _offset(middle, zone) == _offset(before, zone):
                before = middle
            else:
                after = middle
        changes.append(float(after))
    return changes


def _offset(instant: float, zone: ZoneInfo) -> timedelta:
    return datetime.fromtimestamp(instant, UTC).astimezone(zone).utcoffset() or timedelta()


def _within(day: date, span: Span) -> bool:
    return span.first <= day <= span.last


def _categories(closed: tuple[str, ...], closes: list[str], opens: list[str] | tuple[()]) -> Categories:
    named = frozenset(closed) | frozenset(closes)
    return Categories(named, EVERY_CATEGORY in named, frozenset(opens) - frozenset(closes))
