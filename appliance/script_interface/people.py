"""Accounts of supply teachers, as a school's own scripts see and change them: those of nobody else."""

from datetime import datetime
from typing import Annotated

import msgspec

from appliance.control_characters import TEXT_PATTERN
from appliance.protocol import Username
from appliance.script_interface.values import Day, RoomName

_PersonName = Annotated[str, msgspec.Meta(max_length=200, extra_json_schema={"pattern": TEXT_PATTERN})]
RoomNames = Annotated[tuple[RoomName, ...], msgspec.Meta(max_length=100)]  # none: every room


class SupplyAccount(msgspec.Struct, frozen=True, kw_only=True):
    """A supply teacher's account."""

    username: str
    name: str
    rooms: list[str]  # to sign in at; none: every room
    ends: datetime | None
    has_ended: bool


class NewSupplyAccount(msgspec.Struct, frozen=True, kw_only=True):
    """A supply teacher's account to make."""

    username: Username
    name: _PersonName
    last_day: Day  # within a year
    rooms: RoomNames = ()


class SupplyChange(msgspec.Struct, frozen=True, kw_only=True):
    """What a supply teacher's account is to be."""

    name: _PersonName
    last_day: Day
    rooms: RoomNames = ()


class SupplyReturn(msgspec.Struct, frozen=True, kw_only=True):
    """Until when an ended account is to be used again."""

    last_day: Day


class SupplyLink(msgspec.Struct, frozen=True, kw_only=True):
    """By which the owner of an account sets a password, once; whoever has it can."""

    username: str
    path: str  # below the address of central's pages
    ends: datetime
