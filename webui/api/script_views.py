"""Answers scripts (see `appliance.operations.scripts`).

For each operation a session is opened as it needs one, its view asks the services, and the answer is made of the
operation's type. A view returns rows of the database, values of services, or plain ones; whatever the type has no
field for is left out, so that nothing is told by having been added to a table.
"""

import functools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from types import ModuleType
from typing import Any

import msgspec
from flask import Response, stream_with_context
from sqlalchemy.orm import Session

from appliance.operations import Operation
from webui.api.responses import json_response
from webui.api.school.call import SchoolCall
from webui.api.script_access import script
from webui.api.views import central

View = Callable[..., Any]
_JSON = "application/json"
_NO_CONTENT = 204


def make_script_view(operation: Operation) -> Callable[..., Response]:
    """Return what answers an operation: given the message, where there is one, and what stands in the address."""

    def answer(*message: msgspec.Struct, **parameters: Any) -> Response:
        caller = script()
        with _open_session(operation) as session:
            call = SchoolCall(
                central(), session, by=caller.actor, owner=caller.owner, is_preview=operation.is_preview
            )
            response = _respond(operation, find_view(operation)(call, *message, **parameters, **operation.fixed))
        for act in call.afterwards:
            act()
        return response

    return answer


def find_view(operation: Operation) -> View:
    """Return the view of an operation."""
    name = operation.view or operation.id
    found: View = next(getattr(one, name) for one in _load_views() if hasattr(one, name))
    return found


@functools.cache
def _load_views() -> tuple[ModuleType, ...]:
    # Rooms call at the same port, and need none of the services that scripts ask: two megabytes at rest.
    from webui.api.school import decisions, devices, incidents, lists, people, settings  # noqa: PLC0415 (above)

    return (decisions, devices, settings, lists, incidents, people)


def _open_session(operation: Operation) -> AbstractContextManager[Session]:
    store = central().store
    if operation.writes == "nothing":
        return store.read_session()
    return store.write_session(affects_rooms=operation.writes == "school")


def _respond(operation: Operation, found: Any) -> Response:
    ((status, answer),) = operation.answers.items()
    if status == _NO_CONTENT:
        return Response(status=status)
    if answer.media_type != _JSON:
        lines = stream_with_context(found) if isinstance(found, Iterator) else found
        return Response(lines, status, mimetype=answer.media_type)
    return json_response(msgspec.convert(found, answer.kind, from_attributes=True), status)
