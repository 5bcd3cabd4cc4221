"""The limits of what scripts send, and the values that several features share; as in `appliance.protocol`."""

from typing import Annotated, Literal

import msgspec

from appliance.control_characters import REQUIRED_TEXT_PATTERN, TEXT_PATTERN
from appliance.message_check import REQUIRED
from appliance.protocol import Id, SiteName

MAX_LISTED = 500

RowId = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
PageNumber = Annotated[int, msgspec.Meta(ge=1, le=10**6)]
Minutes = Annotated[int, msgspec.Meta(ge=1, le=7 * 24 * 60)]
RoomName = Annotated[str, msgspec.Meta(max_length=100, extra_json_schema={"pattern": TEXT_PATTERN})]
FurtherNames = Annotated[tuple[SiteName, ...], msgspec.Meta(max_length=100)]
Note = Annotated[str, msgspec.Meta(max_length=200, extra_json_schema={"pattern": TEXT_PATTERN})]
Words = Annotated[str, msgspec.Meta(max_length=100, extra_json_schema={"pattern": TEXT_PATTERN})]  # to search for
Day = Annotated[str, msgspec.Meta(max_length=10, pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]  # in the school's zone
DayWanted = Annotated[str, msgspec.Meta(max_length=10, pattern="^(?:[0-9]{4}-[0-9]{2}-[0-9]{2})?$")]  # "": any
Revision = Annotated[str, msgspec.Meta(max_length=16, pattern="^[0-9a-f]*$")]
ChangeId = Annotated[Id, msgspec.Meta(description="The change's id, as the answer to it had it.")]
Category = Annotated[str, msgspec.Meta(max_length=64, extra_json_schema={"pattern": TEXT_PATTERN})]
Categories = Annotated[tuple[Category, ...], msgspec.Meta(max_length=200)]
Yes = Literal["yes"]


def _required(max_length: int) -> msgspec.Meta:
    return msgspec.Meta(
        max_length=max_length, extra_json_schema={"pattern": REQUIRED_TEXT_PATTERN}, extra={REQUIRED: True}
    )


Name = Annotated[str, _required(64)]  # of a group and its profile, a device, a list
Reason = Annotated[str, _required(500)]
LongReason = Annotated[str, _required(4000)]
Groups = Annotated[tuple[Name, ...], msgspec.Meta(max_length=100)]


class ScriptChange(msgspec.Struct, frozen=True, kw_only=True):
    """What was changed, and how it is undone."""

    change: str  # by which it is undone, for a month; "": it was so already
    words: list[str] = []  # what should be known of it


class ScriptUndo(msgspec.Struct, frozen=True, kw_only=True):
    """What is as it was before."""

    what: str


class ScriptSiteChange(msgspec.Struct, frozen=True, kw_only=True):
    """A site that would be decided in another way."""

    site: str
    was: str  # "allowed", "refused" or "rewritten" (to the safe version)
    becomes: str
    why: str


class ScriptGroupSites(msgspec.Struct, frozen=True, kw_only=True):
    """The sites that would be decided in another way for a group."""

    group: str
    sites: list[ScriptSiteChange]
