"""The schools as the trust's administrator sees them: how it stands with each, and its numbers."""

from datetime import datetime, timedelta

import msgspec
from sqlalchemy.orm import Session

from appliance.central.models import TrustSchoolRow
from appliance.trust import schools
from appliance.trust_protocol import Cell, SchoolNumbers

SILENT = timedelta(hours=1)  # a school's central calls each minute


class ListedSchool(msgspec.Struct, frozen=True, kw_only=True):
    """A school, as it is listed."""

    id: str
    name: str
    timezone: str
    state: str
    words: str  # how it stands, for people
    is_silent: bool
    registered_at: datetime
    enrolled_at: datetime | None
    last_seen: datetime | None
    invitation_ends: datetime | None
    numbers_at: datetime | None
    numbers: SchoolNumbers | None


def list_schools(session: Session, now: datetime) -> list[ListedSchool]:
    """Return all schools, by name."""
    return [list_school(row, now) for row in schools.list_schools(session)]


def list_school(row: TrustSchoolRow, now: datetime) -> ListedSchool:
    """Return a school as it is listed."""
    is_silent = row.state == schools.ENROLLED and (row.last_seen is None or now - row.last_seen >= SILENT)
    waits = schools.is_invitation_waiting(row, now)
    return ListedSchool(
        id=row.id,
        name=row.name,
        timezone=row.timezone,
        state=row.state,
        words=_describe(row, now, is_silent=is_silent, waits=waits),
        is_silent=is_silent,
        registered_at=row.registered_at,
        enrolled_at=row.enrolled_at,
        last_seen=row.last_seen,
        invitation_ends=row.token_ends if waits else None,
        numbers_at=row.numbers_at,
        numbers=msgspec.convert(row.numbers, SchoolNumbers) if row.numbers else None,
    )


def _describe(row: TrustSchoolRow, now: datetime, *, is_silent: bool, waits: bool) -> str:
    invited = "; an invitation waits" if waits else ""
    if row.state == schools.REGISTERED:
        return "registered" + (invited or ", and not invited")
    if row.state != schools.ENROLLED:
        return row.state
    if row.last_seen is None:
        return f"enrolled, and not seen since{invited}"
    if is_silent:
        hours = int((now - row.last_seen).total_seconds() // 3600)
        return f"silent for {hours} {'hour' if hours == 1 else 'hours'}{invited}"
    return f"in touch{invited}"


def describe_numbers(numbers: SchoolNumbers) -> str:
    """Return a school's numbers in a line."""
    top = [f"{one.category.replace('_', ' ')} {_cell(one.refused)}" for one in numbers.refused_by_category[:5]]
    built = f"{numbers.lists_built_at:%Y-%m-%d %H:%M} UTC" if numbers.lists_built_at else "never"
    parts = (
        f"{numbers.rooms_in_step} of {numbers.rooms} rooms up to date, {numbers.rooms_silent} silent",
        f"{_cell(numbers.answers)} answers in seven days, {_cell(numbers.refused)} refused",
        f"({', '.join(top)})" if top else "",
        f"{_cell(numbers.requests_waiting)} requests waiting, {_cell(numbers.incidents_open)} incidents open",
        f"lists of {built}",
        f"version {numbers.version}",
    )
    return "; ".join(part for part in parts if part)


def _cell(count: Cell) -> str:
    return "under five" if count is None else str(count)
