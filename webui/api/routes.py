"""The routes of the machine interface, made from the table of its operations (`appliance.operations`).

Before a view is called it is known which room asks and that it may; the address has its form, and the body is a
message that may enter. What is wrong is refused in this order, whichever operation it is.
"""

import functools
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, g, request

from appliance import protocol
from appliance.central import room_copies, room_life
from appliance.central.errors import Busy
from appliance.central.models import RoomRow
from appliance.central.room_budget import record_over_budget
from appliance.message_check import BadMessage
from appliance.operations import BASE_PATH, MAX_BODY_BYTES, OPERATIONS, Operation
from appliance.problem_details import ProblemType
from appliance.rights import ROOM, Right, Scope, has_right
from webui.api import views
from webui.api.call_reading import read_address, read_bearer_token, read_message
from webui.api.operation_rules import add_operations
from webui.api.responses import install_problem_handlers, problem_response
from webui.api.room_credentials import NotAdmitted, read_caller
from webui.api.script_access import authenticate_script, is_for_scripts
from webui.api.script_views import make_script_view
from webui.shared.access import requested_right, requires

_FEED = "api.get_feed"
_CERTIFICATE = "api.request_certificate"

api = Blueprint("api", __name__, url_prefix=BASE_PATH)
install_problem_handlers(api)


@api.before_request
def _authenticate() -> Response | None:
    request.max_content_length = MAX_BODY_BYTES
    if is_for_scripts(request.path):
        return authenticate_script(read_bearer_token())
    try:
        g.caller = read_caller(views.central(), is_renewal=request.endpoint == _CERTIFICATE)
    except NotAdmitted as problem:
        response = problem_response(problem.kind, str(problem))
        response.headers["WWW-Authenticate"] = "Bearer"  # RFC 6750: it is the room that is refused, no password
        return response
    g.room = g.caller.room
    return _refuse_room(g.room)


def _refuse_room(room: RoomRow) -> Response | None:
    """Return why a room whose token is known may not call, or None."""
    if words := room_life.ended_words(room, views.central().now()):
        return problem_response(ProblemType.ROOM_ENDED, words)
    if room_copies.is_stopped(room, views.arrival()):
        return problem_response(ProblemType.COPY_STOPPED, room_copies.STOPPED_WORDS)
    if request.endpoint != _FEED and room_copies.is_off_chain(room, views.arrival()):
        return problem_response(ProblemType.BUSY, protocol.FOLLOWED_BY_LINKS, retry_seconds=1)
    right = requested_right()
    if right is None or not has_right(ROOM, right, Scope.ROOM):
        return problem_response(ProblemType.NOT_FOR_ROOMS, "this is not for rooms")
    return None


def _make_view(operation: Operation) -> Callable[..., Response]:
    view: Callable[..., Response] = (
        getattr(views, operation.id) if operation.caller == "room" else make_script_view(operation)
    )

    @requires(operation.right)
    def serve(**parameters: Any) -> Response:
        parameters = read_address(operation, parameters)
        if operation.body is None:
            return _within_budget(operation, 1, functools.partial(view, **parameters))
        message: Any = read_message(operation.body)
        given = parameters.pop("message_id", None)
        if given is not None and given != message.id:
            raise BadMessage("the id in the address is not the one in the body")
        count = len(message.actions) if isinstance(message, protocol.RoomActions) else 1
        return _within_budget(operation, count, functools.partial(view, message, **parameters))

    return serve


def _within_budget(operation: Operation, count: int, answer: Callable[[], Response]) -> Response:
    """Answer where the room may still have central write so much today. Raises Busy, and what the view raises."""
    if operation.caller != "room" or operation.method == "GET":
        return answer()
    central, room = views.central(), g.room
    try:
        central.room_budget.spend(room.id, operation.id, count)
    except Busy as problem:
        if central.room_budget.is_worth_a_note(room.id):
            with central.store.write_session(affects_rooms=False) as session:
                record_over_budget(session, central.now(), room, str(problem))
        raise
    is_written = False
    try:
        response = answer()
        is_written = response.status_code < HTTPStatus.BAD_REQUEST
    finally:
        if not is_written:
            central.room_budget.take_back(room.id, operation.id, count)
    return response


add_operations(api, OPERATIONS, _make_view, Right.FOLLOW_SCHOOL)
