"""The school's own rules."""

from flask import redirect, render_template, url_for
from werkzeug.wrappers import Response as Redirect

from appliance.central import rules
from appliance.rights import Right
from dns.policy.site_names import reason_why_not
from webui.central.blueprints import central, create_feature_blueprint
from webui.central.form_helpers import require_valid
from webui.central.rules.forms import RuleForm
from webui.shared.access import requires
from webui.shared.auth import current_username
from webui.shared.flash_messages import flash_with_undo

blueprint = create_feature_blueprint("rules", __name__, home="rules.show")


@blueprint.get("/rules")
@requires(Right.EDIT_RULES)
def show() -> str:
    """Show the school's own rules."""
    with central().store.read_session() as session:
        return render_template(
            "rules/rules.html",
            rules=rules.list_rules(session),
            form=RuleForm(),
            too_wide=reason_why_not,
        )


@blueprint.post("/rules")
@requires(Right.EDIT_RULES)
def add() -> Redirect:
    """Block or allow a name."""
    form = require_valid(RuleForm())
    with central().store.write_session() as session:
        rule = rules.add_rule(
            session, central().now(), name=form.name.data, action=form.action.data, note=form.note.data or "",
            locked=form.locked.data, by=current_username(),
        )  # fmt: skip
    done = "closed" if rule.action == "block" else "always open"
    undo = url_for("rules.remove", rule_id=rule.id)
    with central().store.read_session() as session:
        preview = central().preview.preview_site(session, rule.name)
    if rule.action == "allow" and preview.is_closed:
        flash_with_undo(f"The rule is kept, but {rule.name} stays closed. {preview.why}", undo)
    else:
        flash_with_undo(f"{rule.name} and all addresses below it are {done} in every room.", undo)
    return redirect(url_for("rules.show"))


@blueprint.post("/rules/<int:rule_id>/remove")
@requires(Right.EDIT_RULES)
def remove(rule_id: int) -> Redirect:
    """Take a rule away; the message can put it back."""
    with central().store.write_session() as session:
        rule = rules.remove_rule(session, central().now(), rule_id=rule_id, by=current_username())
        fields = {
            "name": rule.name,
            "action": rule.action,
            "note": rule.note,
            **({"locked": "y"} if rule.locked else {}),
        }
    flash_with_undo(f"The rule for {rule.name} is gone.", url_for("rules.add"), **fields)
    return redirect(url_for("rules.show"))
