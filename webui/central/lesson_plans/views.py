"""The school's own lesson plans: added, changed and removed, each link looked at before it is saved."""

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Redirect

from appliance.central import lesson_plans, school_settings
from appliance.central.errors import CentralError
from appliance.central.lesson_plans import PlanLink
from appliance.central.profiles import ChangedMeanwhile
from appliance.rights import Right
from dns.policy.setting_limits import MAX_SCHOOL_PLANS
from webui.central.blueprints import central, create_feature_blueprint
from webui.central.form_helpers import require_valid
from webui.central.lesson_plans.forms import SchoolPlanForm
from webui.central.paged_rows import find_requested_rows
from webui.central.undo_pages import add_undo_page, flash_change
from webui.shared.access import requires
from webui.shared.auth import current_username
from webui.shared.translation import gettext

HOME = "lesson_plans.show"

blueprint = create_feature_blueprint("lesson_plans", __name__, home=HOME)
add_undo_page(blueprint, "/lesson-plans", Right.EDIT_RULES, home=HOME, kinds=(school_settings.PLANS_KIND,))


@blueprint.get("/lesson-plans")
@requires(Right.EDIT_RULES)
def show() -> str:
    """Show the school's plans."""
    with central().store.read_session() as session:
        plans = lesson_plans.list_plans(session)
    found = find_requested_rows(
        plans,
        describe=lambda plan: f"{plan.title} {' '.join(plan.links)}",
    )
    return render_template("lesson_plans/lesson_plans.html", found=found, is_full=len(plans) >= MAX_SCHOOL_PLANS)


@blueprint.get("/lesson-plans/change")
@requires(Right.EDIT_RULES)
def change() -> str:
    """Show a plan to be changed, or the form for a new one."""
    plan_id = request.args.get("plan", "")
    if not plan_id:
        return _render_form(SchoolPlanForm(formdata=None))
    with central().store.read_session() as session:
        plan = lesson_plans.get_plan(session, plan_id)
        links = lesson_plans.check_links(session, central().preview, plan.links)
    form = SchoolPlanForm(
        formdata=None, plan=plan.id, revision=lesson_plans.plan_revision(plan), title=plan.title,
        links="\n".join(plan.links), minutes=plan.minutes,
    )  # fmt: skip
    return _render_form(form, links=links)


@blueprint.post("/lesson-plans/change")
@requires(Right.EDIT_RULES)
def save() -> Redirect | tuple[str, int] | str:
    """Keep a plan, or look at its links first. What cannot be saved comes back filled in."""
    form = SchoolPlanForm()
    try:
        require_valid(form)
        if request.form.get("step") == "look":
            with central().store.read_session() as session:
                links = lesson_plans.check_links(session, central().preview, form.link_lines)
            return _render_form(form, links=links)
        with central().store.write_session() as session:
            done = lesson_plans.put_plan(
                session, central().now(), title=form.title.data, links=form.link_lines, minutes=form.minutes.data,
                by=current_username(), plan_id=form.plan.data or "", revision=form.revision.data or "",
            )  # fmt: skip
    except ChangedMeanwhile as problem:
        with central().store.read_session() as session:
            form.revision.data = lesson_plans.plan_revision(lesson_plans.get_plan(session, form.plan.data))
        return _render_form(form, problem=str(problem)), 409
    except CentralError as problem:
        return _render_form(form, problem=str(problem)), 422
    flash_change(blueprint, done, gettext("Every room shows “%(title)s” now.", title=form.title.data))
    return redirect(url_for(HOME))


@blueprint.post("/lesson-plans/remove")
@requires(Right.EDIT_RULES)
def remove() -> Redirect:
    """Remove a plan; the message can put it back."""
    plan_id = request.form.get("plan", "")
    with central().store.write_session() as session:
        title = lesson_plans.get_plan(session, plan_id).title
        done = lesson_plans.remove_plan(session, central().now(), plan_id=plan_id, by=current_username())
    flash_change(blueprint, done, gettext("“%(title)s” is gone from every room.", title=title))
    return redirect(url_for(HOME))


def _render_form(form: SchoolPlanForm, *, problem: str = "", links: tuple[PlanLink, ...] = ()) -> str:
    return render_template("lesson_plans/lesson_plan.html", form=form, problem=problem, links=links)
