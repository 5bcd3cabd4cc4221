"""What a page says where it cannot be shown: what happened, and what to do, in the frame of all pages.

An error is never shown as a program words it: that is for the log.
"""

import logging
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec
from flask import Flask, current_app, flash, redirect, render_template, request, url_for
from flask_login import current_user
from flask_wtf.csrf import CSRFError
from jinja2 import TemplateError
from werkzeug.exceptions import HTTPException, InternalServerError

from appliance.errors import HallpassError
from appliance.sessions import SessionsUnavailable
from webui.shared.answered_forms import lead_to_page_of_form
from webui.shared.translation import gettext, translatable

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

RETRY_SECONDS = 5  # after which a browser may ask again for what is away

log = logging.getLogger("hallpass.web")


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """What a person is told."""

    title: str
    words: str
    advice: str


PROBLEMS = {
    400: Problem(
        title=translatable("That could not be read"),
        words=translatable("That form could not be read."),
        advice=translatable("Please go back and send it again. If a page was open for long, load it anew first."),
    ),
    403: Problem(
        title=translatable("Not for this account"),
        words=translatable("This page is not for this account."),
        advice=translatable("If it should be, ask your coordinator for the role that it needs."),
    ),
    404: Problem(
        title=translatable("There is no such page"),
        words=translatable("There is no such page."),
        advice=translatable("What it was about may have ended, or the address has a mistake in it."),
    ),
    405: Problem(
        title=translatable("There is no such page"),
        words=translatable("This address takes a form, and shows nothing by itself."),
        advice=translatable("Please begin at the page that the form stands on."),
    ),
    413: Problem(
        title=translatable("Too large"),
        words=translatable("That file is too large."),
        advice=translatable("Please choose a smaller one, or ask the technician to put it in place."),
    ),
    429: Problem(
        title=translatable("A little too often"),
        words=translatable("That was a little too often."),
        advice=translatable("Please wait a moment, then try again."),
    ),
    500: Problem(
        title=translatable("Something went wrong"),
        words=translatable("Something went wrong here. It is not your fault, and it has been noted."),
        advice=translatable(
            "Please try again. If it stays so, tell the technician what you were doing, and when."
        ),
    ),
    503: Problem(
        title=translatable("Not at the moment"),
        words=translatable("That is not possible at the moment."),
        advice=translatable("Please try again in a minute. Rooms go on filtering meanwhile."),
    ),
}


def install_problem_pages(app: Flask) -> None:
    """Have whatever goes wrong answered with a page."""
    app.register_error_handler(CSRFError, _render_form_without_token)
    app.register_error_handler(HTTPException, _render_http_error)
    app.register_error_handler(SessionsUnavailable, _render_unavailable)
    app.register_error_handler(HallpassError, _render_failure)
    app.register_error_handler(Exception, _render_fault)


def render_problem(status: int, words: str = "") -> str:
    """Return the page for a status; `words` say more of what happened, in a sentence."""
    problem = PROBLEMS.get(status, PROBLEMS[500 if status >= 500 else 400])
    if words:
        problem = msgspec.structs.replace(problem, title=translatable("That did not work"), words=words, advice="")
    return render_template("shared/problem.html", problem=problem)


def _render_form_without_token(problem: CSRFError) -> "ResponseReturnValue":
    """Let whoever was signed out meanwhile sign in again, and come back to the page of the form."""
    if current_user.is_authenticated or request.endpoint in ("sign_in", "sign_in_code"):
        return _render_http_error(problem)
    flash(
        gettext("You were signed out in the meantime. Please sign in; what you sent has to be sent again."),
        "warning",
    )
    came_from = urlsplit(request.referrer or "")
    page = came_from.path if came_from.netloc == request.host else ""
    return redirect(url_for("sign_in", next=page) if page else url_for("sign_in"))


def _render_http_error(problem: HTTPException) -> "ResponseReturnValue":
    if (page := lead_to_page_of_form(problem)) is not None:
        return page
    status = problem.code or 500
    return render_problem(status), status


def _render_failure(problem: HallpassError) -> tuple[str, int]:
    return render_problem(409, f"{problem}."), 409


def _render_unavailable(problem: SessionsUnavailable) -> tuple[str, int, dict[str, str]]:
    return render_problem(503, f"{problem}."), 503, {"Retry-After": str(RETRY_SECONDS)}


def _render_fault(problem: Exception) -> "ResponseReturnValue":
    current_app.logger.error("a page failed", exc_info=problem)
    try:
        return _render_http_error(InternalServerError())
    except TemplateError:  # the frame itself fails: in plain text, then
        return PROBLEMS[500].words, 500, {"Content-Type": "text/plain"}
