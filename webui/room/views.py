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
from webui.room.room_client import Room
from webui.shared import event_stream

pages = Blueprint("pages", __name__, template_folder="templates")

_KINDS = {
    "withdrawal": "the end of an opening (it stays closed in this room)",
    "report": "a report of a site",
    "incident": "an incident",
    "action": "a line of the audit",
}
_CATEGORY_NAMES = {one.id: one.name for one in CATEGORIES}


def room() -> Room:
    """Return the room that this application serves."""
    one: Room = current_app.extensions["room"]
    return one


@pages.before_request
@login_required  # type: ignore[untyped-decorator]  # Flask-Login has no types
def _signed_in() -> None:
    """Let only somebody who is signed in come further."""


@pages.get("/")
def today() -> str:
    """Show what was refused today, and what became of the room's requests."""
    return _today(forms.RequestForm(formdata=None, site=request.args.get("site", "")))


@pages.get("/events")
def events() -> Response:
    """Say whenever the page should look again."""
    news = room().news()  # here, because the response is made when this request is over

    def items() -> Iterator[tuple[str, object] | None]:
        for changed in news:
            yield ("changed", {}) if changed else None

    return event_stream.events(items())


@pages.post("/requests")
def ask() -> str | Redirect:
    """Send a request on its way."""
    form = forms.RequestForm()
    if not form.validate_on_submit():
        flash(forms.mistakes(form), "warning")
        return _today(form)
    wish = UnblockRequest(
        id=secrets.token_hex(16),
        site=form.site.data,
        reason=form.reason.data,
        minutes=form.minutes.data,
        lesson=form.lesson.data or "",
        teacher=_me(),
        asked_at=datetime.now(UTC),
    )
    try:
        opened_until = room().ask(rpc.Submit(wish)).opened_until
    except (rpc.AgentAway, rpc.Refused) as no:
        flash(f"{no}.", "warning")
        return _today(form)
    if opened_until is not None:
        flash(f"{wish.site} is open until {opened_until.astimezone():%H:%M}: you may open it by yourself.")
        return redirect(url_for(".today"))
    status = room().status()
    if status is not None and status.reachable:
        flash(f"Your request for {wish.site} is on its way to the coordinator.")
    else:
        flash(f"Your request for {wish.site} is kept here, and sent as soon as central can be reached again.")
    return redirect(url_for(".today"))


@pages.post("/requests/<request_id>/withdraw")
def withdraw(request_id: str) -> Redirect:
    """Take a request back, or close early what it opened."""
    answer = _tell(rpc.Withdraw(request_id, _me()))
    if answer is not None:
        status = room().status()
        later = "" if status and status.reachable else " Central hears of it as soon as it can be reached again."
        flash(("It is closed again in this room." if answer.ended else "The request was taken back.") + later)
    return redirect(url_for(".today"))


@pages.post("/reports")
def report() -> Redirect:
    """Send "this should be closed" on its way."""
    form = forms.ReportForm()
    if not form.validate_on_submit():
        flash(forms.mistakes(form), "warning")
        return redirect(url_for(".today"))
    sent = SiteReport(
        id=secrets.token_hex(16),
        site=form.site.data,
        note=form.note.data or "",
        teacher=_me(),
        reported_at=datetime.now(UTC),
    )
    if _tell(rpc.Report(sent)) is not None:
        flash(f"Thank you. The coordinator will look at {sent.site}.")
    return redirect(url_for(".today"))


def _today(form: forms.RequestForm) -> str:
    try:
        refused, (answers, refusals) = room().refused_today(), room().answers_today()
        trouble = ""
    except LogUnreadable as problem:
        refused, answers, refusals, trouble = [], 0, 0, str(problem)
    asked = room().requests()
    now = datetime.now(UTC)
    return render_template(
        "today.html",
        form=form,
        report_form=forms.ReportForm(formdata=None),
        refused=refused,
        answers=answers,
        refusals=refusals,
        trouble=trouble,
        requests=[(state, _words(state, asked, now), _needs(state, now)) for state in asked.requests],
        put_aside=[one for one in asked.put_aside if one.kind != "request"],
        kind=lambda one: _KINDS[one],
        status=room().status(),
        category=lambda one: _CATEGORY_NAMES.get(one, one),
        clock=lambda text: datetime.fromisoformat(text).astimezone().strftime("%H:%M:%S"),
    )


def _needs(state: RequestState, now: datetime) -> tuple[RelatedName, ...]:
    """Return what an open site also asked for, while it is open."""
    if state.state != "approved" or state.until is None or state.until <= now:
        return ()
    try:
        return room().also_asked(state)
    except LogUnreadable:
        return ()


def _words(state: RequestState, asked: rpc.Answer, now: datetime) -> str:
    aside = next((one.why for one in asked.put_aside if (one.kind, one.id) == ("request", state.request.id)), "")
    if aside and state.state == "waiting":
        return f"kept here: central did not take it ({aside})"
    if state.request.id in asked.unsent:
        return "kept here until central can be reached"
    if state.state == "approved" and state.until is not None:
        return f"open until {state.until.astimezone():%H:%M:%S}" if state.until > now else "over"
    return {"waiting": "waiting for the coordinator", "denied": "not this time", "ended": "over"}.get(
        state.state, state.state
    )


def _tell(question: rpc.Question) -> rpc.Answer | None:
    """Return what the agent answers; None where it does not, or said no, which is said then."""
    try:
        return room().ask(question)
    except (rpc.AgentAway, rpc.Refused) as no:
        flash(f"{no}.", "warning")
        return None


def _me() -> str:
    account: Any = current_user.account
    return str(account.username)
