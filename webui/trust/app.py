"""The application of a trust: what the centrals of its schools call (`appliance.operations.trust`).

Who calls is known before a view is: a school by its credential, an invited one by its token. Nobody names a
school: whose document is answered, and whose numbers are kept, follows from the credential alone.
"""

import functools
import os
from collections.abc import Callable
from pathlib import Path

from flask import Blueprint, Flask, Response, current_app, g, request

from appliance import protocol
from appliance.central.service import Central
from appliance.operations import BASE_PATH
from appliance.operations.operation import Operation
from appliance.operations.trust import TRUST_OPERATIONS
from appliance.problem_details import ProblemType
from appliance.settings.central import CentralSettings
from appliance.settings.load import load_settings
from appliance.trust import schools
from appliance.trust.service import Trust
from appliance.trust_protocol import SchoolEnrolment, SchoolNumbers, SignedDocument
from webui.api.responses import answer_elsewhere, install_problem_handlers, json_response, problem_response
from webui.api.routes import read_message
from webui.shared.access import requires
from webui.shared.server_stop import stop_with_server

MAX_BODY_BYTES = 64 * 1024
_BEARER = "Bearer "
_UNKNOWN = "this credential is not known here"
_OF_NO_USE = "this invitation is of no use: it was used, it has ended, or there is a newer one"

api = Blueprint("trust_api", __name__, url_prefix=BASE_PATH)
install_problem_handlers(api)


def create_app() -> Flask:
    """Return the application as it is served: for the settings in the file that HALLPASS_CONFIG names."""
    central = Central(load_settings(Path(os.environ["HALLPASS_CONFIG"]), CentralSettings))
    central.prepare_database()
    trust = Trust(central)
    trust.prepare()
    central.start_metrics()
    stop_with_server(central.stop)
    return create_trust_app(trust)


def create_trust_app(trust: Trust) -> Flask:
    """Return the application of a trust that is prepared."""
    app = Flask(__name__, static_folder=None)
    app.config.update(MAX_CONTENT_LENGTH=MAX_BODY_BYTES)
    app.extensions["trust"] = trust
    app.register_blueprint(api)
    app.register_error_handler(Exception, answer_elsewhere)
    return app


def _trust() -> Trust:
    trust: Trust = current_app.extensions["trust"]
    return trust


def enrol_school(message: SchoolEnrolment) -> Response:
    """Let a school's central in."""
    signed = _trust().enrol(_given_token(), message.credential_hash)
    if signed is None:
        return _unauthorized(_OF_NO_USE)
    return _document_response(signed)


def get_document() -> Response:
    """Answer with what is laid down for the school that asks."""
    return _document_response(_trust().read_document(g.school.id))


def put_numbers(message: SchoolNumbers) -> Response:
    """Keep how the school that sends it is."""
    if g.school.state != schools.ENROLLED:
        return problem_response(ProblemType.SCHOOL_ENDED, schools.ENDED_WORDS[g.school.state])
    _trust().receive_numbers(g.school.id, message)
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
    with _trust().store.read_session() as session:
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
}


def _make_view(operation: Operation) -> Callable[..., Response]:
    view = _VIEWS[operation.id]

    @requires(operation.right)
    @functools.wraps(view)
    def serve() -> Response:
        if operation.caller == "school" and (refusal := _admit_school()):
            return refusal
        return view(read_message(operation.body)) if operation.body is not None else view()

    return serve


for _operation in TRUST_OPERATIONS:
    api.add_url_rule(
        _operation.path,
        _operation.id,
        _make_view(_operation),
        methods=[_operation.method],
        provide_automatic_options=False,
    )
