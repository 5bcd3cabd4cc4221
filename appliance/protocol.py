"""What a room and central say to each other: the values that travel over central's machine interface.

All under ``/api/v1``, JSON, with ``Authorization: Bearer TOKEN`` naming the room:

=======  ======================  ==========================================================================
method   path                    meaning
=======  ======================  ==========================================================================
GET      /feed                   a response that does not end: one line of JSON (`Target`) at once and at
                                 every change; an empty line every ten seconds so that silence is noticed
GET      /policy                 this room's `dns.policy.document.PolicyDocument`
GET      /index/HASH             the compiled index, as one file (see `blocklists.index`); with ``?base=HASH`` of
                                 one that the room has, an overlay (`blocklists.layers`) where that is smaller
PUT      /requests/ID            an `UnblockRequest`; the same ID again changes nothing (200 instead of 201)
DELETE   /requests/ID            the teacher takes a waiting request back
GET      /requests               this room's requests of today, as a list of `RequestState`
PUT      /reports/ID             a `SiteReport`: "this should be closed"; idempotent like a request
PUT      /incidents/ID           an `Incident`; idempotent
PUT      /actions/ID             a `RoomAction`: what a teacher did in the room, for the audit; idempotent
PUT      /health                 a `RoomHealth`
POST     /sign-in                `Credentials`; answers with an `Account`, or 401
GET      /log-key                the key of the room's query log (`LogKey`)
=======  ======================  ==========================================================================

The feed says where the room should be, not what happened: a room that missed ten changes needs only the last
line. IDs are made by the room (32 hexadecimal digits), so that a request sent twice arrives once.
Errors are ``{"error": "one sentence"}`` with the HTTP status that fits.
"""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

Id = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]
Role = Literal["teacher", "coordinator", "safeguarding", "head", "governor", "technician"]


class Target(msgspec.Struct, frozen=True):
    """Where a room should be: fetch what differs from what it has."""

    policy: int  # the version of its policy document
    index: str  # the hash of its compiled index; "" while none has been compiled
    requests: int  # grows whenever the state of one of its requests changes


class UnblockRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A teacher's wish to open a site for their room."""

    id: Id
    site: str  # canonical name
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
    minutes: Annotated[int, msgspec.Meta(ge=1, le=7 * 24 * 60)]
    teacher: str  # the account's user name
    asked_at: datetime
    lesson: Annotated[str, msgspec.Meta(max_length=200)] = ""
    also: tuple[str, ...] = ()  # extra names the site needs


class RequestState(msgspec.Struct, frozen=True, kw_only=True):
    """A request as central sees it."""

    request: UnblockRequest
    state: Literal["waiting", "approved", "denied", "withdrawn", "ended"]
    decided_by: str = ""
    answer: str = ""  # the coordinator's words to the teacher
    until: datetime | None = None


class SiteReport(msgspec.Struct, frozen=True, kw_only=True):
    """A teacher's "this should be closed"."""

    id: Id
    site: str
    teacher: str
    reported_at: datetime
    note: Annotated[str, msgspec.Meta(max_length=500)] = ""


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """Something the safeguarding lead should look at. Names no person: `device` is the room's token for it."""

    id: Id
    kind: Literal["locked-category", "many-refusals", "tunnel", "bypass", "told-a-grown-up"]
    happened_at: datetime
    device: str
    evidence: tuple[str, ...]


class RoomAction(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was decided in the room itself: a lesson, a pause, a suspended device, an opening."""

    id: Id
    who: str  # the account's user name
    what: Annotated[str, msgspec.Meta(max_length=64)]
    detail: Annotated[str, msgspec.Meta(max_length=2000)] = ""
    happened_at: datetime


class RoomHealth(msgspec.Struct, frozen=True, kw_only=True):
    """How a room is."""

    version: str  # of Hallpass
    policy: int
    index: str
    index_age_seconds: float
    conditions: tuple[str, ...]  # the values of `appliance.room.health.Condition`; empty: healthy


class Credentials(msgspec.Struct, frozen=True):
    """What somebody typed to sign in."""

    username: str
    password: str


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """Who signed in."""

    username: str
    name: str
    role: Role
    ends: datetime | None = None  # a supply teacher's account ends


class LogKey(msgspec.Struct, frozen=True):
    """The key of a room's query log: 64 hexadecimal digits, held in memory only."""

    key: str
