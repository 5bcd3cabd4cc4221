"""The teacher's pages. Views translate HTTP; the agent and the log's readers do the rest."""

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, current_app, flash, redirect, render_template, request, url_for
from flask_login import current_user, login_required
from werkzeug.wrappers import Response as Redirect

from appliance.protocol import RequestState, SiteReport, UnblockRequest
from appliance.room.agent import rpc
from appliance.room.query_log.reader import LogUnreadable
from blocklists.categories import CATEGORIES
from blocklists.related_names import RelatedName
from webui.room import forms
from webui.room.room_client import RoomClient
from webui.shared import event_stream

pages = Blueprint("pages", __name__, template_folder="templates")

_KINDS = {
    "withdrawal": "the end of an opening (it stays closed in this room)",
    "report": "a report of a site",
    "incident": "an incident",
    "action": "a line of the audit",
}
_CATEGORY_NAMES = {one.id: one.name for one in CATEGORIES}


def room() -> RoomClient:
    """Return the room that this application serves."""
    one: RoomClient = current_app.extensions["room"]
    return one


@pages.before_request
@login_required  # type: ignore[untyped-decorator]  # Flask-Login has no types
def _require_sign_in() -> None:
    """Let only somebody who is signed in come further."""


@pages.get("/")
def today() -> str:
    """Show what was refused today, and what became of the room's requests."""
    return _render_today(forms.RequestForm(formdata=None, site=request.args.get("site", "")))


@pages.get("/events")
def events() -> Response:
    """Say whenever the page should look again."""
    news = room().watch_changes()  # here, because the response is made when this request is over

    def items() -> Iterator[tuple[str, object] | None]:
        for changed in news:
            yield ("changed", {}) if changed else None

    return event_stream.stream_events(items())


@pages.post("/requests")
def ask() -> str | Redirect:
    """Send a request on its way."""
    form = forms.RequestForm()
    if not form.validate_on_submit():
        flash(forms.describe_errors(form), "warning")
        return _render_today(form)
    message = UnblockRequest(
        id=secrets.token_hex(16),
        site=form.site.data,
        reason=form.reason.data,
        minutes=form.minutes.data,
        lesson=form.lesson.data or "",
        teacher=_current_username(),
        asked_at=datetime.now(UTC),
    )
    try:
        opened_until = room().call_agent(rpc.SubmitRequest(message)).opened_until
    except (rpc.AgentUnavailable, rpc.RpcRejected) as no:
        flash(f"{no}.", "warning")
        return _render_today(form)
    if opened_until is not None:
        flash(f"{message.site} is open until {opened_until.astimezone():%H:%M}: you may open it by yourself.")
        return redirect(url_for(".today"))
    status = room().fetch_status()
    if status is not None and status.reachable:
        flash(f"Your request for {message.site} is on its way to the coordinator.")
    else:
        flash(f"Your request for {message.site} is kept here, and sent as soon as central can be reached again.")
    return redirect(url_for(".today"))


@pages.post("/requests/<request_id>/withdraw")
def withdraw(request_id: str) -> Redirect:
    """Take a request back, or close early what it opened."""
    answer = _call_agent(rpc.WithdrawRequest(request_id, _current_username()))
    if answer is not None:
        status = room().fetch_status()
        later = "" if status and status.reachable else " Central hears of it as soon as it can be reached again."
        flash(("It is closed again in this room." if answer.ended else "The request was taken back.") + later)
    return redirect(url_for(".today"))


@pages.post("/reports")
def report() -> Redirect:
    """Send "this should be closed" on its way."""
    form = forms.ReportForm()
    if not form.validate_on_submit():
        flash(forms.describe_errors(form), "warning")
        return redirect(url_for(".today"))
    sent = SiteReport(
        id=secrets.token_hex(16),
        site=form.site.data,
        note=form.note.data or "",
        teacher=_current_username(),
        reported_at=datetime.now(UTC),
    )
    if _call_agent(rpc.ReportRequest(sent)) is not None:
        flash(f"Thank you. The coordinator will look at {sent.site}.")
    return redirect(url_for(".today"))


def _render_today(form: forms.RequestForm) -> str:
    try:
        refused, (answers, refusals) = room().list_blocked_today(), room().count_answers_today()
        trouble = ""
    except LogUnreadable as problem:
        refused, answers, refusals, trouble = [], 0, 0, str(problem)
    agent_response = room().fetch_requests()
    now = datetime.now(UTC)
    return render_template(
        "today.html",
        form=form,
        report_form=forms.ReportForm(formdata=None),
        refused=refused,
        answers=answers,
        refusals=refusals,
        trouble=trouble,
        requests=[
            (state, _state_words(state, agent_response, now), _related_names(state, now))
            for state in agent_response.requests
        ],
        put_aside=[one for one in agent_response.dead_letters if one.kind != "request"],
        kind=lambda one: _KINDS[one],
        status=room().fetch_status(),
        category=lambda one: _CATEGORY_NAMES.get(one, one),
        clock=lambda text: datetime.fromisoformat(text).astimezone().strftime("%H:%M:%S"),
    )


def _related_names(state: RequestState, now: datetime) -> tuple[RelatedName, ...]:
    """Return what an open site also asked for, while it is open."""
    if state.state != "approved" or state.until is None or state.until <= now:
        return ()
    try:
        return room().list_related_names(state)
    except LogUnreadable:
        return ()


def _state_words(state: RequestState, agent_response: rpc.RpcResponse, now: datetime) -> str:
    aside = next(
        (one.why for one in agent_response.dead_letters if (one.kind, one.id) == ("request", state.request.id)), ""
    )
    if aside and state.state == "waiting":
        return f"kept here: central did not take it ({aside})"
    if state.request.id in agent_response.unsent:
        return "kept here until central can be reached"
    if state.state == "approved" and state.until is not None:
        return f"open until {state.until.astimezone():%H:%M:%S}" if state.until > now else "over"
    return {"waiting": "waiting for the coordinator", "denied": "not this time", "ended": "over"}.get(
        state.state, state.state
    )


def _call_agent(question: rpc.RpcRequest) -> rpc.RpcResponse | None:
    """Return what the agent answers; None where it does not, or said no, which is said then."""
    try:
        return room().call_agent(question)
    except (rpc.AgentUnavailable, rpc.RpcRejected) as no:
        flash(f"{no}.", "warning")
        return None


def _current_username() -> str:
    account: Any = current_user.account
    return str(account.username)
