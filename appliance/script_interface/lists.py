"""The lists that a school subscribes to, as its own scripts see and change them."""

from typing import Annotated, Literal

import msgspec

from appliance.control_characters import REQUIRED_TEXT_PATTERN
from appliance.script_interface.values import Category, Name

_Location = Annotated[str, msgspec.Meta(max_length=2000, pattern="^https://[!-~]*$")]
_Short = Annotated[str, msgspec.Meta(max_length=16, pattern="^[a-z-]*$")]
SetId = Annotated[str, msgspec.Meta(max_length=64, extra_json_schema={"pattern": REQUIRED_TEXT_PATTERN})]


class HeldListCopy(msgspec.Struct, frozen=True, kw_only=True):
    """A download that waits for somebody, as it would change so much."""

    added: int
    removed: int


class ScriptList(msgspec.Struct, frozen=True, kw_only=True):
    """A list that the school subscribes to."""

    id: int
    name: str
    category: str
    location: str  # "": a file that was handed in
    format: str
    match: str
    action: str  # "block" or "allow"
    allow_wide: bool  # whether it may close whole endings
    by_trust: bool
    age_seconds: float | None  # of the copy in use; None: there is none
    failures: int  # downloads since then
    error: str
    held: HeldListCopy | None


class ScriptLists(msgspec.Struct, frozen=True, kw_only=True):
    """The school's lists."""

    lists: list[ScriptList]
    uses_builtin: bool  # the starter list
    published: str  # what names the index that rooms are to have


class NewList(msgspec.Struct, frozen=True, kw_only=True):
    """A list to subscribe to, at an https address."""

    name: Name
    location: _Location
    category: Category  # "all": it opens whatever closes
    format: _Short = "auto"
    match: _Short = ""
    action: Literal["block", "allow"] = "block"
    allow_wide: bool | None = None  # left out: as the catalogue says


class ListUse(msgspec.Struct, frozen=True, kw_only=True):
    """How a list is to be used; what is left out stays."""

    action: Literal["block", "allow"] | None = None
    allow_wide: bool | None = None


class BuiltinUse(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the list that Hallpass brings is used."""

    is_used: bool


class UsePreview(msgspec.Struct, frozen=True, kw_only=True):
    """What a use of a list means, in words."""

    words: list[str]


class ReadySet(msgspec.Struct, frozen=True, kw_only=True):
    """A ready-made set of lists, openings and profiles."""

    id: str
    name: str
    about: str


class ChosenSet(msgspec.Struct, frozen=True, kw_only=True):
    """Which ready-made set is to be added; what is there stays."""

    set: SetId


class AddedSet(msgspec.Struct, frozen=True, kw_only=True):
    """What a set brought."""

    sources: list[str]
    openings: list[str]
    profiles: list[str]
