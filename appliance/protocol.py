"""What a room and central say to each other: the values that travel over central's machine interface.

Which of them travels where, and what may be answered, stands in `appliance.operations`; both together make the
document that describes the interface (`appliance.openapi`). The feed says where the room should be, not what
happened: a room that missed ten changes needs only the last line. IDs are made by the room (32 hexadecimal
digits), so that a request sent twice arrives once.

Every limit stands in the types. What may enter is checked where it enters, once, by whoever takes it in: shapes,
lengths, numbers and zones by decoding, the characters of texts and the years of times by
`appliance.message_check`. What was kept before is read as it is: a text that may not enter today must not make a
list unreadable in which it already stands.
"""

import unicodedata
from datetime import datetime
from typing import Annotated, Literal

import msgspec

from appliance.control_characters import REQUIRED_TEXT_PATTERN, TEXT_PATTERN
from appliance.message_check import REQUIRED
from appliance.rights import Role
from dns.policy.document import PolicyDocument

TIME_PATTERN = "^(?:19[7-9][0-9]|2[01][0-9][0-9])-"
# What central answers to a token alone, while the room that it is of follows by its links.
FOLLOWED_BY_LINKS = "another one follows as this room: whoever calls opens the feed first"
MAX_KEPT_HEADS = 100
MAX_SEEN_DEVICES = 500  # in one message
MAX_COUNTED_ANSWERS = 300
MAX_COUNT = 10**9  # of one verdict and category, within an hour: a room answers a hundredth of it
MAX_REFUSED_SITES = 50
MIN_DEVICES = 5  # that asked for a site within an hour, before it is named to central


def _text(max_length: int, *, is_required: bool = False) -> msgspec.Meta:
    """Return the limits of a text: its length, no control characters, and not blank where it is required."""
    pattern = REQUIRED_TEXT_PATTERN if is_required else TEXT_PATTERN
    return msgspec.Meta(
        max_length=max_length, extra_json_schema={"pattern": pattern}, extra={REQUIRED: is_required}
    )


# The length as well: to Python's `$` a line's end after the digits is the end.
Id = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$", max_length=32)]
Digest = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$", max_length=64)]
Username = Annotated[str, _text(64, is_required=True)]
SiteName = Annotated[str, _text(253)]  # whether it is one, and what to write instead, whoever takes it says
AwareDatetime = Annotated[datetime, msgspec.Meta(tz=True, extra_json_schema={"pattern": TIME_PATTERN})]
Evidence = Annotated[str, _text(2000)]  # a name whose every byte is escaped has a thousand
ShortText = Annotated[str, _text(64)]
LongText = Annotated[str, _text(500)]


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
    lookups: int = 0  # grows whenever the room is asked about a device
    incidents: int = 0  # grows whenever one of its incidents was dealt with, or is open again
    authority: str = ""  # who signs rooms' certificates now; "": nobody, or a central of before
    pages: str = ""  # the digest of the certificate for its pages; "": none, or a central of before
    time: float = 0.0  # central's clock when the line was made, Unix seconds; 0: not said
    document: PolicyDocument | None = None  # the policy itself, where it is small and the line before had another

    def __eq__(self, other: object) -> bool:
        """Tell whether both say the same place."""
        return self._place() == other._place() if isinstance(other, Target) else NotImplemented

    def __hash__(self) -> int:
        """Equal targets have equal hashes."""
        return hash(self._place())

    def _place(self) -> tuple[object, ...]:
        return (
            self.policy, self.index, self.requests, self.policy_digest, self.epoch, self.accounts, self.lookups,
            self.incidents, self.authority, self.pages,
        )  # fmt: skip


class UnblockRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A teacher's wish to open a site for their room."""

    id: Id
    site: SiteName  # canonical
    reason: Annotated[str, _text(500, is_required=True)]
    minutes: Annotated[int, msgspec.Meta(ge=1, le=7 * 24 * 60)]
    teacher: Username
    asked_at: AwareDatetime
    lesson: Annotated[str, _text(200)] = ""
    also: Annotated[tuple[SiteName, ...], msgspec.Meta(max_length=100)] = ()  # extra names the site needs
    since: AwareDatetime | None = None  # for a lesson to come: from when on; None: as soon as somebody decides
    device: ShortText = ""  # the room's token of the one device that it is for; "": for the room
    urgent: bool = False  # the lesson is now
    seen_with: Annotated[tuple[SiteName, ...], msgspec.Meta(max_length=20)] = ()
    # names that were refused together with the site: nobody has asked for them


class RequestState(msgspec.Struct, frozen=True, kw_only=True):
    """A request as central sees it."""

    request: UnblockRequest
    state: Literal["waiting", "approved", "denied", "withdrawn", "ended"]
    decided_by: str = ""
    answer: str = ""  # the coordinator's words to the teacher
    until: datetime | None = None
    since: datetime | None = None  # of what was approved: open from then on; None: an older central does not say
    # `state` is "denied" then, with words for the teacher: what a room of before this field shows is true as well.
    expired: bool = False  # nobody decided in time
    decided_at: datetime | None = None
    expires: datetime | None = None  # until when it waits
    permanent: bool = False  # approved by a rule: it does not end by itself
    for_device: bool = False  # what was approved is open for the one device that the request names


class SiteReport(msgspec.Struct, frozen=True, kw_only=True):
    """A teacher's "this should be closed"."""

    id: Id
    site: SiteName
    teacher: Username
    reported_at: AwareDatetime
    note: LongText = ""


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """Something the safeguarding lead should look at. Names no person: `device` is the room's token for it."""

    id: Id
    kind: Literal["locked-category", "many-refusals", "tunnel", "bypass", "told-a-grown-up"]
    happened_at: AwareDatetime
    device: ShortText
    evidence: Annotated[tuple[Evidence, ...], msgspec.Meta(max_length=100)]
    group: ShortText = ""  # of the device; "": the room does not say


class ClosedIncident(msgspec.Struct, frozen=True, kw_only=True):
    """An incident of the room's that somebody has dealt with: all that a room hears of it."""

    id: Id
    happened_at: AwareDatetime


class LookupQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """A question to a room: what did one device ask for, from when until when? Whose word it is, and why."""

    id: Id
    device: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{12}$", max_length=12)]  # the room's token for it
    since: AwareDatetime
    until: AwareDatetime
    who: Username
    reason: Annotated[str, _text(500, is_required=True)]
    staff_groups: Annotated[tuple[ShortText, ...], msgspec.Meta(max_length=100)]
    of_staff: bool  # what the device asked for in one of those groups; False: in any other


class LookupEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a room's log, for a look-up."""

    second: Annotated[int, msgspec.Meta(ge=0, le=2**40)]  # Unix time
    name: Evidence
    type: ShortText
    verdict: ShortText
    category: ShortText
    count: Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class LookupAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a room says to a look-up: the newest lines, as many as there is place for."""

    id: Id
    entries: Annotated[tuple[LookupEntry, ...], msgspec.Meta(max_length=500)] = ()
    is_cut: bool = False  # there are more
    error: LongText = ""  # why there is none


class RoomAction(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was decided in the room itself: a lesson, a pause, a suspended device, an opening."""

    id: Id
    who: Username
    what: Annotated[str, _text(64, is_required=True)]
    detail: Annotated[str, _text(2000)] = ""
    happened_at: AwareDatetime


class SeenDevice(msgspec.Struct, frozen=True, kw_only=True):
    """A device that the room has heard of on its own network. Nothing of what it asked."""

    mac: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{2}(:[0-9a-f]{2}){5}$", max_length=17)]
    address: Annotated[str, msgspec.Meta(pattern="^[0-9a-f.:]{2,45}$", max_length=45)]
    seconds_ago: Annotated[float, msgspec.Meta(ge=0, le=1e6)]  # since it was heard of last


class SeenDevices(msgspec.Struct, frozen=True, kw_only=True):
    """Devices on the room's own network, those heard of last first."""

    devices: Annotated[tuple[SeenDevice, ...], msgspec.Meta(max_length=MAX_SEEN_DEVICES)]


class RoomActions(msgspec.Struct, frozen=True, kw_only=True):
    """Several of them, in one message."""

    actions: Annotated[tuple[RoomAction, ...], msgspec.Meta(max_length=100)]


class RoomHealth(msgspec.Struct, frozen=True, kw_only=True):
    """How a room is."""

    version: ShortText  # of Hallpass
    policy: Annotated[int, msgspec.Meta(ge=0, le=2**53)]
    index: Annotated[str, _text(128)]
    index_age_seconds: Annotated[float, msgspec.Meta(ge=0, le=1e12)]
    conditions: Annotated[tuple[ShortText, ...], msgspec.Meta(max_length=100)]
    # the values of `appliance.room.conditions.Condition`; empty: healthy
    policy_digest: ShortText = ""  # the one that its policy came with; "": the room knows no digests
    # central's clock minus the room's; None: not measured
    clock_difference_seconds: Annotated[float, msgspec.Meta(ge=-1e12, le=1e12)] | None = None


class HealthReceived(msgspec.Struct, frozen=True, omit_defaults=True):
    """That a room's health is known; with it the newest entry of the audit, which the room keeps."""

    audit_number: int = 0  # 0: not said
    audit_hash: str = ""
    audit_time: float = 0.0  # central's clock, Unix seconds
    # Where teachers of rooms without HTTPS sign in; "": nowhere but in the room. Central never takes it back for a
    # fault of its own: a room would ask for passwords in the clear again.
    sign_in_url: str = ""


class KeptHead(msgspec.Struct, frozen=True, kw_only=True):
    """The newest entry that the audit had at a time, as central said it to a room."""

    number: Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
    hash: Digest
    at: AwareDatetime  # by central's clock


class KeptHeads(msgspec.Struct, frozen=True):
    """What a room has kept of the audit, the oldest first."""

    heads: Annotated[tuple[KeptHead, ...], msgspec.Meta(max_length=MAX_KEPT_HEADS)]


# A thousand rooms of such hours can still be added up in 64 bits, after thirteen months as well.
_Count = Annotated[int, msgspec.Meta(ge=0, le=MAX_COUNT)]


class CountedAnswers(msgspec.Struct, frozen=True):
    """How many answers of an hour had a verdict and a category."""

    verdict: Literal["allowed", "refused", "rewritten", "failed"]
    category: ShortText  # "": none
    answers: _Count


class CountedSite(msgspec.Struct, frozen=True):
    """A site that was refused, for which at least `MIN_DEVICES` devices asked within the hour."""

    site: SiteName
    category: ShortText
    answers: _Count


class HourCounts(msgspec.Struct, frozen=True, kw_only=True):
    """An hour of a room's, in numbers; what is said last of an hour counts."""

    hour: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]  # since 1970-01-01T00:00Z
    answers: Annotated[tuple[CountedAnswers, ...], msgspec.Meta(max_length=MAX_COUNTED_ANSWERS)]
    sites: Annotated[tuple[CountedSite, ...], msgspec.Meta(max_length=MAX_REFUSED_SITES)] = ()


class Credentials(msgspec.Struct, frozen=True):
    """What somebody typed to sign in."""

    username: Annotated[str, _text(200)]
    password: Annotated[str, msgspec.Meta(max_length=1000)]
    device: ShortText = ""  # the room's token for the browser: a claim, worth something in this room only
    step: Annotated[str, _text(1000)] = ""  # central's word that the password was right
    code: ShortText = ""  # of a second factor; with `step`, instead of a password


# What central leads a browser to with a ticket: a room's own page, and nothing that a header could be made of.
RETURN_URL_PATTERN = r"^https?://(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9a-f:.]{2,45}\])(?::[0-9]{1,5})?/sign-in/ticket$(?!\n)"


class RoomSignInStart(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody in a room is about to sign in at central."""

    state_hash: Digest  # of what their browser keeps, and brings back with the ticket
    return_url: Annotated[str, msgspec.Meta(pattern=RETURN_URL_PATTERN, max_length=300)]


class RoomSignInPage(msgspec.Struct, frozen=True, kw_only=True):
    """Where they sign in."""

    id: Id
    url: str


class SignInTicket(msgspec.Struct, frozen=True, kw_only=True):
    """What a browser brought back from central."""

    id: Id
    state: Digest
    ticket: Digest


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """Who signed in."""

    username: str
    name: str
    role: Role  # the first of them; to rooms, "teacher" or one that is nothing there
    more_roles: tuple[Role, ...] = ()  # the others; rooms are not told of them
    ends: datetime | None = None  # a supply teacher's account ends
    valid_after: datetime | None = None  # what is older is over: grows with each new password
    has_second_factor: bool = False  # a password alone signs nobody in

    @property
    def roles(self) -> tuple[Role, ...]:
        """All of an account's roles."""
        return (self.role, *self.more_roles)


class AccountState(msgspec.Struct, frozen=True, kw_only=True):
    """What a room must know of an account, so that nothing in it outlives the account or its password."""

    username: str
    valid_after: datetime  # sessions and kept sign-ins of before are over; 1970 where nothing is
    role: Role
    ends: datetime | None = None


class LogKey(msgspec.Struct, frozen=True):
    """The key of a room's query log: 64 hexadecimal digits, held in memory only."""

    key: str


class CertificateRequest(msgspec.Struct, frozen=True):
    """A room wants a certificate, its first or another one."""

    # PKCS#10, DER, base64
    request: Annotated[str, msgspec.Meta(max_length=2000, pattern="^[A-Za-z0-9+/]+={0,2}$")]


class IssuedCertificate(msgspec.Struct, frozen=True):
    """What a room shows central from now on, and whom it trusts about central."""

    certificate: str  # PEM
    authority: str  # PEM


class PageCertificate(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the pages of a room are to be served with, over HTTPS; without a name: nothing that central has."""

    digest: str = ""  # as the feed names it
    name: str = ""  # what a browser asks for
    certificate: str = ""  # PEM, with its chain; "": central signs what the room's own key asks for
    key: str = ""  # PEM; "": the room's own
    publicly_trusted: bool = False  # every browser knows its authority: they are told to insist on HTTPS


class Received(msgspec.Struct, frozen=True):
    """What was sent is kept: nothing more is to be said."""


def normalize_username(typed: str) -> str:
    """Return a user name as accounts have it."""
    return unicodedata.normalize("NFC", typed.strip().lower())  # keyboards send one letter with its accent as two
