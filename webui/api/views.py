"""What rooms call (see `appliance.protocol`): each view reads, asks a service, and answers."""

import contextlib
import re
from collections.abc import Generator
from typing import Any, TypeVar

import msgspec
from flask import Blueprint, Response, current_app, g, request, send_file
from werkzeug.exceptions import HTTPException

from appliance import protocol
from appliance.central import accounts, policies, requests, rooms
from appliance.central.errors import CentralError, NotFound
from appliance.central.models import Room
from appliance.central.service import Central
from dns.errors import DECODING_FAILED
from webui.shared import event_stream

T = TypeVar("T", bound=msgspec.Struct)

api = Blueprint("api", __name__, url_prefix="/api/v1")

_encoder = msgspec.json.Encoder()
_BEARER = "Bearer "
_ID = re.compile("[0-9a-f]{32}")
LARGEST_BODY = 64 * 1024  # bytes; the largest honest one is an incident with its evidence


def central() -> Central:
    """Return the service that this application serves."""
    service: Central = current_app.extensions["central"]
    return service


@api.before_request
def _know_the_room() -> Response | None:
    request.max_content_length = LARGEST_BODY
    given = request.headers.get("Authorization", "")
    if given.startswith(_BEARER):
        with central().store.reading() as session:
            g.room = rooms.by_token(session, given.removeprefix(_BEARER))
        if g.room is not None:
            return None
    return _problem("this token is not known here", 401)


@api.errorhandler(CentralError)
def _refuse(problem: CentralError) -> Response:
    return _problem(str(problem), 404 if isinstance(problem, NotFound) else 409)


@api.errorhandler(protocol.BadMessage)
@api.errorhandler(msgspec.MsgspecError)
def _unreadable(problem: Exception) -> Response:
    return _problem(f"not understood: {problem}", 400)


@api.errorhandler(HTTPException)
def _http(problem: HTTPException) -> Response:
    return _problem(problem.name, problem.code or 500)


@api.errorhandler(Exception)
def _fault(problem: Exception) -> Response:
    current_app.logger.error("%s failed", request.path, exc_info=problem)
    return _problem("something went wrong here", 500)


@api.get("/feed")
def feed() -> Response:
    """Answer with one line whenever the room should be somewhere else."""
    targets = central().feed.targets(g.room.id)

    def lines() -> Generator[bytes, None, None]:
        with contextlib.closing(targets):
            for target in targets:
                yield (_encoder.encode(target) if target else b"") + b"\n"

    return event_stream.stream(lines(), "application/x-ndjson")


@api.get("/policy")
def policy() -> Response:
    """Answer with the room's policy document."""
    with central().store.writing(concerns_rooms=False) as session:
        return _json(policies.document(session, central().now(), _room(session)))


@api.get("/index/<version>")
def index(version: str) -> Response:
    """Answer with a published index, or with the overlay that turns the room's own into it."""
    base = request.args.get("base", "")
    path = central().compiler.index_file(version, base)
    if path is None:
        raise NotFound("there is no such index")
    etag = f"{version}-{path.stem}"
    response = send_file(path, mimetype="application/octet-stream", etag=etag, conditional=True)
    response.cache_control.max_age = 86400  # its name is its hash: it never changes
    return response


@api.put("/requests/<request_id>")
def put_request(request_id: str) -> Response:
    """Take a request in, once."""
    asked = _body(protocol.UnblockRequest)
    _same(asked.id, request_id)
    with central().store.writing() as session:
        new = requests.submit(session, central().now(), _room(session), asked)
    return _json({}, 201 if new else 200)


@api.delete("/requests/<request_id>")
def delete_request(request_id: str) -> Response:
    """Take a request back."""
    if not _ID.fullmatch(request_id):
        raise protocol.BadMessage("an id has 32 hexadecimal digits")
    with central().store.writing() as session:
        requests.withdraw(session, central().now(), _room(session), request_id)
    return _json({})


@api.get("/requests")
def get_requests() -> Response:
    """Answer with what became of the room's requests."""
    with central().store.reading() as session:
        return _json(requests.states(session, central().now(), _room(session)))


@api.put("/reports/<report_id>")
def put_report(report_id: str) -> Response:
    """Take in "this should be closed", once."""
    report = _body(protocol.SiteReport)
    _same(report.id, report_id)
    with central().store.writing() as session:
        new = requests.take_report(session, central().now(), _room(session), report)
    return _json({}, 201 if new else 200)


@api.put("/incidents/<incident_id>")
def put_incident(incident_id: str) -> Response:
    """Take in an incident, once."""
    incident = _body(protocol.Incident)
    _same(incident.id, incident_id)
    with central().store.writing() as session:
        new = requests.take_incident(session, _room(session), incident)
    return _json({}, 201 if new else 200)


@api.put("/actions/<action_id>")
def put_action(action_id: str) -> Response:
    """Take in what was decided in the room, once."""
    action = _body(protocol.RoomAction)
    _same(action.id, action_id)
    with central().store.writing(concerns_rooms=False) as session:
        new = requests.take_action(session, central().now(), _room(session), action)
    return _json({}, 201 if new else 200)


@api.put("/health")
def put_health() -> Response:
    """Keep how the room is."""
    health = _body(protocol.RoomHealth)
    with central().store.writing(concerns_rooms=False) as session:
        rooms.report_health(session, central().now(), _room(session), health)
    return _json({})


@api.post("/sign-in")
def sign_in() -> Response:
    """Say whose a user name and password are."""
    typed = _body(protocol.Credentials)
    account = accounts.sign_in(central().store, central().now(), typed.username, typed.password)
    return _json(account) if account else _problem("user name or password is not right", 401)


@api.get("/log-key")
def log_key() -> Response:
    """Answer with the key of the room's query log."""
    return _json(protocol.LogKey(g.room.log_key))


@api.route("/<path:unknown>", methods=["GET", "PUT", "POST", "DELETE"])
def nothing(unknown: str) -> Response:
    """Answer in JSON, as everything here does, where there is nothing."""
    raise NotFound(f"there is no /{unknown} here")


def _room(session: Any) -> Room:
    return rooms.get(session, g.room.id)


def _body(kind: type[T]) -> T:
    """Return what a room sent. Raises BadMessage where something in it may not enter."""
    content = request.get_data()
    try:
        message = msgspec.json.decode(content, type=kind)
    except DECODING_FAILED as problem:
        raise protocol.BadMessage(str(problem)) from None
    protocol.check(message)
    return message


def _same(in_body: str, in_path: str) -> None:
    if in_body != in_path:
        raise msgspec.ValidationError("the id in the address is not the one in the body")


def _json(value: object, status: int = 200) -> Response:
    return Response(_encoder.encode(value), status, mimetype="application/json")


def _problem(words: str, status: int) -> Response:
    return _json({"error": words}, status)
