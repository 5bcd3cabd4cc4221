"""Incidents, look-ups and the audit, as a school's own scripts see them.

A device is known by the room's token for it, and by nothing else: whose it is says the answer to a look-up alone.
"""

from datetime import date, datetime
from typing import Annotated, Literal

import msgspec

from appliance.protocol import AwareDatetime, Id, LookupAnswer, ShortText, Username
from appliance.script_interface.values import Day, LongReason, Note, Reason, RoomName, Words

IncidentId = Annotated[Id, msgspec.Meta(description="The incident's id.")]
LookupId = Annotated[Id, msgspec.Meta(description="The look-up's id.")]
IncidentsShown = Literal["open", "new", "seen", "assigned", "referred", "closed", "all"]
EntryNumber = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
AuditWords = Words
_Version = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]


class ScriptIncident(msgspec.Struct, frozen=True, kw_only=True):
    """What happened once, or several times, with one device."""

    id: str
    room: str
    kind: str
    words: str  # what the kind is
    is_urgent: bool
    device: str  # the room's token for it
    first_at: datetime
    last_at: datetime
    count: int
    unseen: int
    state: str
    due_at: datetime
    assigned_to: str
    referred_to: str
    referred_on: date | None
    outcome: str
    held_by: str
    changed_by: str
    version: int  # grows with each change


class IncidentList(msgspec.Struct, frozen=True, kw_only=True):
    """A page of incidents, what nobody has looked at first."""

    incidents: list[ScriptIncident]
    total: int
    page: int
    pages: int


class IncidentEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """One of the times, and what was asked for."""

    id: str
    happened_at: datetime
    device: str
    evidence: list[str]


class IncidentEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A note, or a change of an incident's state."""

    at: datetime
    who: str
    text: str
    is_change: bool


class IncidentInFull(msgspec.Struct, frozen=True, kw_only=True):
    """An incident with its evidence and history."""

    incident: ScriptIncident
    evidence: list[IncidentEvidence]
    history: list[IncidentEntry]


class IncidentStep(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of an incident."""

    state: Literal["seen", "assigned", "referred", "closed"]
    assigned_to: Note = ""  # with "assigned"
    referred_to: Literal["", "authority", "police", "provider"] = ""  # with "referred"
    referred_on: Day | None = None
    outcome: Annotated[str, LongReason.__metadata__[0]] | None = None  # with "closed"
    version: _Version | None = None  # that the script saw; left out: whatever it is


class IncidentUndo(msgspec.Struct, frozen=True, kw_only=True):
    """Which change of an incident is taken back."""

    version: _Version | None = None  # after it; left out: the last one


class IncidentNote(msgspec.Struct, frozen=True, kw_only=True):
    """A note to an incident."""

    id: Id  # made up by the script: sent twice, it stands there once
    text: LongReason


class IncidentHold(msgspec.Struct, frozen=True, kw_only=True):
    """Why an incident is kept beyond its time."""

    reason: LongReason


class NewLookup(msgspec.Struct, frozen=True, kw_only=True):
    """A question to a room about one of its devices."""

    id: Id  # made up by the script: sent twice, it is asked once
    room: RoomName
    device: ShortText  # the room's token for it, as it stands with an incident
    since: AwareDatetime
    until: AwareDatetime  # a day later at most
    reason: Reason  # it stands in the audit, here and in the room


class ScriptLookup(msgspec.Struct, frozen=True, kw_only=True):
    """What a room was asked, and what became of it."""

    id: str
    room: str
    device: str
    since: datetime
    until: datetime
    reason: str
    by: str
    asked_at: datetime
    state: str  # "waiting", "answered", "failed", "expired", "deleted"
    error: str


class AnsweredLookup(msgspec.Struct, frozen=True, kw_only=True):
    """What a room was asked, and what it said."""

    lookup: ScriptLookup
    answer: LookupAnswer | None  # None: there is none, or none any more


class ScriptAuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Who did what."""

    number: int
    at: datetime
    who: str
    room: str  # who says that it was `who`; "": it is known here
    what: str
    detail: str
    hash: str


class AuditList(msgspec.Struct, frozen=True, kw_only=True):
    """A page of entries, the newest first."""

    entries: list[ScriptAuditEntry]
    has_newer: bool
    has_older: bool


AuditPerson = Username
