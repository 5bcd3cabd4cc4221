"""What a teacher decides for the room at once (a lesson, a pause, a suspended device), and links to check."""

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Redirect

from appliance.errors import HallpassError
from appliance.rights import Right
from appliance.room.agent import rpc
from appliance.room.local_overrides import LocalOverrides
from blocklists.categories import CATEGORIES_BY_ID
from dns.errors import InvalidName
from dns.policy.document import Lesson, Pause, Suspension
from dns.policy.explain import Explanation, explain
from webui.room.blueprints import create_feature_blueprint, redirect_back, redirect_with_message, room
from webui.room.form_fields import DURATIONS, describe_errors, parse_full_site
from webui.room.lessons.closed_sites import find_closed_sites
from webui.room.lessons.forms import MORE_MINUTES, CheckForm, LessonForm, PauseForm, parse_sites, split_lines
from webui.room.refresh_cache import rendered_once
from webui.room.room_client import suspended_tokens
from webui.shared.access import requires
from webui.shared.auth import current_username
from webui.shared.durations import describe_duration
from webui.shared.flash_messages import flash_with_undo
from webui.shared.reasons import translate_reason
from webui.shared.school_clock import school_clock
from webui.shared.translation import gettext

blueprint = create_feature_blueprint("lessons", __name__)

MOST_LINKS = 50
SUSPENDED_MINUTES = 60


@blueprint.get("/classroom")
@requires(Right.LEAD_LESSONS)
@rendered_once
def show() -> str:
    """Show what is in force in this room, and what can be decided."""
    return _render_classroom(CheckForm(formdata=None), [])


@blueprint.post("/classroom/lesson")
@requires(Right.LEAD_LESSONS)
def start_lesson() -> str | Redirect:
    """Start a lesson; a colleague's that runs is named before it is replaced."""
    form = LessonForm()
    if not form.validate_on_submit():
        return _again(form, describe_errors(form))
    try:
        sites = parse_sites(form.sites.data)
    except InvalidName as problem:
        return _again(form, f"{translate_reason(problem)}.")
    running = _lesson_of_a_colleague()
    if running is not None and request.form.get("replaces") != running.id:
        return _again(form, _words_about(running), replaces=running.id)
    minutes = form.minutes.data
    try:
        answer = room().call_agent(
            rpc.StartLessonRequest(current_username(), sites, minutes, form.title.data or "")
        )
    except (rpc.AgentUnavailable, rpc.RpcRejected) as no:
        return _again(form, f"{translate_reason(no)}.")
    lessons = answer.overrides.lessons if answer.overrides else ()
    _flash_done(gettext("The lesson runs for %(duration)s.", duration=describe_duration(minutes)), lessons)
    return redirect(url_for("lessons.show"))


@blueprint.post("/classroom/extend/<lesson_id>")
@requires(Right.LEAD_LESSONS)
def extend_lesson(lesson_id: str) -> Redirect:
    """Let a lesson run longer. The end that was shown comes along: the same button twice extends once."""
    overrides = room().fetch_overrides()
    lessons = overrides.lessons if overrides is not None else ()
    lesson = next((one for one in lessons if one.id == lesson_id), None)
    if lesson is None:
        return redirect_with_message(gettext("That lesson is over. Start it again to go on."), "warning")
    if request.form.get("until") != lesson.until.isoformat():
        return redirect_with_message(
            gettext("The lesson runs until %(until)s.", until=school_clock().words(lesson.until))
        )
    left = math.ceil((lesson.until - datetime.now(UTC)).total_seconds() / 60)
    return _apply_decision(
        rpc.StartLessonRequest(current_username(), lesson.sites, left + MORE_MINUTES, lesson.title),
        gettext("The lesson runs %(duration)s longer.", duration=describe_duration(MORE_MINUTES)),
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
        gettext("The room pauses for %(duration)s.", duration=describe_duration(form.minutes.data)),
        lambda overrides: overrides.pauses,
    )


@blueprint.post("/classroom/suspend/<token>")
@requires(Right.LEAD_LESSONS)
def suspend_device(token: str) -> Redirect:
    """Leave a device without the internet for a while."""
    name = room().find_device_names([token]).get(token) or gettext("The device %(code)s", code=token[:6])
    return _apply_decision(
        rpc.SuspendDeviceRequest(current_username(), token, SUSPENDED_MINUTES),
        gettext(
            "%(device)s is without the internet for %(duration)s.",
            device=name,
            duration=describe_duration(SUSPENDED_MINUTES),
        ),
        lambda overrides: [one for one in overrides.suspensions if one.id.startswith(token)],
    )


@blueprint.post("/classroom/end/<decision_id>")
@requires(Right.LEAD_LESSONS)
def end_decision(decision_id: str) -> Redirect:
    """End something that the room decided; a lesson that was ended by mistake can go on."""
    overrides = room().fetch_overrides() or LocalOverrides()
    question = rpc.EndOverrideRequest(current_username(), decision_id)
    lesson = next((one for one in overrides.lessons if one.id == decision_id), None)
    if lesson is None:
        return _apply_decision(question, _words_of_end(overrides, decision_id))
    try:
        room().call_agent(question)
    except (rpc.AgentUnavailable, rpc.RpcRejected) as no:
        return redirect_with_message(f"{translate_reason(no)}.", "warning")
    left = (lesson.until - datetime.now(UTC)).total_seconds() / 60
    offered = [int(str(one.value)) for one in DURATIONS]
    flash_with_undo(
        gettext("The lesson has ended."),
        url_for("lessons.start_lesson"),
        sites="\n".join(lesson.sites),
        minutes=str(next((one for one in offered if one >= left), offered[-1])),
        title=lesson.title,
    )
    return redirect_back()


def _words_of_end(overrides: LocalOverrides, decision_id: str) -> str:
    if any(one.id == decision_id for one in overrides.pauses):
        return gettext("The pause has ended.")
    if any(one.id == decision_id for one in overrides.suspensions):
        return gettext("The device has the internet again.")
    return gettext("It has ended.")


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


def _lesson_of_a_colleague() -> Lesson | None:
    overrides = room().fetch_overrides()
    lessons = overrides.lessons if overrides is not None else ()
    return next((one for one in lessons if one.by != current_username()), None)


def _words_about(running: Lesson) -> str:
    until = school_clock().words(running.until)
    if running.title:
        return gettext(
            "%(teacher)s has the lesson “%(lesson)s” running in this room until %(until)s. "
            "Starting yours ends it.",
            teacher=running.by,
            lesson=running.title,
            until=until,
        )
    return gettext(
        "%(teacher)s has a lesson running in this room until %(until)s. Starting yours ends it.",
        teacher=running.by, until=until,
    )  # fmt: skip


def _again(form: LessonForm, words: str, *, replaces: str = "") -> str:
    """Show the form as it was filled in, and what is to be thought of."""
    flash(words, "warning")
    return _render_classroom(CheckForm(formdata=None), [], lesson_form=form, replaces=replaces)


def _render_classroom(
    form: CheckForm,
    checked: list[tuple[str, Explanation | None, str]],
    *,
    lesson_form: LessonForm | None = None,
    replaces: str = "",
) -> str:
    overrides = room().fetch_overrides()
    return render_template(
        "lessons/classroom.html",
        own=overrides,
        closed_in_lessons={one.id: find_closed_sites(room(), one.sites) for one in overrides.lessons}
        if overrides is not None
        else {},
        device_names=room().find_device_names(suspended_tokens(overrides)),
        lesson_form=lesson_form or LessonForm(formdata=None),
        replaces=replaces,
        pause_form=PauseForm(formdata=None),
        more_minutes=MORE_MINUTES,
        check_form=form,
        checked=checked,
        category=lambda one: CATEGORIES_BY_ID[one].name if one in CATEGORIES_BY_ID else one,
    )


def _apply_decision(
    question: rpc.OverrideRequest,
    done: str,
    made: Callable[[LocalOverrides], Sequence[Pause | Suspension]] = lambda _overrides: (),
) -> Redirect:
    try:
        answer = room().call_agent(question)
    except (rpc.AgentUnavailable, rpc.RpcRejected) as no:
        return redirect_with_message(f"{translate_reason(no)}.", "warning")
    _flash_done(done, made(answer.overrides) if answer.overrides is not None else ())
    return redirect_back()


def _flash_done(words: str, made: Sequence[Lesson | Pause | Suspension]) -> None:
    """Say what was done, and offer to undo it where it made something."""
    if made:
        back = {"from": request.form.get("from", "")}
        flash_with_undo(words, url_for("lessons.end_decision", decision_id=made[-1].id), **back)
    else:
        flash(words)
