"""The policy document: everything a room needs in order to decide, as one versioned, readable value.

Central makes one for each room and sends it as JSON; a room alone makes a small one from its settings; a person
can write one as TOML. All times carry their zone. Fields this version does not know are passed over when it is
read, and kept in the file, because the agent stores the bytes it was sent.
"""

from datetime import datetime
from typing import Literal

import msgspec


class Rule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One allow or block entry of the school's own, for a name and its subdomains."""

    name: str
    action: Literal["allow", "block"]
    subdomains: bool = True
    locked: bool = False  # nobody can open it; only on block rules
    groups: tuple[str, ...] = ()  # empty: every group
    note: str = ""


class Unblock(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A granted, time-limited opening. The document is a room's, so room and school scope look the same here."""

    id: str
    site: str
    until: datetime
    since: datetime | None = None
    also: tuple[str, ...] = ()  # the extra names granted with it, each with its subdomains
    groups: tuple[str, ...] = ()  # empty: every group
    by: str = ""  # who granted it, for the explanation


class Profile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the devices of a group may see."""

    name: str
    closed: tuple[str, ...] = ()  # categories
    safe_search: bool = False
    youtube: Literal["strict", "moderate", "off"] = "strict"
    keywords: bool = False
    strip_ech: bool = False
    refusal: Literal["null", "nxdomain", "page"] = "null"


class Group(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Devices that share a profile."""

    name: str
    profile: str
    members: tuple[str, ...] = ()  # addresses, networks (CIDR), MAC addresses, device names


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
