"""Timetables: a profile's rows, what they come to in a room's policy, and what is odd about them."""

import hashlib
from collections.abc import Collection, Iterator
from datetime import datetime
from itertools import combinations

import msgspec
from sqlalchemy.orm import Session

from appliance.central import profiles
from appliance.central.errors import NotFound
from appliance.central.profile_settings import ProfileSettings, TimetableRow, read_settings
from appliance.central.profiles import SavedChange
from blocklists.categories import category_name, is_sensitive
from dns.policy.document import EVERY_CATEGORY, Period, Profile
from dns.policy.timetable import WEEKDAYS

_encoder = msgspec.json.Encoder(order="deterministic")
_WEEK_MINUTES = 7 * 24 * 60
_DAY_WORDS = dict(zip(WEEKDAYS, ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"), strict=True))
WHEN_WORDS = {"school-days": "in term", "other-days": "on days off", "every-day": "all year"}


def row_id(row: TimetableRow) -> str:
    """Return what names a row of a timetable: no two rows of one are the same."""
    return hashlib.sha256(_encoder.encode(row)).hexdigest()[:16]


def put_row(
    session: Session, now: datetime, *, profile: str, row: TimetableRow, by: str, replaces: str = ""
) -> SavedChange:
    """Add a row to a profile's timetable, or put it in the place of another (by its id).

    Raises NotFound, or NotPossible for a row that cannot be.
    """
    settings = read_settings(profiles.get_profile(session, profile))
    return profiles.save_profile(
        session, now, name=profile, settings=with_row(settings, row, replaces=replaces), by=by
    )


def remove_row(session: Session, now: datetime, *, profile: str, row: str, by: str) -> SavedChange:
    """Take a row (by its id) out of a profile's timetable. Raises NotFound."""
    settings = read_settings(profiles.get_profile(session, profile))
    _find_row(settings, row)
    kept = tuple(one for one in settings.timetable if row_id(one) != row)
    changed = msgspec.structs.replace(settings, timetable=kept)
    return profiles.save_profile(session, now, name=profile, settings=changed, by=by)


def with_row(settings: ProfileSettings, row: TimetableRow, *, replaces: str = "") -> ProfileSettings:
    """Return a profile with a row more, or with one in the place of another; a row stands there once.

    Raises NotFound where the other one is gone.
    """
    rows = [one for one in settings.timetable if row_id(one) != replaces]
    if row not in rows:  # else a second click: it was put there by the first
        if replaces:
            _find_row(settings, replaces)
        rows.append(row)
    rows.sort(key=lambda one: (one.start, one.end, one.name))
    return msgspec.structs.replace(settings, timetable=tuple(rows))


def _find_row(settings: ProfileSettings, row: str) -> TimetableRow:
    for one in settings.timetable:
        if row_id(one) == row:
            return one
    raise NotFound(f"this row of {settings.name}'s timetable is not there any more: somebody else has changed it")


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
        start=row.start,
        end=row.end,
        name=row.name,
        days=row.days or week,
        when=row.when,
        closes=row.closes,
        opens=row.opens,
    )
    if row.days or row.when == "school-days":
        yield period
    elif row.when == "every-day":
        yield msgspec.structs.replace(period, days=WEEKDAYS)
    else:
        yield period
        if rest:
            yield msgspec.structs.replace(period, days=rest, when="every-day")


def row_words(row: TimetableRow) -> str:
    """Return a row in words, without what it closes and opens."""
    days = ", ".join(_DAY_WORDS[day] for day in WEEKDAYS if day in row.days)
    if not days:
        days = {"school-days": "school days", "other-days": "days off", "every-day": "every day"}[row.when]
    elif row.when != "every-day":
        days = f"{days} {WHEN_WORDS[row.when]}"
    over = " the next day" if row.end <= row.start else ""
    return f"{f'{row.name}: ' if row.name else ''}{days}, {row.start} to {row.end}{over}"


def timetable_notes(
    settings: ProfileSettings, school_week: Collection[str], locked: Collection[str], known: Collection[str]
) -> Iterator[str]:
    """Return what is odd about a timetable, each as one sentence: what overlaps, and what changes nothing."""
    for row in settings.timetable:
        yield from _row_notes(row, settings, locked, known)
    for one, other in combinations(settings.timetable, 2):
        if not _overlap(one, other, school_week):
            continue
        for opening, closing in ((one, other), (other, one)):
            both = {*opening.opens} & ({*closing.closes} | ({*opening.opens} if "*" in closing.closes else set()))
            if both:
                which = f"“{row_words(opening)}” opens {_names(both)} while “{row_words(closing)}” closes it"
                yield f"{which}: closing wins"
        if {*one.opens} & {*other.opens} or {*one.closes} & {*other.closes}:
            yield f"“{row_words(one)}” and “{row_words(other)}” overlap and say the same"


def _row_notes(
    row: TimetableRow, settings: ProfileSettings, locked: Collection[str], known: Collection[str]
) -> Iterator[str]:
    words = f"“{row_words(row)}”"
    if row.start == row.end:
        yield f"{words} lasts a whole day, from {row.start} to the same time on the next day"
    if found := {*row.opens} & {*locked}:
        yield f"{words} opens {_names(found)}, which is locked: it stays closed"
    if found := {one for one in row.opens if one not in locked and is_sensitive(one)}:
        yield f"{words} opens {_names(found)}, which every school is expected to keep closed"
    is_all_closed = EVERY_CATEGORY in settings.closed
    if found := {*row.opens} - {*settings.closed} - {*locked} if not is_all_closed else set():
        yield f"{words} opens {_names(found)}, which {settings.name} has open at every hour unless a row closes it"
    if found := {*row.closes} & {*settings.closed} or ({*row.closes} if is_all_closed else set()):
        yield f"{words} closes {_names(found)}, which {settings.name} has closed at every hour unless one opens it"
    if found := {*row.opens, *row.closes} - {*known, EVERY_CATEGORY}:
        yield f"{words} names {_names(found)}, which no list has any more"


def _overlap(one: TimetableRow, other: TimetableRow, school_week: Collection[str]) -> bool:
    """Tell whether two rows are ever in force at once: on one kind of day, at one minute of the week."""
    return any(
        (a.when == b.when or "every-day" in {a.when, b.when}) and _minutes_meet(a, b)
        for a in to_periods(one, school_week)
        for b in to_periods(other, school_week)
    )


def _minutes_meet(one: Period, other: Period) -> bool:
    return any(
        (b - a) % _WEEK_MINUTES < length or (a - b) % _WEEK_MINUTES < other_length
        for a, length in _stretches(one)
        for b, other_length in _stretches(other)
    )


def _stretches(period: Period) -> Iterator[tuple[int, int]]:
    """Yield when a period begins, in minutes of the week, and for how many it lasts."""
    start, end = _minute(period.start), _minute(period.end)
    length = end - start if end > start else end - start + 24 * 60
    for day in period.days:
        yield WEEKDAYS.index(day) * 24 * 60 + start, length


def _minute(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])


def _names(categories: Collection[str]) -> str:
    return ", ".join("everything" if one == EVERY_CATEGORY else category_name(one) for one in sorted(categories))
