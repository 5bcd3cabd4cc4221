"""What a trust's own scripts and the trust say to each other; the limits stand in the types, as in `protocol`."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from appliance.protocol import Id, LongText, ShortText
from appliance.trust_protocol import SchoolNumbers

EntriesWanted = Literal["in-force", "taken-back"]
EntryKind = Literal["category", "name", "open", "rule", "source"]
Number = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
SchoolIds = Annotated[tuple[Id, ...], msgspec.Meta(max_length=5000)]


class TrustSchool(msgspec.Struct, frozen=True, kw_only=True):
    """A school of the trust's, and how it is: numbers, and no names."""

    id: str
    name: str
    state: str  # "registered", "enrolled", "retired", "revoked"
    is_silent: bool  # not heard of for an hour
    is_behind: bool  # an older document holds there, by its own word
    last_seen: datetime | None
    numbers: SchoolNumbers | None  # what it told last; null where a number is under five


class TrustEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is laid down, or was."""

    number: int
    kind: str
    content: dict[str, Any]
    schools: list[str]  # ids; empty: all of them
    made_at: datetime
    made_by: str
    ended_at: datetime | None  # null: in force
    ended_by: str


class NewTrustEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Something to be laid down. Which fields count depends on the kind."""

    kind: EntryKind
    schools: SchoolIds = ()  # ids; empty: all of them
    category: ShortText = ""  # of a category, and of a source
    name: Annotated[str, msgspec.Meta(max_length=253)] = ""  # of everything but a category
    action: Literal["allow", "block"] = "block"  # of a rule
    location: Annotated[str, msgspec.Meta(max_length=1000)] = ""  # of a source: its https:// address
    note: LongText = ""  # of a name, of one kept open, of a rule

    def content(self) -> dict[str, Any]:
        """Return what is laid down, as `appliance.trust.entries` takes it."""
        return {name: getattr(self, name) for name in _FIELDS[self.kind]}


_FIELDS: dict[EntryKind, tuple[str, ...]] = {
    "category": ("category",),
    "name": ("name", "note"),
    "open": ("name", "note"),
    "rule": ("name", "action", "note"),
    "source": ("name", "category", "location"),
}
