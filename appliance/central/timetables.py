"""Timetables: what a profile's rows come to in a room's policy."""

from collections.abc import Collection, Iterator

import msgspec

from appliance.central.profile_settings import ProfileSettings, TimetableRow
from dns.policy.document import Period, Profile
from dns.policy.timetable import WEEKDAYS


def to_profile(settings: ProfileSettings, school_week: Collection[str]) -> Profile:
    """Return the profile as a room is sent it."""
    return Profile(
        name=settings.name,
        closed=settings.closed,
        safe_search=settings.safe_search,
        youtube=settings.youtube,
        safe_search_except=settings.safe_search_except,
        keywords=settings.keywords,
        strip_ech=settings.strip_ech,
        refusal=settings.refusal,
        timetable=tuple(period for row in settings.timetable for period in to_periods(row, school_week)),
    )


def to_periods(row: TimetableRow, school_week: Collection[str]) -> Iterator[Period]:
    """Return the periods that a row comes to: two where it is for days off, which are holidays and weekends."""
    week = tuple(day for day in WEEKDAYS if day in school_week)
    rest = tuple(day for day in WEEKDAYS if day not in school_week)
    period = Period(
        start=row.start, end=row.end, name=row.name, days=row.days or week, when=row.when, closes=row.closes,
        opens=row.opens,
    )  # fmt: skip
    if row.days or row.when == "school-days":
        yield period
    elif row.when == "every-day":
        yield msgspec.structs.replace(period, days=WEEKDAYS)
    else:
        yield period
        if rest:
            yield msgspec.structs.replace(period, days=rest, when="every-day")
