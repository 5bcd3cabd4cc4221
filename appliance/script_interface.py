"""What a school's own scripts and central say to each other; the limits stand in the types, as in `protocol`."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from appliance.protocol import LongText, ShortText, SiteName

MAX_LISTED = 500

RowId = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
Minutes = Annotated[int, msgspec.Meta(ge=1, le=7 * 24 * 60)]
RoomName = Annotated[str, msgspec.Meta(max_length=100, extra_json_schema={"pattern": "^[^\\u0000-\\u001f]*$"})]
FurtherNames = Annotated[tuple[SiteName, ...], msgspec.Meta(max_length=100)]
Groups = Annotated[tuple[ShortText, ...], msgspec.Meta(max_length=100)]
RequestsWanted = Literal["waiting", "decided"]
ReportWanted = Literal["weekly", "termly", "annual", "parents"]


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


class NewRule(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of the school's own to add, for a name and its subdomains."""

    name: SiteName
    action: Literal["allow", "block"]
    note: Annotated[str, msgspec.Meta(max_length=200, extra_json_schema={"pattern": "^[^\\u0000-\\u001f]*$"})] = ""


class ScriptRule(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of the school's own."""

    id: int
    name: str
    action: str
    locked: bool
    note: str
    by: str
    made_at: datetime


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
