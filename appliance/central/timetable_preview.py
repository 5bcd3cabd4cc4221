"""What a profile's timetable comes to: now, at the next changes, and in a week to look at.

Decided by the same code that decides in rooms (`dns.policy.timetable`), on the school's clock.
"""

from collections.abc import Collection, Iterator
from datetime import UTC, date, datetime, time, timedelta

import msgspec

from dns.policy.document import PolicyDocument, Profile
from dns.policy.timetable import WEEKDAYS, Calendar, Timetable

HORIZON = timedelta(days=120)  # further than the longest holidays
_MAX_STEPS = 200  # turns that are looked at, most of which change nothing


class TimetableChange(msgspec.Struct, frozen=True, kw_only=True):
    """What is opened and closed at a moment, against what held before."""

    at: datetime  # on the school's clock
    opened: tuple[str, ...]  # categories
    closed: tuple[str, ...]


class TimetableState(msgspec.Struct, frozen=True, kw_only=True):
    """What the timetable does now, against the hours without any row."""

    opened: tuple[str, ...]
    closed: tuple[str, ...]
    is_school_day: bool
    next_changes: tuple[TimetableChange, ...]


class WeekStretch(msgspec.Struct, frozen=True, kw_only=True):
    """Some hours of a day in which something is otherwise than without any row."""

    start: str  # "12:00"
    end: str  # "24:00" for the end of the day
    opened: tuple[str, ...]
    closed: tuple[str, ...]


class WeekDay(msgspec.Struct, frozen=True, kw_only=True):
    """A day to look at."""

    day: date
    is_school_day: bool  # in its week, its terms, and no holiday
    stretches: tuple[WeekStretch, ...]


class TimetablePreview:
    """Looks at one profile."""

    def __init__(
        self, document: PolicyDocument, found: Profile, school_week: Collection[str], known: Collection[str]
    ) -> None:
        """Look at the profile `found`, in the calendar of a document.

        `known`: the categories among which "every one" is shown.
        """
        by_hour = [name for period in found.timetable for name in (*period.closes, *period.opens)]
        self._universe = frozenset({*known, *found.closed, *by_hour} - {"*"})
        self._calendar = Calendar(document)
        self._timetable = Timetable(found, self._calendar)
        bare = Timetable(msgspec.structs.replace(found, timetable=()), self._calendar)
        self._usual = frozenset(one for one in self._universe if one in bare.hours_at(0.0).blocked)
        self._school_week = school_week

    @staticmethod
    def today(document: PolicyDocument, now: datetime) -> date:
        """Return the day that the school's clock shows."""
        return Calendar(document).local_time(now.timestamp()).date()

    def state_at(self, now: datetime, *, limit: int = 5) -> TimetableState:
        """Return what holds at a moment, and what changes next."""
        closed = self._closed_at(now.timestamp())
        return TimetableState(
            opened=_sorted(self._usual - closed),
            closed=_sorted(closed - self._usual),
            is_school_day=self._is_school_day(self._calendar.local_time(now.timestamp()).date()),
            next_changes=tuple(self._changes_after(now, limit)),
        )

    def week_of(self, day: date) -> tuple[WeekDay, ...]:
        """Return the week, from Monday, that a day lies in."""
        monday = day - timedelta(days=day.weekday())
        return tuple(self._look_at_day(monday + timedelta(days=ahead)) for ahead in range(7))

    def _changes_after(self, now: datetime, limit: int) -> Iterator[TimetableChange]:
        moment, horizon = now.timestamp(), (now + HORIZON).timestamp()
        closed = self._closed_at(moment)
        for _ in range(_MAX_STEPS):
            moment = self._timetable.hours_at(moment).until
            if moment >= horizon or limit == 0:
                return
            then = self._closed_at(moment)
            if then != closed:
                limit -= 1
                yield TimetableChange(
                    at=self._calendar.local_time(moment),
                    opened=_sorted(closed - then),
                    closed=_sorted(then - closed),
                )
            closed = then

    def _look_at_day(self, day: date) -> WeekDay:
        moment, end = self._midnight(day), self._midnight(day + timedelta(days=1))
        stretches: list[WeekStretch] = []
        while moment < end:
            until = min(self._timetable.hours_at(moment).until, end)
            closed = self._closed_at(moment)
            stretch = WeekStretch(
                start=f"{self._calendar.local_time(moment):%H:%M}",
                end="24:00" if until == end else f"{self._calendar.local_time(until):%H:%M}",
                opened=_sorted(self._usual - closed),
                closed=_sorted(closed - self._usual),
            )
            if stretches and (stretches[-1].opened, stretches[-1].closed) == (stretch.opened, stretch.closed):
                stretches[-1] = msgspec.structs.replace(stretches[-1], end=stretch.end)
            else:
                stretches.append(stretch)
            moment = until
        different = tuple(one for one in stretches if one.opened or one.closed)
        return WeekDay(day=day, is_school_day=self._is_school_day(day), stretches=different)

    def _closed_at(self, moment: float) -> frozenset[str]:
        blocked = self._timetable.hours_at(moment).blocked
        return frozenset(one for one in self._universe if one in blocked)

    def _is_school_day(self, day: date) -> bool:
        return WEEKDAYS[day.weekday()] in self._school_week and self._calendar.is_school_day(day)

    def _midnight(self, day: date) -> float:
        return datetime.combine(day, time(), self._calendar.zone).astimezone(UTC).timestamp()


def _sorted(categories: frozenset[str]) -> tuple[str, ...]:
    return tuple(sorted(categories))
