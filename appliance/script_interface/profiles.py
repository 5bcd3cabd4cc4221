"""Profiles, timetables and the school's year, as a school's own scripts see and change them."""

from datetime import date, datetime
from typing import Annotated, Literal

import msgspec

from appliance.control_characters import TEXT_PATTERN
from appliance.script_interface.values import Categories, Category, Day, Name, Revision, ScriptSiteChange
from dns.policy.document import Weekday

_Clock = Annotated[
    str, msgspec.Meta(max_length=5, pattern="^(?:[01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$")
]  # on the school's clock
_RowName = Annotated[str, msgspec.Meta(max_length=60, extra_json_schema={"pattern": TEXT_PATTERN})]
RowHandle = Annotated[str, msgspec.Meta(max_length=64, pattern="^[0-9a-f]*$")]
Days = Annotated[tuple[Weekday, ...], msgspec.Meta(max_length=7)]
Engines = Annotated[tuple[Category, ...], msgspec.Meta(max_length=50)]
SpanKind = Literal["terms", "holidays"]


class ScriptTimetableRow(msgspec.Struct, frozen=True, kw_only=True):
    """Some hours in which more is closed for a profile, or less; `end` not after `start`: over midnight."""

    start: _Clock
    end: _Clock  # not included
    name: _RowName = ""
    days: Days = ()  # none: the school's week
    when: Literal["school-days", "other-days", "every-day"] = "school-days"
    closes: Categories = ()
    opens: Categories = ()


class ScriptProfile(msgspec.Struct, frozen=True, kw_only=True):
    """What the devices of a group may see."""

    name: Name
    closed: Categories = ()  # "*" closes every one
    safe_search: bool = False
    youtube: Literal["strict", "moderate", "off"] = "strict"
    safe_search_except: Engines = ()
    keywords: bool = False
    strip_ech: bool = False
    refusal: Literal["null", "nxdomain", "page"] = "null"
    timetable: Annotated[tuple[ScriptTimetableRow, ...], msgspec.Meta(max_length=60)] = ()


class ListedProfile(msgspec.Struct, frozen=True, kw_only=True):
    """A profile as it is set."""

    settings: ScriptProfile
    is_default: bool  # devices that nobody has named meet it
    revision: str  # another one after every change


class ReadyProfile(msgspec.Struct, frozen=True, kw_only=True):
    """A profile that Hallpass brings, to be added."""

    settings: ScriptProfile
    about: str


class ProfileSetting(msgspec.Struct, frozen=True, kw_only=True):
    """A profile that is to be set as a whole."""

    profile: Name  # which, by its name of now
    settings: ScriptProfile
    revision: Revision = ""  # that the script saw; "": whatever it is


class NamedProfile(msgspec.Struct, frozen=True, kw_only=True):
    """Which profile is meant."""

    profile: Name


class ProfilePreview(msgspec.Struct, frozen=True, kw_only=True):
    """What a change of a profile comes to."""

    opened: list[str]  # categories that are no longer closed at every hour
    closed: list[str]
    sites: list[ScriptSiteChange]
    others: list[str]  # what else differs
    last_week: list[str]


class HandledRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row of a timetable, and what names it."""

    id: str
    row: ScriptTimetableRow


class ScriptTimetableChange(msgspec.Struct, frozen=True, kw_only=True):
    """When something opens or closes next."""

    at: datetime
    opened: list[str]
    closed: list[str]


class ScriptTimetableState(msgspec.Struct, frozen=True, kw_only=True):
    """What a timetable does now, against the hours without any row."""

    opened: list[str]
    closed: list[str]
    is_school_day: bool
    next_changes: list[ScriptTimetableChange]


class ScriptTimetable(msgspec.Struct, frozen=True, kw_only=True):
    """A profile's timetable."""

    rows: list[HandledRow]
    now: ScriptTimetableState
    notes: list[str]  # what is odd about it


class ScriptStretch(msgspec.Struct, frozen=True, kw_only=True):
    """Some hours of a day in which something is otherwise than without any row."""

    start: str
    end: str
    opened: list[str]
    closed: list[str]


class ScriptDay(msgspec.Struct, frozen=True, kw_only=True):
    """A day of a timetable."""

    day: date
    is_school_day: bool
    stretches: list[ScriptStretch]


class PutRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row to add to a profile's timetable, or to put in the place of another."""

    profile: Name
    row: ScriptTimetableRow
    replaces: RowHandle = ""  # the id of that row


class RemovedRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row to take out of a profile's timetable."""

    profile: Name
    row: RowHandle


class ScriptSpan(msgspec.Struct, frozen=True, kw_only=True):
    """Some days: a term, a holiday."""

    first: date
    last: date  # included
    name: str


class ScriptYear(msgspec.Struct, frozen=True, kw_only=True):
    """The school's week, terms and holidays."""

    week: list[str]
    terms: list[ScriptSpan]
    holidays: list[ScriptSpan]
    notes: list[str]  # what is odd about it


class SchoolWeek(msgspec.Struct, frozen=True, kw_only=True):
    """On which weekdays the school is open."""

    days: Days


class SentSpan(msgspec.Struct, frozen=True, kw_only=True):
    """A term or a holiday."""

    kind: SpanKind
    first: Day
    last: Day  # included
    name: _RowName = ""
