"""What a teacher decides for the room at once (a lesson, a pause, a suspended device), and links to check."""

from datetime import UTC, datetime

from flask import flash, render_template
from werkzeug.wrappers import Response as Redirect

from appliance.errors import HallpassError
from appliance.rights import Right
from appliance.room.agent import rpc
from blocklists.categories import CATEGORIES_BY_ID
from dns.errors import InvalidName
from dns.policy.explain import Explanation, explain
from webui.room.blueprints import create_feature_blueprint, redirect_with_message, room
from webui.room.form_fields import describe_errors, parse_full_site
from webui.room.lessons.forms import CheckForm, LessonForm, PauseForm, parse_sites, split_lines
from webui.shared.access import requires
from webui.shared.auth import current_username

blueprint = create_feature_blueprint("lessons", __name__)

MOST_LINKS = 50
SUSPENDED_MINUTES = 60


@blueprint.get("/classroom")
@requires(Right.LEAD_LESSONS)
def show() -> str:
    """Show what is in force in this room, and what can be decided."""
    return _render_classroom(CheckForm(formdata=None), [])


@blueprint.post("/classroom/lesson")
@requires(Right.LEAD_LESSONS)
def start_lesson() -> Redirect:
    """Start a lesson."""
    form = LessonForm()
    if not form.validate_on_submit():
        return redirect_with_message(describe_errors(form), "warning")
    try:
        sites = parse_sites(form.sites.data)
    except InvalidName as problem:
        return redirect_with_message(f"{problem}.", "warning")
    minutes = form.minutes.data
    return _apply_decision(
        rpc.StartLessonRequest(current_username(), sites, minutes, form.title.data or ""),
        f"The lesson runs for {minutes} minutes.",
    )


@blueprint.post("/classroom/pause")
@requires(Right.LEAD_LESSONS)
def pause_room() -> Redirect:
    """Pause the room."""
    form = PauseForm()
    if not form.validate_on_submit():
        return redirect_with_message(describe_errors(form), "warning")
    return _apply_decision(
        rpc.PauseRoomRequest(current_username(), form.minutes.data),
        f"The room pauses for {form.minutes.data} minutes.",
    )


@blueprint.post("/classroom/suspend/<token>")
@requires(Right.LEAD_LESSONS)
def suspend_device(token: str) -> Redirect:
    """Leave a device without the internet for a while."""
    done = f"The device {token} is without the internet for {SUSPENDED_MINUTES} minutes."
    return _apply_decision(rpc.SuspendDeviceRequest(current_username(), token, SUSPENDED_MINUTES), done)


@blueprint.post("/classroom/end/<decision_id>")
@requires(Right.LEAD_LESSONS)
def end_decision(decision_id: str) -> Redirect:
    """End something that the room decided."""
    return _apply_decision(rpc.EndOverrideRequest(current_username(), decision_id), "It has ended.")


@blueprint.post("/classroom/check")
@requires(Right.LEAD_LESSONS)
def check_links() -> str:
    """Say of each planned link whether it is open, and why."""
    form = CheckForm()
    if not form.validate_on_submit():
        flash(describe_errors(form), "warning")
        return _render_classroom(form, [])
    return _render_classroom(form, [_explain_link(link) for link in split_lines(form.links.data)[:MOST_LINKS]])


def _explain_link(link: str) -> tuple[str, Explanation | None, str]:
    """Return a link, why it is open or closed, and what is wrong with it where it names no site."""
    try:
        site = parse_full_site(link)
        return site, explain(room().policy.view_of_default_group(), site, 1, datetime.now(UTC).timestamp()), ""
    except (InvalidName, HallpassError) as problem:
        return link, None, f"{problem}"


def _render_classroom(form: CheckForm, checked: list[tuple[str, Explanation | None, str]]) -> str:
    try:
        own = room().call_agent(rpc.ActiveOverridesRequest()).overrides
    except (rpc.AgentUnavailable, rpc.RpcRejected):
        own = None
    return render_template(
        "lessons/classroom.html",
        own=own,
        lesson_form=LessonForm(formdata=None),
        pause_form=PauseForm(formdata=None),
        check_form=form,
        checked=checked,
        category=lambda one: CATEGORIES_BY_ID[one].name if one in CATEGORIES_BY_ID else one,
    )


def _apply_decision(question: rpc.OverrideRequest, done: str) -> Redirect:
    try:
        room().call_agent(question)
    except (rpc.AgentUnavailable, rpc.RpcRejected) as no:
        return redirect_with_message(f"{no}.", "warning")
    return redirect_with_message(done)
