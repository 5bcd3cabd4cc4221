"""What rooms call (see `appliance.operations`): each view asks a service, and answers.

A view has the name of its operation. It gets what its operation takes: the message, checked, or the parameters.
"""

import base64
import binascii
import contextlib
import re
from collections.abc import Generator

import msgspec
from flask import Response, current_app, g, request
from sqlalchemy.orm import Session

from appliance import protocol
from appliance.central import (
    accounts,
    audit,
    audit_witnesses,
    counts,
    log_keys,
    lookups,
    notices,
    page_certificates,
    reports,
    requests,
    room_actions,
    room_copies,
    room_life,
    room_sign_ins,
    rooms,
    second_factor,
    second_factor_rule,
)
from appliance.central.account_states import earlier, list_account_states
from appliance.central.devices import sightings
from appliance.central.errors import NotFound, NotPossible
from appliance.central.incidents import intake, search
from appliance.central.models import RoomRow
from appliance.central.room_copies import Arrival
from appliance.central.room_keys import BY
from appliance.central.service import Central
from appliance.central.sign_in import CodeNeeded, FactorMissing, WrongCode, room_origin
from appliance.files import read_regular_file
from appliance.problem_details import ProblemType
from appliance.sign_in_throttle import TooManyTries
from webui.api.index_download import index_response
from webui.api.responses import json_response, problem_response
from webui.shared import event_stream

_encoder = msgspec.json.Encoder()
_RECEIVED = protocol.Received()
_WORD = re.compile(r"[0-9A-Za-z._-]{1,64}")
_LINES = "application/x-ndjson"
_KEYS_OVER_TLS = "the certificate of a room's pages is for a room that shows its own certificate"
FACTOR_MISSING = "your school asks you for a second step: please sign in at central, and set it up there first"


def central() -> Central:
    """Return the service that this application serves."""
    service: Central = current_app.extensions["central"]
    return service


def arrival() -> Arrival:
    """Return by what the caller is told from a copy of it; what is no word is left out."""
    said = (request.headers.get(f"Hallpass-{name}", "") for name in ("Last-Link", "Next-Link", "Process", "Board"))
    return Arrival(*(word if _WORD.fullmatch(word) else "" for word in said))


def get_feed() -> Response:
    """Answer with one line whenever the room should be somewhere else."""
    if request.method == "HEAD":
        return Response(mimetype=_LINES)  # nobody would read what follows, nor end it
    if not central().presence.admit(g.room, arrival()):
        return problem_response(ProblemType.COPY_STOPPED, room_copies.STOPPED_WORDS)
    if g.room.unused_until is not None:
        with central().store.write_session(affects_rooms=False) as session:
            room_life.mark_used(session, g.room.id)
    targets = central().feed.watch_targets(g.room.id, g.caller.credential, arrival(), g.caller.ends_at)
    return event_stream.stream_lines(_encode_targets(targets), _LINES)


def _encode_targets(targets: Generator[protocol.Target | None, None, None]) -> Generator[bytes, None, None]:
    with contextlib.closing(targets):
        for target in targets:
            yield (_encoder.encode(target) if target else b"") + b"\n"


def request_certificate(message: protocol.CertificateRequest) -> Response:
    """Sign what the room has made."""
    from appliance.central import rooms_authority  # noqa: PLC0415 (nine megabytes, once in weeks)

    content = _decode_request(message)
    with central().store.write_session() as session:
        issued = rooms_authority.issue_certificate(
            session, central().keys, central().now(), room_id=g.room.id, request=content
        )
    return json_response(issued)


def get_page_certificate() -> Response:
    """Answer with the certificate of the room's pages; a key leaves here for nobody but who has proved its own."""
    if not g.caller.is_certified:
        raise NotPossible(_KEYS_OVER_TLS)
    with central().store.read_session() as session:
        return json_response(page_certificates.read_certificate(session, central().keys, _get_room(session)))


def sign_page_certificate(message: protocol.CertificateRequest) -> Response:
    """Sign what the room has made for its pages."""
    from appliance.central import page_authority  # noqa: PLC0415 (nine megabytes, once a year)

    if not g.caller.is_certified:
        raise NotPossible(_KEYS_OVER_TLS)
    folder = central().settings.central.data / page_certificates.AUTHORITY_FOLDER
    with central().store.write_session(affects_rooms=False) as session:
        room = _get_room(session)
        page = page_certificates.require_issued_page(session, room)
        content = _decode_request(message)
        certificate = page_authority.sign_request(folder, central().now(), name=page.name, request=content)
        words = f"{room.name}: {page.name}"
        audit.record_audit(session, central().now(), BY, "certificate for pages signed", words)
    return json_response(protocol.PageCertificate(digest=page.digest, name=page.name, certificate=certificate))


def get_policy() -> Response:
    """Answer with the room's policy document."""
    entry = central().targets.current_entry(g.room.id)
    if entry is None:
        raise NotFound("there is no such room")
    response = json_response(entry.to_document(central().now()))
    response.set_etag(entry.target.policy_digest)
    response.make_conditional(request)
    return response


def get_index(version: str, base: str) -> Response:
    """Answer with a published index, or with the overlay that turns the room's own into it."""
    path = central().publisher.find_index_file(version, base)
    if path is None:
        raise NotFound("there is no such index")
    response = index_response(central(), path, etag=f"{version}-{path.stem}")
    response.cache_control.max_age = 86400  # its name is its hash: it never changes
    return response


def get_list_signature(name: str) -> Response:
    """Answer with signed metadata, byte for byte."""
    path = central().publisher.signer.find_metadata(name)
    if path is None:
        raise NotFound("there is no such signature")
    try:
        return Response(read_regular_file(path), mimetype="application/json")
    except OSError:  # pruned in this very moment, or damaged: it is signed anew
        raise NotFound("there is no such signature") from None


def put_request(message: protocol.UnblockRequest) -> Response:
    """Take a request in, once."""
    with central().store.write_session() as session:
        is_new = requests.submit_request(session, central().now(), _get_room(session), message)
        request_row = requests.find_request(session, message.id)
        if is_new and request_row is not None and request_row.state == "waiting":
            notices.notify_of_request(session, central().now(), request_row, url=central().settings.central.url)
    return _received(is_new)


def delete_request(message_id: str, by: str) -> Response:
    """Take a request back. Rooms of before do not say who does it."""
    with central().store.write_session() as session:
        requests.withdraw_request(session, central().now(), _get_room(session), message_id, by=by)
    return json_response(_RECEIVED)


def get_requests() -> Response:
    """Answer with what became of the room's requests."""
    with central().store.read_session() as session:
        return json_response(requests.list_request_states(session, central().now(), _get_room(session)))


def put_report(message: protocol.SiteReport) -> Response:
    """Take in "this should be closed", once."""
    with central().store.write_session() as session:
        is_new = reports.receive_report(session, central().now(), _get_room(session), message)
    return _received(is_new)


def put_incident(message: protocol.Incident) -> Response:
    """Take in an incident, once."""
    with central().store.write_session() as session:
        is_new = intake.receive_incident(
            session, central().now(), _get_room(session), message, central().settings.central.url
        )
    return _received(is_new)


def get_incidents() -> Response:
    """Answer with what the room noticed lately and somebody has dealt with."""
    with central().store.read_session() as session:
        return json_response(search.list_closed_incidents(session, central().now(), g.room.id))


def get_lookups() -> Response:
    """Answer with what the room is asked."""
    with central().store.read_session() as session:
        return json_response(lookups.list_questions(session, central().now(), g.room.id))


def put_lookup(message: protocol.LookupAnswer) -> Response:
    """Take in what the room says, once."""
    with central().store.write_session() as session:
        is_new = lookups.receive_answer(session, central().now(), central().keys, _get_room(session), message)
    return _received(is_new)


def put_action(message: protocol.RoomAction) -> Response:
    """Take in what was decided in the room, once."""
    with central().store.write_session(affects_rooms=False) as session:
        is_new = room_actions.receive_room_action(session, central().now(), _get_room(session), message)
    return _received(is_new)


def put_actions(message: protocol.RoomActions) -> Response:
    """Take in many of these at once, as a room has them that was away for long."""
    with central().store.write_session(affects_rooms=False) as session:
        room_actions.receive_room_actions(session, central().now(), _get_room(session), message.actions)
    return json_response(_RECEIVED)


def put_health(message: protocol.RoomHealth) -> Response:
    """Keep how the room is."""
    central().health.add_report(g.room.id, message)
    with central().store.read_session() as session:
        head = audit.read_head(session)
    url = room_sign_ins.sign_in_url(central().settings)
    return json_response(protocol.HealthReceived(head.number, head.hash, central().now().timestamp(), url))


def put_audit_heads(message: protocol.KeptHeads) -> Response:
    """Compare what the room has kept of the audit with what stands there."""
    with central().store.write_session(affects_rooms=False) as session:
        audit_witnesses.receive_heads(session, central().now(), _get_room(session), message)
    return json_response(_RECEIVED)


def put_seen_devices(message: protocol.SeenDevices) -> Response:
    """Keep which devices the room sees."""
    with central().store.write_session(affects_rooms=False) as session:
        sightings.receive_seen_devices(session, central().now(), _get_room(session), message)
    return json_response(_RECEIVED)


def put_counts(message: protocol.HourCounts) -> Response:
    """Take in an hour of the room's, in numbers."""
    with central().store.write_session(affects_rooms=False) as session:
        counts.receive_counts(session, central().now(), _get_room(session), message)
    return json_response(_RECEIVED)


def sign_in(message: protocol.Credentials) -> Response:
    """Say whose a user name and password are."""
    origin, auth = room_origin(g.room.id, message.device), central().sign_in
    if message.step:
        answer = auth.sign_in_with_code(origin, message.step, message.code)
    else:
        answer = auth.sign_in(origin, message.username, message.password)
    match answer:
        case protocol.Account():
            return _admit_in_room(answer)
        case TooManyTries():
            return problem_response(ProblemType.TOO_MANY_TRIES, str(answer), retry_seconds=answer.wait_seconds)
        case CodeNeeded(step=step):
            words = "a code is needed as well" if step else "that took too long: please sign in once more"
            return problem_response(ProblemType.CODE_NEEDED, words, step=step)
        case FactorMissing():
            return problem_response(ProblemType.CODE_NEEDED, FACTOR_MISSING)
        case WrongCode():
            return problem_response(ProblemType.WRONG_CODE, second_factor.WRONG_CODE)
        case None:
            return problem_response(ProblemType.WRONG_PASSWORD, "user name or password is not right")


def _admit_in_room(account: protocol.Account) -> Response:
    """Tell a room who it is; what it keeps of them ends when they have to have a second factor."""
    with central().store.read_session() as session:
        due = second_factor_rule.read_rule(session).due(account.roles, has_second_factor=account.has_second_factor)
        in_room = accounts.to_account_in_room(session, account, g.room.id)
    return json_response(msgspec.structs.replace(in_room, ends=earlier(in_room.ends, due)))


def start_sign_in(message: protocol.RoomSignInStart) -> Response:
    """Say where somebody of the room signs in."""
    url = room_sign_ins.sign_in_url(central().settings)
    with central().store.write_session(affects_rooms=False) as session:
        page = room_sign_ins.begin(session, central().now(), _get_room(session), message, url)
    return json_response(page)


def redeem_ticket(message: protocol.SignInTicket) -> Response:
    """Say who signed in here for the room."""
    with central().store.write_session(affects_rooms=False) as session:
        account = room_sign_ins.redeem_ticket(session, central().now(), _get_room(session), message)
    if account is None:
        return problem_response(ProblemType.TICKET_REFUSED, "this sign-in is over, or was not for this room")
    return json_response(account)


def get_accounts() -> Response:
    """Answer with what the room must know of accounts: whose sessions of before are over."""
    with central().store.read_session() as session:
        return json_response(list_account_states(session))


def get_log_key() -> Response:
    """Answer with the key of the room's query log."""
    with central().store.read_session() as session:
        key = log_keys.log_key_of(session, central().keys, _get_room(session), is_made=False)
    if not key:
        with central().store.write_session(affects_rooms=False) as session:
            key = log_keys.log_key_of(session, central().keys, _get_room(session))
    return json_response(protocol.LogKey(key))


def _decode_request(message: protocol.CertificateRequest) -> bytes:
    try:
        return base64.b64decode(message.request, validate=True)
    except binascii.Error:
        raise NotPossible("this is no signing request: it is not base64") from None


def _get_room(session: Session) -> RoomRow:
    return rooms.get_room(session, g.room.id)


def _received(is_new: bool) -> Response:  # noqa: FBT001 (what the services say)
    return json_response(_RECEIVED, 201 if is_new else 200)
