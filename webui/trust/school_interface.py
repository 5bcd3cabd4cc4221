"""What the centrals of a trust's schools call (`appliance.operations.trust`), and what its own scripts do.

Who calls is known before a view is: a school by its credential, an invited one by its token, a script by its key.
No school names one: whose document is answered, and whose numbers are kept, follows from the credential alone.
"""

import functools
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, g, request

from appliance import protocol
from appliance.operations import BASE_PATH
from appliance.operations.operation import Operation
from appliance.operations.trust import TRUST_OPERATIONS
from appliance.operations.trust_scripts import TRUST_SCRIPT_OPERATIONS
from appliance.problem_details import ProblemType
from appliance.rights import Right
from appliance.trust import schools
from appliance.trust_protocol import SchoolEnrolment, SchoolNumbers, SignedDocument
from webui.api.call_reading import read_address, read_bearer_token, read_message
from webui.api.operation_rules import add_operations
from webui.api.responses import install_problem_handlers, json_response, problem_response
from webui.api.script_access import authenticate_script
from webui.shared.access import requires
from webui.trust import script_views
from webui.trust.blueprints import trust

MAX_BODY_BYTES = 256 * 1024  # what is laid down may name each of 5,000 schools
_UNKNOWN = "this credential is not known here"
_OF_NO_USE = "this invitation is of no use: it was used, it has ended, or there is a newer one"

api = Blueprint("trust_api", __name__, url_prefix=BASE_PATH)
install_problem_handlers(api)


@api.before_request
def _limit_body() -> None:
    request.max_content_length = MAX_BODY_BYTES


def enrol_school(message: SchoolEnrolment) -> Response:
    """Let a school's central in."""
    signed = trust().enrol(read_bearer_token(), message.credential_hash)
    if signed is None:
        return _unauthorized(_OF_NO_USE)
    return _document_response(signed)


def get_document() -> Response:
    """Answer with what is laid down for the school that asks."""
    return _document_response(trust().read_document(g.school.id))


def put_numbers(message: SchoolNumbers) -> Response:
    """Keep how the school that sends it is."""
    if g.school.state != schools.ENROLLED:
        return problem_response(ProblemType.SCHOOL_ENDED, schools.ENDED_WORDS[g.school.state])
    trust().receive_numbers(g.school.id, message)
    return json_response(protocol.Received())


def _document_response(signed: SignedDocument) -> Response:
    response = json_response(signed)
    response.set_etag(signed.digest)
    response.make_conditional(request)
    return response


def _unauthorized(words: str) -> Response:
    response = problem_response(ProblemType.UNKNOWN_TOKEN, words)
    response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _admit_school() -> Response | None:
    """Note which school calls, or return why it may not."""
    token = read_bearer_token()
    with trust().store.read_session() as session:
        school = schools.find_school_by_credential(session, token) if token else None
    if school is None:
        return _unauthorized(_UNKNOWN)
    if school.state not in (schools.ENROLLED, schools.RETIRED):
        words = schools.ENDED_WORDS.get(school.state, _UNKNOWN)
        return problem_response(ProblemType.SCHOOL_ENDED, words)
    g.school = school
    return None


_VIEWS: dict[str, Callable[..., Response]] = {
    "enrol_school": enrol_school,
    "get_document": get_document,
    "put_numbers": put_numbers,
    **{one.id: getattr(script_views, one.id) for one in TRUST_SCRIPT_OPERATIONS},
}


def _make_view(operation: Operation) -> Callable[..., Response]:
    view = _VIEWS[operation.id]

    @requires(operation.right)
    @functools.wraps(view)
    def serve(**parameters: Any) -> Response:
        if operation.caller == "school" and (refusal := _admit_school()):
            return refusal
        if operation.caller == "script" and (refusal := authenticate_script(read_bearer_token())):
            return refusal
        given = read_address(operation, parameters)
        return view(read_message(operation.body), **given) if operation.body is not None else view(**given)

    return serve


add_operations(api, (*TRUST_OPERATIONS, *TRUST_SCRIPT_OPERATIONS), _make_view, Right.FOLLOW_TRUST)
