"""The school's own rules: looked at before they are made, and put back after."""

from flask import redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as Redirect

from appliance.central import profiles, rule_preview, rules
from appliance.central.errors import CentralError
from appliance.central.rule_preview import RuleChange
from appliance.rights import Right
from blocklists.categories import category_name
from dns.policy.site_names import reason_why_not
from webui.central.blueprints import central, create_feature_blueprint
from webui.central.decision_words import describe_decision
from webui.central.form_helpers import require_valid
from webui.central.paged_rows import find_requested_rows
from webui.central.rules.forms import RuleForm, make_form, sent_fields
from webui.central.undo_pages import add_undo_page, flash_change
from webui.shared.access import requires
from webui.shared.auth import current_username
from webui.shared.reasons import translate_reason
from webui.shared.translation import gettext, translatable, translate

HOME = "rules.show"
# What is said of a rule: by its action, whether it holds below its name too, and whether for some groups alone.
_DONE = {
    ("block", True, False): translatable("%(name)s and all addresses below it are closed in every room."),
    ("block", True, True): translatable(
        "%(name)s and all addresses below it are closed for %(groups)s in every room."
    ),
    ("block", False, False): translatable("%(name)s is closed in every room."),
    ("block", False, True): translatable("%(name)s is closed for %(groups)s in every room."),
    ("allow", True, False): translatable("%(name)s and all addresses below it are always open in every room."),
    ("allow", True, True): translatable(
        "%(name)s and all addresses below it are always open for %(groups)s in every room."
    ),
    ("allow", False, False): translatable("%(name)s is always open in every room."),
    ("allow", False, True): translatable("%(name)s is always open for %(groups)s in every room."),
}

blueprint = create_feature_blueprint("rules", __name__, home=HOME)
add_undo_page(blueprint, "/rules", Right.EDIT_RULES, home=HOME, kinds=(rules.KIND,))


@blueprint.get("/rules")
@requires(Right.EDIT_RULES)
def show() -> str:
    """Show the school's own rules."""
    with central().store.read_session() as session:
        form = _form(session)
        form.name.data = request.args.get("name", "")
        return _render(session, form)


@blueprint.post("/rules")
@requires(Right.EDIT_RULES)
def add() -> Redirect | tuple[str, int] | str:
    """Block or allow a name, after a look where one is wished for. What cannot be comes back filled in."""
    with central().store.read_session() as session:
        form = _form(session)
        try:
            fields = sent_fields(require_valid(form))
            looked = rule_preview.preview_rule(session, central().preview, central().now(), fields=fields)
        except CentralError as problem:
            return _render(session, form, problem=str(problem)), 422
        if request.form.get("step") == "look":
            return _render(session, form, change=looked)
    try:
        with central().store.write_session() as session:
            saved = rules.create_rule(session, central().now(), fields=fields, by=current_username())
    except CentralError as problem:
        with central().store.read_session() as session:
            return _render(session, form, problem=str(problem)), 422
    with central().store.read_session() as session:
        preview = central().preview.preview_site(session, saved.rule.name, groups=fields.groups)
    if fields.action == "allow" and preview.is_closed:
        kept = gettext("The rule is kept, but %(name)s stays closed.", name=saved.rule.name)
        why = describe_decision(preview.found) if preview.found else translate_reason(preview.why_not)
        words = f"{kept} {why}"
    else:
        words = _done_words(saved.rule.name, fields)
    flash_change(blueprint, saved.change, words)
    return redirect(url_for(HOME))


@blueprint.post("/rules/<int:rule_id>/remove")
@requires(Right.EDIT_RULES)
def remove(rule_id: int) -> Redirect:
    """Take a rule away; the message can put it back."""
    with central().store.write_session() as session:
        saved = rules.delete_rule(session, central().now(), rule_id=rule_id, by=current_username())
    flash_change(blueprint, saved.change, gettext("The rule for %(name)s is gone.", name=saved.rule.name))
    return redirect(url_for(HOME))


def _done_words(name: str, fields: rules.RuleFields) -> str:
    values = {"name": name, "groups": gettext(", ").join(fields.groups)}
    return gettext(_DONE[fields.action, fields.subdomains, bool(fields.groups)]) % values


def _form(session: Session) -> RuleForm:
    return make_form(
        {one: translate(category_name(one)) for one in profiles.known_categories(session)},
        [one.name for one in profiles.list_profiles(session)],
    )


def _render(session: Session, form: RuleForm, *, problem: str = "", change: RuleChange | None = None) -> str:
    return render_template(
        "rules/rules.html",
        found=find_requested_rows(
            rules.list_rules(session),
            describe=lambda rule: f"{rule.name} {rule.note} {rule.by} {' '.join(rule.groups)}",
        ),
        form=form,
        problem=problem,
        change=change,
        category_name=category_name,
        too_wide=reason_why_not,
    )
