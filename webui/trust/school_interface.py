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
from webui.api.path_forms import flask_path, install_path_forms
from webui.api.responses import install_problem_handlers, json_response, problem_response
from webui.api.routes import read_address, read_message
from webui.api.script_access import authenticate_script
from webui.api.unknown_addresses import answer_unknown_addresses
from webui.shared.access import requires
from webui.trust import script_views
from webui.trust.blueprints import trust

MAX_BODY_BYTES = 64 * 1024
_BEARER = "Bearer "
_UNKNOWN = "this credential is not known here"
_OF_NO_USE = "this invitation is of no use: it was used, it has ended, or there is a newer one"

api = Blueprint("trust_api", __name__, url_prefix=BASE_PATH)
install_problem_handlers(api)
install_path_forms(api)


@api.before_request
def _limit_body() -> None:
    request.max_content_length = MAX_BODY_BYTES


def enrol_school(message: SchoolEnrolment) -> Response:
    """Let a school's central in."""
    signed = trust().enrol(_given_token(), message.credential_hash)
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


def _given_token() -> str:
    given = request.headers.get("Authorization", "")
    return given.removeprefix(_BEARER) if given.startswith(_BEARER) else ""


def _unauthorized(words: str) -> Response:
    response = problem_response(ProblemType.UNKNOWN_TOKEN, words)
    response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _admit_school() -> Response | None:
    """Note which school calls, or return why it may not."""
    token = _given_token()
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
_ALL = (*TRUST_OPERATIONS, *TRUST_SCRIPT_OPERATIONS)


def _make_view(operation: Operation) -> Callable[..., Response]:
    view = _VIEWS[operation.id]

    @requires(operation.right)
    @functools.wraps(view)
    def serve(**parameters: Any) -> Response:
        if operation.caller == "school" and (refusal := _admit_school()):
            return refusal
        if operation.caller == "script" and (refusal := authenticate_script(_given_token())):
            return refusal
        given = read_address(operation, parameters)
        return view(read_message(operation.body), **given) if operation.body is not None else view(**given)

    return serve


for _operation in _ALL:
    api.add_url_rule(
        flask_path(_operation),
        _operation.id,
        _make_view(_operation),
        methods=[_operation.method],
        provide_automatic_options=False,
    )
answer_unknown_addresses(api, _ALL, Right.FOLLOW_TRUST)
