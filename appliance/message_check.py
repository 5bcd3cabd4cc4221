"""What the types of a message cannot say: which characters its texts may hold, and which years its times.

A field whose text may not be blank is marked by `REQUIRED` in its type (`appliance.protocol`).
"""

import functools
from datetime import datetime
from typing import get_args

import msgspec

from appliance.control_characters import find_control_character, is_blank
from appliance.errors import HallpassError

REQUIRED = "required"
_FIRST_YEAR = 1970  # where a Pi without a clock begins
_LAST_YEAR = 2199  # the ends of the calendar have no other zone
_UNCHECKED_FIELDS = frozenset({"id", "password"})  # only compared, never kept as text; an `Id` has its pattern


class BadMessage(HallpassError):
    """Something in a message may not be there; the text is one sentence that names the field."""


def check_message(message: msgspec.Struct) -> None:
    """Raise BadMessage where a text, or a time, within a message is none that can be kept everywhere.

    A database may refuse a NUL (PostgreSQL does), a page or a log is broken up by other control characters or
    reads differently by them, and times at the very ends of the calendar have no other zone.
    """
    required = _required_fields(type(message))
    for field in message.__struct_fields__:
        if field not in _UNCHECKED_FIELDS:
            _check_field(field, getattr(message, field), is_required=field in required)


def check_value(name: str, value: object, kind: object) -> None:
    """Raise BadMessage where one value, of a type as messages' fields have it, may not be there."""
    _check_field(name, value, is_required=_is_required(kind))


def _check_field(field: str, value: object, *, is_required: bool) -> None:
    match value:
        case msgspec.Struct():
            check_message(value)
        case tuple():
            for one in value:
                _check_field(field, one, is_required=is_required)
        case str():
            if found := find_control_character(value):
                raise BadMessage(f"{field} holds a control character ({found}), which no text may")
            if is_required and is_blank(value):
                raise BadMessage(f"{field} is blank")
        case datetime():
            if value.tzinfo is None or not _FIRST_YEAR <= value.year <= _LAST_YEAR:
                raise BadMessage(f"{field} is no time with its zone between 1970 and 2200")


@functools.cache
def _required_fields(kind: type[msgspec.Struct]) -> frozenset[str]:
    """Return the fields whose texts, alone or in a list, may not be blank."""
    return frozenset(field.name for field in msgspec.structs.fields(kind) if _is_required(field.type))


def _is_required(annotation: object) -> bool:
    limits = getattr(annotation, "__metadata__", ())
    marked = any(isinstance(one, msgspec.Meta) and (one.extra or {}).get(REQUIRED) for one in limits)
    return marked or any(_is_required(one) for one in get_args(annotation))
