"""Operations' addresses as Flask writes them: a part that has a form takes nothing else.

What stands in an address without having that form is no such address, and may be another operation's.
"""

from typing import Any

import msgspec
from flask import Blueprint
from werkzeug.routing import BaseConverter, Map

from appliance.operations import Operation

MAX_DIGITS = 18  # of a number in an address


class FormConverter(BaseConverter):
    """A part of an address that has a form."""

    def __init__(self, map: Map, pattern: str) -> None:  # noqa: A002 (werkzeug's word)
        super().__init__(map)
        self.regex = pattern


class AnythingConverter(BaseConverter):
    """Whatever is left of an address; werkzeug's own `path` leaves out those with a line feed in them."""

    regex = "(?s:.+)"
    part_isolating = False


CONVERTERS = {"form": FormConverter, "anything": AnythingConverter}


def install_path_forms(api: Blueprint) -> None:
    """Let an interface's addresses have forms; to be called before its first rule is added."""
    api.record(lambda state: state.app.url_map.converters.update(CONVERTERS))


def flask_path(operation: Operation) -> str:
    """Return an operation's path as Flask writes it."""
    path = operation.path
    for name, kind in operation.parameters.items():
        form = _form_of(kind) if operation.caller == "script" else ""
        path = path.replace(f"{{{name}}}", f"<form('{form}'):{name}>" if form else f"<{name}>")
    return path


def _form_of(kind: Any) -> str:
    """Return the form of what stands in an address, as a regular expression; "": any text."""
    match msgspec.inspect.type_info(kind):
        case msgspec.inspect.IntType():
            return f"[0-9]{{1,{MAX_DIGITS}}}"
        case msgspec.inspect.LiteralType(values=values):
            return "|".join(map(str, values))
        case msgspec.inspect.StrType(pattern=str(pattern)):
            return pattern.strip("^$")
        case msgspec.inspect.Metadata(type=msgspec.inspect.StrType(pattern=str(pattern))):
            return pattern.strip("^$")
    return ""
