"""What the machine interface answers with: JSON, and problem details for everything that goes wrong."""

from http import HTTPStatus

import msgspec
from flask import Blueprint, Response, current_app, request
from sqlalchemy.exc import DataError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException

from appliance.central.errors import Busy, CentralError, NotFound
from appliance.message_check import BadMessage
from appliance.problem_details import MEDIA_TYPE, ProblemDetails, ProblemType, problem_of_status

DATABASE_RETRY_SECONDS = 5
_encoder = msgspec.json.Encoder()
# Of werkzeug's own errors, those that are a kind of ours.
_KIND_OF_STATUS = {
    kind.status: kind
    for kind in (
        ProblemType.BAD_MESSAGE, ProblemType.NOT_FOUND, ProblemType.METHOD_NOT_ALLOWED, ProblemType.TOO_LARGE,
        ProblemType.UNSUPPORTED_MEDIA_TYPE, ProblemType.RANGE_NOT_SATISFIABLE, ProblemType.FAULT,
    )
}  # fmt: skip


def json_response(value: object, status: int = 200) -> Response:
    """Return a value as JSON."""
    return Response(_encoder.encode(value), status, mimetype="application/json")


def problem_response(kind: ProblemType, detail: str, *, retry_seconds: int = 0, step: str = "") -> Response:
    """Return a problem; `retry_seconds` says when to come back, where that helps."""
    response = _render(kind.describe(detail, step=step))
    if retry_seconds:
        response.retry_after = retry_seconds
    return response


def answer_elsewhere(problem: Exception) -> Response:
    """Answer, where there are no pages, what no address of the interface answers: as a problem as well."""
    return _handle_http_error(problem) if isinstance(problem, HTTPException) else _handle_fault(problem)


def install_problem_handlers(api: Blueprint) -> None:
    """Have everything that a view of the interface raises answered as a problem."""
    for kinds, handler in (
        ((Busy,), _handle_busy),
        ((OperationalError, InterfaceError, PoolTimeout), _handle_database_away),
        ((DataError, OverflowError), _handle_unkeepable),
        ((CentralError,), _handle_central_error),
        ((BadMessage,), _handle_bad_message),
        ((HTTPException,), _handle_http_error),
        ((Exception,), _handle_fault),
    ):
        for kind in kinds:
            api.register_error_handler(kind, handler)


def _render(problem: ProblemDetails) -> Response:
    return Response(_encoder.encode(problem), problem.status, mimetype=MEDIA_TYPE)


def _handle_busy(problem: Busy) -> Response:
    return problem_response(ProblemType.BUSY, str(problem), retry_seconds=problem.retry_seconds)


def _handle_database_away(problem: SQLAlchemyError) -> Response:
    current_app.logger.warning("%s waits for the database: %s", request.path, problem)
    words = "the database is busy or away"
    return problem_response(ProblemType.DATABASE_AWAY, words, retry_seconds=DATABASE_RETRY_SECONDS)


def _handle_unkeepable(_problem: Exception) -> Response:
    return problem_response(ProblemType.BAD_MESSAGE, "something in it is larger than can be kept")


def _handle_central_error(problem: CentralError) -> Response:
    kind = ProblemType.NOT_FOUND if isinstance(problem, NotFound) else ProblemType.NOT_POSSIBLE
    return problem_response(kind, str(problem))


def _handle_bad_message(problem: BadMessage) -> Response:
    return problem_response(ProblemType.BAD_MESSAGE, f"not understood: {problem}")


def _handle_http_error(problem: HTTPException) -> Response:
    """Answer what Flask or werkzeug refuses, with the headers that belong to it (`Allow`, `Content-Range`)."""
    status = problem.code or 500
    kind = _KIND_OF_STATUS.get(status)
    words = problem.description or problem.name
    if kind is None:
        response = _render(problem_of_status(status, HTTPStatus(status).phrase, words))
    else:
        response = problem_response(kind, words)
    for name, value in problem.get_headers():
        if name.lower() not in ("content-type", "content-length"):
            response.headers[name] = value
    return response


def _handle_fault(problem: Exception) -> Response:
    current_app.logger.error("%s failed", request.path, exc_info=problem)
    return problem_response(ProblemType.FAULT, "something went wrong here")
