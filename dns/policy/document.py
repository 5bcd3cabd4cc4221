"""The policy document: everything a room needs in order to decide, as one versioned, readable value.

Central makes one for each room and sends it as JSON; a room alone makes a small one from its settings; a person
can write one as TOML. All times carry their zone, except the hours of a timetable, which are what the school's
clock shows. Fields this version does not know are passed over when it is read, and kept in the file, because the
agent stores the bytes it was sent. What the fields mean together is decided in `dns.policy.steps`.
"""

from datetime import date, datetime
from typing import Annotated, Literal

import msgspec

ONE_DEVICE = "*one device*"  # in `Unblock.groups`, beside `Unblock.device`
EVERY_CATEGORY = "*"  # in `Profile.closed`: everything that any list closes

Clock = Annotated[str, msgspec.Meta(pattern=r"^(?:[01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$")]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Positive = Annotated[int, msgspec.Meta(ge=1)]
NotNegative = Annotated[int, msgspec.Meta(ge=0)]


class Rule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One allow or block entry of the school's own, for a name and its subdomains."""

    name: str
    action: Literal["allow", "block"]
    subdomains: bool = True
    locked: bool = False  # nobody can open it; only on block rules
    groups: tuple[str, ...] = ()  # empty: every group
    note: str = ""
    category: str = ""  # what the school counts it under, for the log and the pages
    safe_search: bool = True  # an allowed search engine keeps its safe search; False lifts it
    device: str = ""  # for this device alone, written like a member of a group: only what a room closes by itself
    by_trust: bool = False  # made by the trust that the school belongs to


class Unblock(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A granted, time-limited opening. The document is a room's, so room and school scope look the same here.

    Whoever writes one for a device also names a group that there is not (`ONE_DEVICE`): a version that knows no
    such openings then opens it for nobody, and not for everybody.
    """

    id: str
    site: str
    until: datetime
    since: datetime | None = None
    also: tuple[str, ...] = ()  # the extra names granted with it, each with its subdomains
    groups: tuple[str, ...] = ()  # empty: every group; passed over where it is for one device
    device: str = ""  # for this device alone: written like a member of a group; an unknown one: nobody
    by: str = ""  # who granted it, for the explanation
    request: str = ""  # the id of the request that it answers, by which a room ends it
    safe_search: bool = True  # an opened search engine keeps its safe search; False lifts it


class SiteBundle(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The further names that a site needs in order to work: opened with it, and part of a lesson with it."""

    site: str
    names: tuple[str, ...]


class Lesson(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Lesson mode: only these sites for a time. It closes the rest; it opens nothing that is closed."""

    id: str
    sites: tuple[str, ...]
    until: datetime
    since: datetime | None = None
    also: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()  # empty: every group
    by: str = ""
    title: str = ""


class Pause(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Nothing but the appliance for a time."""

    id: str
    until: datetime
    since: datetime | None = None
    groups: tuple[str, ...] = ()  # empty: every group
    by: str = ""


class Suspension(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One device without the internet for a time."""

    id: str
    device: str  # written like a member of a group: address, network, MAC address or device name
    until: datetime
    since: datetime | None = None
    by: str = ""


class Period(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Some hours in which more is closed, or less. In force while the school's clock shows a time within it.

    Where `end` is not after `start` the period runs over midnight and belongs to the day on which it starts.
    """

    start: Clock
    end: Clock  # not included; "24:00" is the end of the day
    name: str = ""
    days: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri")
    when: Literal["school-days", "other-days", "every-day"] = "school-days"  # of those weekdays
    closes: tuple[str, ...] = ()  # categories; closing wins where two periods disagree
    opens: tuple[str, ...] = ()


class Span(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Some days: a term, a holiday."""

    first: date
    last: date  # included
    name: str = ""


class Profile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the devices of a group may see."""

    name: str
    closed: tuple[str, ...] = ()  # categories; "*" closes every one
    safe_search: bool = False
    youtube: Literal["strict", "moderate", "off"] = "strict"  # where safe search is on
    safe_search_except: tuple[str, ...] = ()  # engines left as they are: the names of `dns.policy.safe_search`
    keywords: bool = False
    strip_ech: bool = False
    refusal: Literal["null", "nxdomain", "page"] = "null"
    timetable: tuple[Period, ...] = ()


class Device(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A device that the school knows by name."""

    name: str
    addresses: tuple[str, ...] = ()  # IP and MAC addresses


class Group(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Devices that share a profile."""

    name: str
    profile: str
    members: tuple[str, ...] = ()  # addresses, networks (CIDR), ranges (a-b), MAC addresses, device names
    only_from: tuple[str, ...] = ()  # networks outside which no name and no MAC address counts; none: everywhere


class Delegation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What teachers may open by themselves, without waiting for the coordinator."""

    categories: tuple[str, ...]
    minutes: Positive = 60  # for how long at most
    per_day: NotNegative = 5  # how often one teacher may on one day; 0: as often as they like
    groups: tuple[str, ...] = ()  # empty: for every group


class BlockedRange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Addresses that no name may lead to."""

    network: str  # an address, a network (CIDR) or a range (a-b)
    category: str = ""
    note: str = ""


class IncidentThresholds(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """From where on refusals are an incident for the safeguarding lead (`appliance.room.incidents.rules`)."""

    many_refusals: Positive = 60  # of one device, within
    many_minutes: Positive = 10
    bypass_names: Positive = 3  # different ways round the filter that one device asked for within an hour
    again_minutes: Positive = 60  # how long the same device and cause make no second incident


class PupilPages(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What pupils read in every room: on the page where something is closed, and on the poster."""

    help_line: str = ""  # whom pupils may turn to, in one line; "": none is named
    rules: tuple[str, ...] = ()  # of using the internet, for the poster; none: those that Hallpass brings
    shared: tuple[str, ...] = ()  # devices and groups whose devices several pupils use: told nothing of before


class SchoolPlan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A lesson plan of the school's, which every room shows: by itself it opens and closes nothing (ADR 0009)."""

    id: str  # thirty-two hexadecimal digits
    title: str
    links: tuple[str, ...]  # as they were pasted
    minutes: Positive = 60


class PolicyDocument(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A whole room's policy."""

    version: int
    school: str = ""
    room: str = ""
    timezone: str = "Europe/London"
    default_group: str = "pupils"
    groups: tuple[Group, ...] = ()
    profiles: tuple[Profile, ...] = ()
    rules: tuple[Rule, ...] = ()
    unblocks: tuple[Unblock, ...] = ()
    locked_categories: tuple[str, ...] = ()
    trust: str = ""  # the name of the trust that the school belongs to; "": none
    trust_categories: tuple[str, ...] = ()  # of the locked ones, those that the trust has locked
    issued: datetime | None = None  # when it was made: no clock that shows an earlier time can be right
    devices: tuple[Device, ...] = ()
    terms: tuple[Span, ...] = ()  # none: every day outside the holidays is a school day
    holidays: tuple[Span, ...] = ()
    bundles: tuple[SiteBundle, ...] = ()  # the school's own; they replace the built-in bundle of the same site
    lessons: tuple[Lesson, ...] = ()
    pauses: tuple[Pause, ...] = ()
    suspensions: tuple[Suspension, ...] = ()
    delegations: tuple[Delegation, ...] = ()
    appliance_names: tuple[str, ...] = ()  # what the appliance itself needs: central, clocks, list hosts
    private_names: tuple[str, ...] = ()  # names that may lead to private addresses: the school's own servers
    closed_addresses: tuple[BlockedRange, ...] = ()
    tunnels: Literal["off", "report", "close"] = "report"  # what happens where questions look like carried data
    incidents: IncidentThresholds = IncidentThresholds()
    button_pause_minutes: NotNegative = 0  # for how long the room's button pauses it; 0: it may not
    pupil_pages: PupilPages = PupilPages()
    school_plans: tuple[SchoolPlan, ...] = ()  # in the order in which the rooms show them


def timed_items(document: PolicyDocument) -> tuple[Unblock | Lesson | Pause | Suspension, ...]:
    """Return everything in a document that begins and ends."""
    return (*document.unblocks, *document.lessons, *document.pauses, *document.suspensions)


def parse_toml_document(text: bytes) -> PolicyDocument:
    """Read a document that a person wrote. Raises ValueError with one line that says what is wrong."""
    return msgspec.toml.decode(text, type=PolicyDocument)


json_decoder = msgspec.json.Decoder(PolicyDocument)
json_encoder = msgspec.json.Encoder()
