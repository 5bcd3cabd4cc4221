"""What a room and central say to each other: the values that travel over central's machine interface.

All under ``/api/v1``, JSON, with ``Authorization: Bearer TOKEN`` naming the room:

=======  ======================  ==========================================================================
method   path                    meaning
=======  ======================  ==========================================================================
GET      /feed                   a response that does not end: one line of JSON (`Target`) at once and at
                                 every change; an empty line every ten seconds so that silence is noticed
GET      /policy                 this room's `dns.policy.document.PolicyDocument`; its ETag is its digest
GET      /index/HASH             the compiled index, as one file (see `blocklists.index`); with ``?base=HASH`` of
                                 one that the room has, an overlay (`blocklists.delta`) where that is smaller
PUT      /requests/ID            an `UnblockRequest`; the same ID again changes nothing (200 instead of 201)
DELETE   /requests/ID            the teacher takes a waiting request back
GET      /requests               this room's requests of today, as a list of `RequestState`
PUT      /reports/ID             a `SiteReport`: "this should be closed"; idempotent like a request
PUT      /incidents/ID           an `Incident`; idempotent
PUT      /actions/ID             a `RoomAction`: what a teacher did in the room, for the audit; idempotent
PUT      /health                 a `RoomHealth`, whenever it has changed and every ten minutes
GET      /accounts               a list of `AccountState`: which sessions and kept sign-ins of a room are over
POST     /sign-in                `Credentials`; answers with an `Account`, or 401; or 429 with ``Retry-After``
                                 (seconds) after too many wrong tries
GET      /log-key                the key of the room's query log (`LogKey`)
=======  ======================  ==========================================================================

The feed says where the room should be, not what happened: a room that missed ten changes needs only the last
line. IDs are made by the room (32 hexadecimal digits), so that a request sent twice arrives once.
Errors are ``{"error": "one sentence"}`` with the HTTP status that fits.

What may enter is checked where it enters, once, by whoever takes it in: shapes, lengths and zones by decoding, the
characters of texts and the range of times by `check`. What was kept before is read as it is: a text that may not
enter today must not make a list unreadable in which it already stands.
"""

import re
from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec

from appliance.errors import HallpassError
from appliance.rights import Role
from dns.policy.document import PolicyDocument

# The length as well: to a regular expression's `$` a line's end after the digits is the end.
Id = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$", max_length=32)]
Username = Annotated[str, msgspec.Meta(max_length=64)]
AwareDatetime = Annotated[datetime, msgspec.Meta(tz=True)]
Evidence = Annotated[str, msgspec.Meta(max_length=2000)]  # a name whose every byte is escaped has a thousand
ShortText = Annotated[str, msgspec.Meta(max_length=64)]


class Target(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a room should be: fetch what differs from what it has.

    Equal targets mean the same place: neither the time of the line nor the inline copy of the policy counts.
    """

    policy: int  # the version of its policy document: what a room that knows no digests follows
    index: str  # the hash of its compiled index; "" while none has been compiled
    requests: int  # grows whenever the state of one of its requests changes
    policy_digest: str = ""  # of the policy's content; the number may lie after a restore, this cannot
    epoch: str = ""  # of central's database: another one after each restore, when nothing kept may be believed
    accounts: str = ""  # the digest of what a room must know of accounts
    time: float = 0.0  # central's clock when the line was made, Unix seconds; 0: not said
    document: PolicyDocument | None = None  # the policy itself, where it is small and the line before had another

    def __eq__(self, other: object) -> bool:
        """Tell whether both say the same place."""
        return self._place() == other._place() if isinstance(other, Target) else NotImplemented

    def __hash__(self) -> int:
        """Equal targets have equal hashes."""
        return hash(self._place())

    def _place(self) -> tuple[object, ...]:
        return (self.policy, self.index, self.requests, self.policy_digest, self.epoch, self.accounts)


class UnblockRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A teacher's wish to open a site for their room."""

    id: Id
    site: str  # canonical name
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
    minutes: Annotated[int, msgspec.Meta(ge=1, le=7 * 24 * 60)]
    teacher: Username
    asked_at: AwareDatetime
    lesson: Annotated[str, msgspec.Meta(max_length=200)] = ""
    also: Annotated[tuple[str, ...], msgspec.Meta(max_length=100)] = ()  # extra names the site needs


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
    teacher: Username
    reported_at: AwareDatetime
    note: Annotated[str, msgspec.Meta(max_length=500)] = ""


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """Something the safeguarding lead should look at. Names no person: `device` is the room's token for it."""

    id: Id
    kind: Literal["locked-category", "many-refusals", "tunnel", "bypass", "told-a-grown-up"]
    happened_at: AwareDatetime
    device: Annotated[str, msgspec.Meta(max_length=64)]
    evidence: Annotated[tuple[Evidence, ...], msgspec.Meta(max_length=100)]


class RoomAction(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was decided in the room itself: a lesson, a pause, a suspended device, an opening."""

    id: Id
    who: Username
    what: Annotated[str, msgspec.Meta(max_length=64)]
    detail: Annotated[str, msgspec.Meta(max_length=2000)] = ""
    happened_at: AwareDatetime


class RoomHealth(msgspec.Struct, frozen=True, kw_only=True):
    """How a room is."""

    version: Annotated[str, msgspec.Meta(max_length=64)]  # of Hallpass
    policy: Annotated[int, msgspec.Meta(ge=0, le=2**53)]
    index: Annotated[str, msgspec.Meta(max_length=128)]
    index_age_seconds: Annotated[float, msgspec.Meta(ge=0, le=1e12)]
    conditions: Annotated[tuple[ShortText, ...], msgspec.Meta(max_length=100)]
    # the values of `appliance.room.conditions.Condition`; empty: healthy
    policy_digest: ShortText = ""  # the one that its policy came with; "": the room knows no digests
    # central's clock minus the room's; None: not measured
    clock_difference_seconds: Annotated[float, msgspec.Meta(ge=-1e12, le=1e12)] | None = None


class Credentials(msgspec.Struct, frozen=True):
    """What somebody typed to sign in."""

    username: Annotated[str, msgspec.Meta(max_length=200)]
    password: Annotated[str, msgspec.Meta(max_length=1000)]
    device: ShortText = ""  # the room's token for the browser: a claim, worth something in this room only


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """Who signed in."""

    username: str
    name: str
    role: Role
    ends: datetime | None = None  # a supply teacher's account ends
    valid_after: datetime | None = None  # what is older is over: grows with each new password


class AccountState(msgspec.Struct, frozen=True, kw_only=True):
    """What a room must know of an account, so that nothing in it outlives the account or its password."""

    username: str
    valid_after: datetime  # sessions and kept sign-ins of before are over; 1970 where nothing is
    role: Role
    ends: datetime | None = None


class LogKey(msgspec.Struct, frozen=True):
    """The key of a room's query log: 64 hexadecimal digits, held in memory only."""

    key: str


class BadMessage(HallpassError):
    """Something in a message may not be there; the text is one sentence that names the field."""


_CONTROL_CHARACTER = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029]"
)  # C0, DEL, C1, and the ends of lines and paragraphs
_REQUIRED_TEXTS = frozenset({"reason", "teacher", "what", "who"})
_UNCHECKED_FIELDS = frozenset({"id", "password"})  # only compared, never kept as text; an `Id` has its pattern
_FIRST, _LAST = (
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(2200, 1, 1, tzinfo=UTC),
)  # a Pi without a clock begins 1970


def normalize_username(typed: str) -> str:
    """Return a user name as accounts have it."""
    return typed.strip().lower()


def check_message(message: msgspec.Struct) -> None:
    """Raise BadMessage where a text, or a time, within a message is none that can be kept everywhere.

    A database may refuse a NUL (PostgreSQL does), a page or a log is broken up by other control characters, and
    times at the very ends of the calendar have no other zone.
    """
    for field in message.__struct_fields__:
        if field not in _UNCHECKED_FIELDS:
            _check_field(field, getattr(message, field))


def _check_field(field: str, value: object) -> None:
    match value:
        case msgspec.Struct():
            check_message(value)
        case tuple():
            for one in value:
                _check_field(field, one)
        case str():
            if found := find_control_character(value):
                raise BadMessage(f"{field} holds a control character ({found}), which no text may")
            if field in _REQUIRED_TEXTS and not value.strip():
                raise BadMessage(f"{field} is blank")
        case datetime():
            if value.tzinfo is None or not _FIRST <= value < _LAST:
                raise BadMessage(f"{field} is no time with its zone between 1970 and 2200")


def find_control_character(text: str) -> str:
    """Return the first control character in a text, as `U+0000`; "" where there is none."""
    found = _CONTROL_CHARACTER.search(text)
    return f"U+{ord(found[0]):04X}" if found else ""


def escape_control_characters(text: str) -> str:
    r"""Return a text with its control characters written out, as `\x00`: for evidence, which must not be lost."""
    return _CONTROL_CHARACTER.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
