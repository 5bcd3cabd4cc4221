"""What a call of a machine interface says: the credential it bears, its address, and its message."""

from typing import Any, TypeVar

import msgspec
from flask import request
from werkzeug.exceptions import UnsupportedMediaType

from appliance.central.errors import NotFound
from appliance.control_characters import find_control_character
from appliance.message_check import BadMessage, check_message, check_value
from appliance.operations import Operation
from dns.errors import DECODING_FAILED
from webui.api.path_forms import MAX_DIGITS

T = TypeVar("T", bound=msgspec.Struct)

_BEARER = "Bearer "


def read_bearer_token() -> str:
    """Return the token in `Authorization` (RFC 6750, section 2.1), or "": there is none."""
    given = request.headers.get("Authorization", "")
    return given.removeprefix(_BEARER) if given.startswith(_BEARER) else ""


def read_address(operation: Operation, parameters: dict[str, Any]) -> dict[str, Any]:
    """Return what an address says, each part as its type. Raises NotFound or BadMessage."""
    found = {}
    for name, kind in operation.parameters.items():
        try:
            found[name] = read_value(parameters[name], kind)
        except msgspec.ValidationError:
            raise NotFound(f"there is nothing here whose {name} has this form") from None
        if find_control_character(parameters[name]):  # PostgreSQL keeps no NUL, and looks for none
            raise NotFound(f"there is nothing here whose {name} has this form")
    for name, kind in operation.query.items():
        text = request.args.get(name)
        if text is None:
            found[name] = ""
            continue
        try:
            found[name] = read_value(text, kind)
        except msgspec.ValidationError:
            raise BadMessage(f"{name} has not its form") from None
        check_value(name, found[name], kind)
    return found


def read_value(text: str, kind: Any) -> Any:
    """Return what a part of an address says: text, or a number in plain digits. Raises msgspec.ValidationError."""
    try:
        return msgspec.convert(text, kind)
    except msgspec.ValidationError:
        if not (text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS):
            raise
        return msgspec.convert(int(text), kind)


def read_message(kind: type[T]) -> T:
    """Return what a room sent. Raises BadMessage where something in it may not enter."""
    if request.mimetype not in ("", "application/json"):  # rooms of before name none
        raise UnsupportedMediaType("a message is application/json")
    try:
        message = msgspec.json.decode(request.get_data(), type=kind)
    except DECODING_FAILED as problem:
        raise BadMessage(str(problem)) from None
    check_message(message)
    return message
