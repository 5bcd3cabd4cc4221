"""What may enter through the coordinator's forms and addresses, asked once for all of them.

No database keeps everything that a browser can be made to send: PostgreSQL keeps no NUL, a number has 32 bits, and
other control characters break up pages and logs. And while the database is busy or away, a page says so, with 503.
"""

import contextlib
from collections.abc import Iterator

from flask import Flask, Response, abort, request
from jinja2 import TemplateError
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from appliance.control_characters import escape_control_characters, find_control_character
from appliance.errors import HallpassError
from webui.shared.languages import group_digits
from webui.shared.problem_pages import render_problem
from webui.shared.translation import gettext, translatable, translate

DATABASE_RETRY_SECONDS = 5
MAX_NAME_LENGTH = 64  # of a field, as far as it is quoted
MAX_TEXT_LENGTH = 10_000  # of one field; the longest that is kept has far less
_MAX_ID = 2**31 - 1
_DATABASE_AWAY = translatable("The database is busy or away. Please try again in a moment.")
_FULL_IN_DATABASES = ("disk is full", "No space left on device")  # what SQLite and PostgreSQL say
_DISK_FULL = translatable(
    "Nothing was saved: the disk of central is full. Rooms go on as they are. Please tell your technician, and "
    "try again when there is room."
)
_LINE_ENDS = str.maketrans("", "", "\t\r\n")
_SEVERAL_LINES = frozenset(
    {"note", "answer", "names", "outcome", "rules", "shared", "links"}
)  # the fields that may hold several lines


def install_input_checks(app: Flask, *, without: str) -> None:
    """Check every request before a view sees it. The blueprint `without` has checks of its own."""

    @app.before_request
    def check_input() -> Response | None:
        if request.blueprint == without:
            return None
        values = request.view_args or {}
        if any(isinstance(value, int) and value > _MAX_ID for value in values.values()):
            abort(404)
        for name, text in _texts(values):
            field = escape_control_characters(name)[:MAX_NAME_LENGTH]
            if found := find_control_character(text):
                words = gettext(
                    "The field “%(field)s” holds a control character (%(found)s), which no text may. "
                    "Please type it again rather than paste it.",
                    field=field,
                    found=found,
                )
                return _say(words, 400)
            if len(text) > MAX_TEXT_LENGTH:
                words = gettext(
                    "The text in “%(field)s” is too long: %(number)s characters at most.",
                    field=field,
                    number=group_digits(MAX_TEXT_LENGTH),
                )
                return _say(words, 400)
        return None

    def say_database_is_away(problem: SQLAlchemyError) -> Response:
        app.logger.warning("%s waits for the database: %s", request.path, problem)
        is_full = any(words in str(problem.__cause__) for words in _FULL_IN_DATABASES)
        words = translate(_DISK_FULL if is_full else _DATABASE_AWAY)
        response = _say(words, 503)
        response.retry_after = DATABASE_RETRY_SECONDS
        return response

    for kind in (OperationalError, InterfaceError, PoolTimeout):
        app.register_error_handler(kind, say_database_is_away)


def _texts(values: dict[str, object]) -> Iterator[tuple[str, str]]:
    yield from ((name, value) for name, value in values.items() if isinstance(value, str))
    yield from request.args.items(multi=True)
    for name, text in request.form.items(multi=True):
        yield name, text.translate(_LINE_ENDS) if name in _SEVERAL_LINES else text


def _say(words: str, status: int) -> Response:
    """Answer a browser with a page, and whatever else asks in plain words.

    A page asks who is signed in, and with that the database: where it cannot be made, there are the plain words.
    """
    if request.accept_mimetypes.best_match(("text/plain", "text/html")) == "text/html":
        with contextlib.suppress(SQLAlchemyError, TemplateError, HallpassError):
            return Response(render_problem(status, words), status, mimetype="text/html")
    return Response(f"{words}\n", status, mimetype="text/plain")
