"""Devices and their groups, as a school's own scripts see and change them."""

from datetime import datetime
from typing import Annotated

import msgspec

from appliance.control_characters import TEXT_PATTERN
from appliance.script_interface.values import Name, Note, Revision, RoomName, RowId

MAX_IMPORTED = 500

GroupName = Annotated[str, msgspec.Meta(max_length=64, extra_json_schema={"pattern": TEXT_PATTERN})]  # "": of none
_Address = Annotated[str, msgspec.Meta(max_length=64, extra_json_schema={"pattern": TEXT_PATTERN})]
Addresses = Annotated[tuple[_Address, ...], msgspec.Meta(min_length=1, max_length=16)]
Networks = Annotated[tuple[_Address, ...], msgspec.Meta(max_length=100)]
DeviceIds = Annotated[tuple[RowId, ...], msgspec.Meta(min_length=1, max_length=500)]
Edition = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]


class ScriptDevice(msgspec.Struct, frozen=True, kw_only=True):
    """A device that has a name."""

    id: int
    name: str
    addresses: list[str]  # MAC and IP addresses
    group: str  # "": none of its own
    note: str
    edition: int  # grows with each change
    last_seen: datetime | None  # within a week; None: it was not
    last_room: str  # in which that was
    risks: list[str] = []  # what the school should know of it


class DeviceList(msgspec.Struct, frozen=True, kw_only=True):
    """A page of devices, by name."""

    devices: list[ScriptDevice]
    total: int
    page: int
    pages: int


class UnnamedDevice(msgspec.Struct, frozen=True, kw_only=True):
    """A device that rooms have seen within a week, and that has no name."""

    mac: str
    addresses: list[str]
    room: str
    first_seen: datetime
    last_seen: datetime
    is_random: bool  # it made its address up itself


class UnnamedDevices(msgspec.Struct, frozen=True, kw_only=True):
    """A page of them, the one seen last first."""

    devices: list[UnnamedDevice]
    total: int
    page: int


class SentDevice(msgspec.Struct, frozen=True, kw_only=True):
    """A device and its name."""

    name: Name
    addresses: Addresses
    group: GroupName = ""  # "": none of its own
    note: Note = ""


class ChangedDevice(SentDevice, frozen=True, kw_only=True):
    """What a device is to be, as a whole."""

    edition: Edition = 0  # that the script saw; 0: whatever it is


class MovedDevices(msgspec.Struct, frozen=True, kw_only=True):
    """Devices that are to belong to a group."""

    devices: DeviceIds
    group: GroupName  # "": none of their own


class SentDevices(msgspec.Struct, frozen=True, kw_only=True):
    """Devices to add, or to change: known by an address. Those that are not named stay."""

    devices: Annotated[tuple[SentDevice, ...], msgspec.Meta(min_length=1, max_length=MAX_IMPORTED)]


class ScriptGroupEffect(msgspec.Struct, frozen=True, kw_only=True):
    """What devices may see more or less when they come from one group into another."""

    devices: int  # 0: nobody knows how many
    before: str
    after: str
    opens: list[str]  # categories
    closes: list[str]
    other: list[str]  # in words


class ScriptEffects(msgspec.Struct, frozen=True, kw_only=True):
    """What a change of devices or of a group comes to."""

    effects: list[ScriptGroupEffect]


class SentDevicesResult(msgspec.Struct, frozen=True, kw_only=True):
    """What sent devices come to: errors stand in a preview alone, for where there are any nothing is saved."""

    added: int
    changed: int
    unchanged: int
    errors: list[str]
    effects: list[ScriptGroupEffect]


class DevicesMoved(msgspec.Struct, frozen=True, kw_only=True):
    """How many devices are in another group now."""

    moved: int


class ScriptGroup(msgspec.Struct, frozen=True, kw_only=True):
    """A group of devices."""

    name: str
    devices: int
    networks: list[str]  # whose devices belong to it
    only_from: list[str]  # outside which no device counts as one of it; none: everywhere
    rooms: list[str]  # whose devices belong to it unless they are in another
    is_default: bool
    opens: list[str]  # categories that are closed to the default group
    risks: list[str]
    revision: str  # of its networks


class GroupNetworks(msgspec.Struct, frozen=True, kw_only=True):
    """The networks of a group."""

    group: Name
    networks: Networks
    only_from: Networks = ()
    revision: Revision = ""  # of the networks that the script saw; "": whatever they are


class GroupOfRoom(msgspec.Struct, frozen=True, kw_only=True):
    """The group that a room's devices belong to, unless they are in another."""

    room: RoomName
    group: GroupName  # "": the school's default
    instead_of: GroupName | None = None  # that the script saw; left out: whatever it is
