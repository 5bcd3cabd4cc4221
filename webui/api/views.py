"""What rooms call (see `appliance.protocol`): each view reads, asks a service, and answers."""

import contextlib
import re
from collections.abc import Generator
from typing import Any, TypeVar

import msgspec
from flask import Blueprint, Response, current_app, g, request
from sqlalchemy.exc import DataError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException

from appliance import protocol
from appliance.central import incidents, reports, requests, room_actions, rooms
from appliance.central.account_states import list_account_states
from appliance.central.errors import Busy, CentralError, NotFound
from appliance.central.models import RoomRow
from appliance.central.service import Central
from appliance.central.sign_in import room_origin
from appliance.rights import ROOM, Right, Scope, has_right
from appliance.sign_in_throttle import TooManyTries
from dns.errors import DECODING_FAILED
from webui.api.index_download import index_response
from webui.shared import event_stream
from webui.shared.access import requested_right, requires

T = TypeVar("T", bound=msgspec.Struct)

api = Blueprint("api", __name__, url_prefix="/api/v1")

_encoder = msgspec.json.Encoder()
_BEARER = "Bearer "
_ID = re.compile("[0-9a-f]{32}")
DATABASE_RETRY_SECONDS = 5
MAX_BODY_BYTES = 64 * 1024  # bytes; the largest honest one is an incident with its evidence


def central() -> Central:
    """Return the service that this application serves."""
    service: Central = current_app.extensions["central"]
    return service


@api.before_request
def _authenticate_room() -> Response | None:
    request.max_content_length = MAX_BODY_BYTES
    given = request.headers.get("Authorization", "")
    if given.startswith(_BEARER):
        with central().store.read_session() as session:
            g.room = rooms.find_room_by_token(session, given.removeprefix(_BEARER))
        if g.room is not None:
            right = requested_right()
            allowed = right is not None and has_right(ROOM, right, Scope.ROOM)
            return None if allowed else _error_response("this is not for rooms", 403)
    response = _error_response("this token is not known here", 401)
    response.headers["WWW-Authenticate"] = "Bearer"  # RFC 6750: it is the room that is not known, not a password
    return response


@api.errorhandler(Busy)
def _handle_busy(problem: Busy) -> Response:
    return _later_response(str(problem), problem.retry_seconds)


@api.errorhandler(OperationalError)
@api.errorhandler(InterfaceError)
@api.errorhandler(PoolTimeout)
def _handle_database_away(problem: SQLAlchemyError) -> Response:
    current_app.logger.warning("%s waits for the database: %s", request.path, problem)
    return _later_response("the database is busy or away", DATABASE_RETRY_SECONDS)


@api.errorhandler(DataError)
@api.errorhandler(OverflowError)
def _handle_unkeepable(_problem: Exception) -> Response:
    return _error_response("something in it is larger than can be kept", 400)


@api.errorhandler(CentralError)
def _handle_central_error(problem: CentralError) -> Response:
    return _error_response(str(problem), 404 if isinstance(problem, NotFound) else 409)


@api.errorhandler(protocol.BadMessage)
@api.errorhandler(msgspec.MsgspecError)
def _handle_bad_message(problem: Exception) -> Response:
    return _error_response(f"not understood: {problem}", 400)


@api.errorhandler(HTTPException)
def _handle_http_error(problem: HTTPException) -> Response:
    return _error_response(problem.name, problem.code or 500)


def answer_elsewhere(problem: Exception) -> Response:
    """Answer, where there are no pages, what no address of the interface answers: in JSON as well."""
    return _handle_http_error(problem) if isinstance(problem, HTTPException) else _handle_fault(problem)


@api.errorhandler(Exception)
def _handle_fault(problem: Exception) -> Response:
    current_app.logger.error("%s failed", request.path, exc_info=problem)
    return _error_response("something went wrong here", 500)


@api.get("/feed")
@requires(Right.FOLLOW_SCHOOL)
def feed() -> Response:
    """Answer with one line whenever the room should be somewhere else."""
    targets = central().feed.watch_targets(g.room.id)

    def lines() -> Generator[bytes, None, None]:
        with contextlib.closing(targets):
            for target in targets:
                yield (_encoder.encode(target) if target else b"") + b"\n"

    return event_stream.stream_lines(lines(), "application/x-ndjson")


@api.get("/policy")
@requires(Right.FOLLOW_SCHOOL)
def policy() -> Response:
    """Answer with the room's policy document."""
    entry = central().targets.current_entry(g.room.id)
    if entry is None:
        raise NotFound("there is no such room")
    response = _json_response(entry.to_document(central().now()))
    response.set_etag(entry.target.policy_digest)
    response.make_conditional(request)
    return response


@api.get("/index/<version>")
@requires(Right.FOLLOW_SCHOOL)
def index(version: str) -> Response:
    """Answer with a published index, or with the overlay that turns the room's own into it."""
    base = request.args.get("base", "")
    path = central().publisher.find_index_file(version, base)
    if path is None:
        raise NotFound("there is no such index")
    response = index_response(central(), path, etag=f"{version}-{path.stem}")
    response.cache_control.max_age = 86400  # its name is its hash: it never changes
    return response


@api.put("/requests/<request_id>")
@requires(Right.DELIVER_MESSAGES)
def put_request(request_id: str) -> Response:
    """Take a request in, once."""
    message = _decode_body(protocol.UnblockRequest)
    _require_same_id(message.id, request_id)
    with central().store.write_session() as session:
        new = requests.submit_request(session, central().now(), _get_room(session), message)
    return _json_response({}, 201 if new else 200)


@api.delete("/requests/<request_id>")
@requires(Right.DELIVER_MESSAGES)
def delete_request(request_id: str) -> Response:
    """Take a request back."""
    if not _ID.fullmatch(request_id):
        raise protocol.BadMessage("an id has 32 hexadecimal digits")
    with central().store.write_session() as session:
        requests.withdraw_request(session, central().now(), _get_room(session), request_id)
    return _json_response({})


@api.get("/requests")
@requires(Right.FOLLOW_SCHOOL)
def get_requests() -> Response:
    """Answer with what became of the room's requests."""
    with central().store.read_session() as session:
        return _json_response(requests.list_request_states(session, central().now(), _get_room(session)))


@api.put("/reports/<report_id>")
@requires(Right.DELIVER_MESSAGES)
def put_report(report_id: str) -> Response:
    """Take in "this should be closed", once."""
    report = _decode_body(protocol.SiteReport)
    _require_same_id(report.id, report_id)
    with central().store.write_session() as session:
        new = reports.receive_report(session, central().now(), _get_room(session), report)
    return _json_response({}, 201 if new else 200)


@api.put("/incidents/<incident_id>")
@requires(Right.DELIVER_MESSAGES)
def put_incident(incident_id: str) -> Response:
    """Take in an incident, once."""
    incident = _decode_body(protocol.Incident)
    _require_same_id(incident.id, incident_id)
    with central().store.write_session() as session:
        new = incidents.receive_incident(session, _get_room(session), incident)
    return _json_response({}, 201 if new else 200)


@api.put("/actions/<action_id>")
@requires(Right.DELIVER_MESSAGES)
def put_action(action_id: str) -> Response:
    """Take in what was decided in the room, once."""
    action = _decode_body(protocol.RoomAction)
    _require_same_id(action.id, action_id)
    with central().store.write_session(affects_rooms=False) as session:
        new = room_actions.receive_room_action(session, central().now(), _get_room(session), action)
    return _json_response({}, 201 if new else 200)


@api.put("/health")
@requires(Right.DELIVER_MESSAGES)
def put_health() -> Response:
    """Keep how the room is."""
    health = _decode_body(protocol.RoomHealth)
    central().health.add_report(g.room.id, health)
    return _json_response({})


@api.post("/sign-in")
@requires(Right.CHECK_PASSWORDS)
def sign_in() -> Response:
    """Say whose a user name and password are."""
    typed = _decode_body(protocol.Credentials)
    answer = central().sign_in.sign_in(room_origin(g.room.id, typed.device), typed.username, typed.password)
    if isinstance(answer, TooManyTries):
        response = _error_response(str(answer), 429)
        response.headers["Retry-After"] = str(answer.wait_seconds)
        return response
    return _json_response(answer) if answer else _error_response("user name or password is not right", 401)


@api.get("/accounts")
@requires(Right.FOLLOW_SCHOOL)
def get_accounts() -> Response:
    """Answer with what the room must know of accounts: whose sessions of before are over."""
    with central().store.read_session() as session:
        return _json_response(list_account_states(session))


@api.get("/log-key")
@requires(Right.FOLLOW_SCHOOL)
def log_key() -> Response:
    """Answer with the key of the room's query log."""
    return _json_response(protocol.LogKey(g.room.log_key))


@api.route("/<path:unknown>", methods=["GET", "PUT", "POST", "DELETE"])
@requires(Right.FOLLOW_SCHOOL)
def unknown_path(unknown: str) -> Response:
    """Answer in JSON, as everything here does, where there is nothing."""
    raise NotFound(f"there is no /{unknown} here")


def _get_room(session: Any) -> RoomRow:
    return rooms.get_room(session, g.room.id)


def _decode_body(kind: type[T]) -> T:
    """Return what a room sent. Raises BadMessage where something in it may not enter."""
    content = request.get_data()
    try:
        message = msgspec.json.decode(content, type=kind)
    except DECODING_FAILED as problem:
        raise protocol.BadMessage(str(problem)) from None
    protocol.check_message(message)
    return message


def _require_same_id(in_body: str, in_path: str) -> None:
    if in_body != in_path:
        raise msgspec.ValidationError("the id in the address is not the one in the body")


def _json_response(value: object, status: int = 200) -> Response:
    return Response(_encoder.encode(value), status, mimetype="application/json")


def _later_response(words: str, seconds: int) -> Response:
    response = _error_response(words, 503)
    response.retry_after = seconds
    return response


def _error_response(words: str, status: int) -> Response:
    return _json_response({"error": words}, status)
