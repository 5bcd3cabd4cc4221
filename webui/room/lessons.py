"""What a teacher decides for the room at once (a lesson, a pause, a suspended device), and links to check."""

from datetime import UTC, datetime

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask_login import current_user, login_required
from werkzeug.wrappers import Response as Redirect

from appliance.errors import HallpassError
from appliance.room.agent import rpc
from blocklists.categories import CATEGORIES_BY_ID
from dns.errors import InvalidName
from dns.policy.explain import Explanation, explain
from webui.room import forms
from webui.room.room_client import RoomClient

classroom = Blueprint("classroom", __name__, template_folder="templates")

MOST_LINKS = 50
SUSPENDED_MINUTES = 60


def room() -> RoomClient:
    """Return the room that this application serves."""
    one: RoomClient = current_app.extensions["room"]
    return one


@classroom.before_request
@login_required  # type: ignore[untyped-decorator]  # Flask-Login has no types
def _require_sign_in() -> None:
    """Let only somebody who is signed in come further."""


@classroom.get("/classroom")
def show() -> str:
    """Show what is in force in this room, and what can be decided."""
    return _render_classroom(forms.CheckForm(formdata=None), [])


@classroom.post("/classroom/lesson")
def lesson() -> Redirect:
    """Start a lesson."""
    form = forms.LessonForm()
    if not form.validate_on_submit():
        return _redirect_back(forms.describe_errors(form), "warning")
    try:
        sites = forms.parse_sites(form.sites.data)
    except InvalidName as problem:
        return _redirect_back(f"{problem}.", "warning")
    minutes = form.minutes.data
    return _apply_decision(
        rpc.StartLessonRequest(_current_username(), sites, minutes, form.title.data or ""),
        f"The lesson runs for {minutes} minutes.",
    )


@classroom.post("/classroom/pause")
def pause() -> Redirect:
    """Pause the room."""
    form = forms.PauseForm()
    if not form.validate_on_submit():
        return _redirect_back(forms.describe_errors(form), "warning")
    return _apply_decision(
        rpc.PauseRoomRequest(_current_username(), form.minutes.data),
        f"The room pauses for {form.minutes.data} minutes.",
    )


@classroom.post("/classroom/suspend/<token>")
def suspend(token: str) -> Redirect:
    """Leave a device without the internet for a while."""
    done = f"The device {token} is without the internet for {SUSPENDED_MINUTES} minutes."
    return _apply_decision(rpc.SuspendDeviceRequest(_current_username(), token, SUSPENDED_MINUTES), done)


@classroom.post("/classroom/end/<decision_id>")
def end(decision_id: str) -> Redirect:
    """End something that the room decided."""
    return _apply_decision(rpc.EndOverrideRequest(_current_username(), decision_id), "It has ended.")


@classroom.post("/classroom/check")
def check() -> str:
    """Say of each planned link whether it is open, and why."""
    form = forms.CheckForm()
    if not form.validate_on_submit():
        flash(forms.describe_errors(form), "warning")
        return _render_classroom(form, [])
    return _render_classroom(
        form, [_explain_link(link) for link in forms.split_lines(form.links.data)[:MOST_LINKS]]
    )


def _explain_link(link: str) -> tuple[str, Explanation | None, str]:
    """Return a link, why it is open or closed, and what is wrong with it where it names no site."""
    try:
        site = forms.parse_full_site(link)
        return site, explain(room().policy.view_of_default_group(), site, 1, datetime.now(UTC).timestamp()), ""
    except (InvalidName, HallpassError) as problem:
        return link, None, f"{problem}"


def _render_classroom(form: forms.CheckForm, checked: list[tuple[str, Explanation | None, str]]) -> str:
    try:
        own = room().call_agent(rpc.ActiveOverridesRequest()).overrides
    except (rpc.AgentUnavailable, rpc.RpcRejected):
        own = None
    return render_template(
        "classroom.html",
        own=own,
        lesson_form=forms.LessonForm(formdata=None),
        pause_form=forms.PauseForm(formdata=None),
        check_form=form,
        checked=checked,
        category=lambda one: CATEGORIES_BY_ID[one].name if one in CATEGORIES_BY_ID else one,
        clock=_format_time,
    )


def _apply_decision(question: rpc.OverrideRequest, done: str) -> Redirect:
    try:
        room().call_agent(question)
    except (rpc.AgentUnavailable, rpc.RpcRejected) as no:
        return _redirect_back(f"{no}.", "warning")
    return _redirect_back(done)


def _redirect_back(words: str, kind: str = "message") -> Redirect:
    flash(words, kind)
    return redirect(url_for("pages.today" if request.form.get("from") == "today" else ".show"))


def _format_time(time: datetime) -> str:
    return time.astimezone().strftime("%H:%M")


def _current_username() -> str:
    return str(current_user.account.username)
