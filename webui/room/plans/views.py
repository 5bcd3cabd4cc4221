"""A teacher's lesson plans: written down, checked, asked for, started."""

import hashlib
from datetime import UTC, datetime

from flask import abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Redirect

from appliance.protocol import RequestState, UnblockRequest
from appliance.rights import Right
from appliance.room.agent import rpc
from appliance.room.lesson_plans import LessonPlan
from webui.room.blueprints import create_feature_blueprint, room
from webui.room.form_fields import describe_errors
from webui.room.plans.checked_links import asked_sites, check_plan, sites_of
from webui.room.plans.forms import PlanForm, fill_form
from webui.room.plans.school_plans import SCHOOL, list_school_plans
from webui.room.today.request_words import describe_state
from webui.shared.access import requires
from webui.shared.auth import current_username
from webui.shared.flash_messages import flash_with_undo
from webui.shared.reasons import translate_reason
from webui.shared.translation import gettext

blueprint = create_feature_blueprint("plans", __name__)


@blueprint.get("/plans")
@requires(Right.LEAD_LESSONS)
def show() -> str:
    """Show one's own plans, the school's, those of colleagues in this room, and the form of a new one."""
    return _render_list(PlanForm(formdata=None))


@blueprint.post("/plans")
@requires(Right.LEAD_LESSONS)
def add_plan() -> str | Redirect:
    """Keep a new plan."""
    form = PlanForm()
    if not form.validate_on_submit():
        flash(describe_errors(form), "warning")
        return _render_list(form)
    if not _call(rpc.SavePlanRequest(form.make_plan(current_username(), form.key.data))):
        return _render_list(form)
    flash(gettext("The plan is kept. Below you see what of it would open."))
    return redirect(url_for("plans.show_plan", plan_id=form.key.data))


@blueprint.get("/plans/<plan_id>")
@requires(Right.LEAD_LESSONS)
def show_plan(plan_id: str) -> str:
    """Show a plan: each link, what would open, its request with the answer, and how it is started."""
    plan = _find(plan_id)
    return _render_plan(plan, fill_form(plan))


@blueprint.post("/plans/<plan_id>")
@requires(Right.LEAD_LESSONS)
def save_plan(plan_id: str) -> str | Redirect:
    """Change one's own plan; of a colleague's or the school's, make one's own."""
    plan = _find(plan_id)
    form = PlanForm()
    if not form.validate_on_submit():
        flash(describe_errors(form), "warning")
        return _render_plan(plan, form)
    is_own = plan.owner == current_username()
    changed = form.make_plan(
        current_username(), plan.id if is_own else form.key.data, plan.requests if is_own else ()
    )
    if not _call(rpc.SavePlanRequest(changed)):
        return _render_plan(plan, form)
    flash(gettext("The plan is kept.") if is_own else gettext("This is your own plan now."))
    return redirect(url_for("plans.show_plan", plan_id=changed.id))


@blueprint.post("/plans/<plan_id>/ask")
@requires(Right.REQUEST_UNBLOCKS)
def ask_for_plan(plan_id: str) -> Redirect:
    """Ask for everything closed of one's own plan, in one request for the lesson's time."""
    plan = _find(plan_id)
    closed = sites_of(check_plan(room(), plan, asked_sites(plan, _list_states())), "closed")
    if plan.owner != current_username():
        flash(gettext("That plan is not yours: make your own of it first."), "warning")
    elif not closed:
        flash(gettext("Nothing of it has to be asked for."))
    elif plan.start is not None and plan.start.timestamp() + plan.minutes * 60 <= datetime.now(UTC).timestamp():
        flash(gettext("That lesson is over: please give it another time first."), "warning")
    else:
        answer = _call(rpc.AskPlanRequest(plan.id, _make_request(plan, closed)))
        if answer is not None and answer.opened_until is not None:
            flash(gettext("It is open: you may open it by yourself."))
        elif answer is not None:
            flash(gettext("The coordinator was asked. You read the answer here."))
    return redirect(url_for("plans.show_plan", plan_id=plan.id))


@blueprint.post("/plans/<plan_id>/delete")
@requires(Right.LEAD_LESSONS)
def delete_plan(plan_id: str) -> Redirect:
    """Delete one's own plan, or put it back."""
    undo = "restore" in request.form
    if _call(rpc.DeletePlanRequest(who=current_username(), plan=plan_id[:32], undo=undo)):
        if undo:
            flash(gettext("The plan is there again."))
        else:
            flash_with_undo(
                gettext("The plan is gone."), url_for("plans.delete_plan", plan_id=plan_id), restore="1"
            )
    return redirect(url_for("plans.show"))


def _find(plan_id: str) -> LessonPlan:
    plans = (*_list_plans(), *list_school_plans(room()))
    return next((one for one in plans if one.id == plan_id), None) or abort(404)


def _list_plans() -> tuple[LessonPlan, ...]:
    answer = _call(rpc.ListPlansRequest(current_username()))
    return answer.plans if answer is not None else ()


def _list_states() -> list[RequestState]:
    return list(room().fetch_requests().requests)


def _make_request(plan: LessonPlan, sites: tuple[str, ...]) -> UnblockRequest:
    """Return the request for a plan: the same for the same sites and time, however often it is made."""
    start = plan.start if plan.start is not None and plan.start > datetime.now(UTC) else None
    content = f"{plan.id} {plan.start} {plan.minutes} {len(plan.requests)} {' '.join(sites)}"
    return UnblockRequest(
        id=hashlib.sha256(content.encode()).hexdigest()[:32],
        site=sites[0],
        also=sites[1:],
        reason=f"For the lesson “{plan.title}”" + (f", {len(sites)} sites of its plan" if len(sites) > 1 else ""),
        lesson=plan.title,
        minutes=plan.minutes,
        since=start,
        teacher=plan.owner,
        asked_at=datetime.now(UTC),
    )


def _render_list(form: PlanForm) -> str:
    who = current_username()
    plans = _list_plans()
    return render_template(
        "plans/plans.html",
        form=form,
        own=[one for one in plans if one.owner == who],
        of_school=list_school_plans(room()),
        of_others=[one for one in plans if one.owner != who],
    )


def _render_plan(plan: LessonPlan, form: PlanForm) -> str:
    answer = room().fetch_requests()
    states = [one for one in answer.requests if one.request.id in plan.requests]
    checked = check_plan(room(), plan, asked_sites(plan, states))
    now = datetime.now(UTC)
    running = room().fetch_overrides()
    return render_template(
        "plans/plan.html",
        plan=plan,
        form=form,
        is_own=plan.owner == current_username(),
        is_of_school=plan.owner == SCHOOL,
        checked=checked,
        to_ask=sites_of(checked, "closed"),
        lesson_sites=sites_of(checked, "open", "safe", "closed", "asked"),
        requests=[(one, describe_state(one, answer, now)) for one in states],
        running=running.lessons if running is not None else (),
    )


def _call(question: rpc.PlanRequest) -> rpc.RpcResponse | None:
    """Return what is answered; None where nobody answers, or the answer is no, which is said then."""
    try:
        return room().call_agent(question)
    except (rpc.AgentUnavailable, rpc.RpcRejected) as no:
        flash(f"{translate_reason(no)}.", "warning")
        return None
