"""Rooms, requests, openings, rules and reports, as a school's own scripts see and change them."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from appliance.protocol import AwareDatetime, Id, LongText, ShortText, SiteName, Username
from appliance.script_interface.values import (
    Category,
    FurtherNames,
    Groups,
    Minutes,
    Note,
    RoomName,
    ScriptGroupSites,
)

RequestsWanted = Literal["waiting", "decided"]
ReportWanted = Literal["weekly", "termly", "annual", "parents"]
RequestDays = Annotated[int, msgspec.Meta(ge=0, le=20)]
RoomStep = Literal["retire", "put-back", "revoke", "keep-running", "admit-stopped"]


class ScriptRoom(msgspec.Struct, frozen=True, kw_only=True):
    """A room, and how it is."""

    id: int
    name: str
    last_seen: datetime | None  # None: never
    is_connected: bool  # heard of within two minutes
    is_up_to_date: bool  # with policy and lists
    version: str  # of Hallpass; "": it has not said
    conditions: list[str]  # docs/lamp.md; empty: it is well


class ScriptRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A teacher's request."""

    id: str
    site: str
    also: list[str]
    room: str
    teacher: str
    reason: str
    lesson: str
    minutes: int
    urgent: bool
    state: str
    asked_at: datetime
    since: datetime | None  # for a lesson to come
    expires_at: datetime | None
    decided_by: str
    decided_at: datetime | None
    answer: str


class Approval(msgspec.Struct, frozen=True, kw_only=True):
    """How a request is granted; what is left out is as it was asked for."""

    minutes: Minutes | None = None
    scope: Literal["device", "room", "school"] | None = None
    answer: LongText = ""
    groups: Groups = ()  # none: every group
    since: AwareDatetime | None = None
    also: FurtherNames | None = None  # further names that the site needs


class Denial(msgspec.Struct, frozen=True, kw_only=True):
    """Why a request is not granted."""

    answer: LongText = ""


class NewOpening(msgspec.Struct, frozen=True, kw_only=True):
    """A site to open that nobody asked for, from now on."""

    site: SiteName
    minutes: Minutes
    room: RoomName = ""  # "": every room
    also: FurtherNames = ()  # further names that the site needs
    groups: Groups = ()  # none: every group
    device: ShortText = ""  # for one device: its address, MAC address or name
    since: AwareDatetime | None = None  # for a lesson to come


class OpeningTimeChange(msgspec.Struct, frozen=True, kw_only=True):
    """Another time for an opening."""

    until: AwareDatetime
    since: AwareDatetime | None = None  # left out: as it is


class ScriptSitePreview(msgspec.Struct, frozen=True, kw_only=True):
    """A site now, and after it was opened."""

    is_closed: bool
    why: str  # where it is closed
    would_open: bool
    why_not: str  # where opening it would change nothing


class PassedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A colleague who is to decide a request."""

    to: Username
    note: LongText = ""


class RequestWait(msgspec.Struct, frozen=True, kw_only=True):
    """How long requests wait."""

    school_days: RequestDays  # after the one of asking; 0: until its end


class RoomRename(msgspec.Struct, frozen=True, kw_only=True):
    """A room's new name."""

    name: RoomName
    instead_of: RoomName = ""  # the name that the script saw; "": whatever it is


class ScriptOpening(msgspec.Struct, frozen=True, kw_only=True):
    """What is open, or will be."""

    id: int
    site: str
    also: list[str]
    room: str  # "": every room
    groups: list[str]  # none: every group
    for_one_device: bool
    since: datetime
    until: datetime
    by: str
    closed_by_trust: list[str]  # of its names: they stay closed all the same
    locked: list[str]  # the same, where nobody at the school can open them


class NewRule(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of the school's own to add."""

    name: SiteName
    action: Literal["allow", "block"]
    note: Note = ""
    locked: bool = False  # nobody can open it
    subdomains: bool = True  # for the names below it as well
    groups: Groups = ()  # none: every group
    category: Category = ""  # what it is counted as
    safe_search: bool = True  # whether an opened search engine keeps it


class ScriptRule(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of the school's own."""

    id: int
    name: str
    action: str
    locked: bool
    note: str
    by: str
    made_at: datetime
    subdomains: bool
    groups: list[str]
    category: str
    safe_search: bool
    change: str = ""  # by which adding it is undone, for a month


class RulePreview(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule would come to."""

    words: str
    groups: list[ScriptGroupSites]
    last_week: list[str]  # what is known of it from the last week


class ReportPart(msgspec.Struct, frozen=True, kw_only=True):
    """A table of a report."""

    title: str
    columns: list[str]
    rows: list[list[str | int | float | None]]  # None: too few to be told
    note: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A report, without names and without any number under five."""

    kind: str
    title: str
    since: datetime
    until: datetime
    parts: list[ReportPart]


class MonthOfReports(msgspec.Struct, frozen=True, kw_only=True):
    """A month in numbers; none that is under five."""

    first_day: str
    requests: int | None
    approved: int | None
    denied: int | None
    undecided: int | None
    minutes_to_decision: int | None
    openings: int | None
    site_reports: int | None


class GroupDecides(msgspec.Struct, frozen=True, kw_only=True):
    """What a group of devices gets of a site, and why."""

    group: str
    is_default: bool
    is_closed: bool
    can_open: bool  # by an opening
    opened_until: datetime | None
    category: str
    source: str
    entry: str
    steps: list[str]  # what each step of the decision says of it


class TouchingEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of a list that touches a site."""

    category: str
    sources: list[str]
    entry: str
    does: str  # "closes", "opens"
    decides: bool


class SiteExplained(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of a site, as rooms decide it now."""

    site: str
    groups: list[GroupDecides]
    entries: list[TouchingEntry]
    rules: list[ScriptRule]
    openings: list[ScriptOpening]


class ScriptSiteReport(msgspec.Struct, frozen=True, kw_only=True):
    """A site that a teacher reported."""

    id: str
    site: str
    room: str
    teacher: str
    note: str
    reported_at: datetime
    state: str  # "open", "passed on", "answered", "put away"
    passed_to: str
    passed_by: str
    passed_at: datetime | None
    answer: str


class SiteReportText(msgspec.Struct, frozen=True, kw_only=True):
    """What to send to the provider or an authority: it names no person, room or device."""

    text: str


class ResolvedReport(msgspec.Struct, frozen=True, kw_only=True):
    """How a report is put away."""

    close: bool = False  # its site with a rule first


class PassedReport(msgspec.Struct, frozen=True, kw_only=True):
    """To whom a report was passed on: the provider, an authority."""

    to: Note


class OutsideAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What the provider or authority said to a report."""

    answer: LongText


REQUEST_ID = Annotated[Id, msgspec.Meta(description="The request's id.")]
REPORT_ID = Annotated[Id, msgspec.Meta(description="The report's id.")]
