"""The routes of the machine interface, made from the table of its operations (`appliance.operations`).

Before a view is called it is known which room asks and that it may; the address has its form, and the body is a
message that may enter. What is wrong is refused in this order, whichever operation it is.
"""

import functools
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, TypeVar

import msgspec
from flask import Blueprint, Response, g, request
from werkzeug.exceptions import UnsupportedMediaType

from appliance import protocol
from appliance.central import room_copies, room_life
from appliance.central.errors import Busy, NotFound
from appliance.central.models import RoomRow
from appliance.central.room_budget import record_over_budget
from appliance.control_characters import find_control_character
from appliance.message_check import BadMessage, check_message
from appliance.operations import BASE_PATH, MAX_BODY_BYTES, OPERATIONS, Operation
from appliance.problem_details import ProblemType
from appliance.rights import ROOM, Right, Scope, has_right
from dns.errors import DECODING_FAILED
from webui.api import views
from webui.api.path_forms import MAX_DIGITS, flask_path, install_path_forms
from webui.api.responses import install_problem_handlers, problem_response
from webui.api.room_credentials import NotAdmitted, read_caller
from webui.api.script_access import authenticate_script, is_for_scripts
from webui.api.script_views import make_script_view
from webui.api.unknown_addresses import answer_unknown_addresses
from webui.shared.access import requested_right, requires

T = TypeVar("T", bound=msgspec.Struct)

_FEED = "api.get_feed"
_CERTIFICATE = "api.request_certificate"
_BEARER = "Bearer "

api = Blueprint("api", __name__, url_prefix=BASE_PATH)
install_problem_handlers(api)
install_path_forms(api)


@api.before_request
def _authenticate() -> Response | None:
    request.max_content_length = MAX_BODY_BYTES
    given = request.headers.get("Authorization", "")
    if is_for_scripts(request.path):
        return authenticate_script(given.removeprefix(_BEARER) if given.startswith(_BEARER) else "")
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
        text = request.args.get(name, "")
        try:
            found[name] = read_value(text, kind) if text else ""
        except msgspec.ValidationError:
            raise BadMessage(f"{name} has not its form") from None
        if find_control_character(text):
            raise BadMessage(f"{name} holds a control character, which no text may")
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


for _operation in OPERATIONS:
    api.add_url_rule(
        flask_path(_operation),
        _operation.id,
        _make_view(_operation),
        methods=[_operation.method],
        provide_automatic_options=False,
    )
answer_unknown_addresses(api, OPERATIONS, Right.FOLLOW_SCHOOL)
