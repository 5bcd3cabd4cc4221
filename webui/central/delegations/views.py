"""What teachers may open by themselves."""

from flask import flash, redirect, url_for
from werkzeug.wrappers import Response as Redirect

from appliance.central import delegations
from appliance.rights import Right
from webui.central.blueprints import central, create_feature_blueprint
from webui.central.delegations.forms import DelegationForm
from webui.central.form_helpers import require_valid
from webui.shared.access import requires
from webui.shared.auth import current_username
from webui.shared.flash_messages import flash_with_undo

blueprint = create_feature_blueprint("delegations", __name__, home="rules.show")


@blueprint.post("/delegations")
@requires(Right.DELEGATE)
def delegate() -> Redirect:
    """Let teachers open a category's sites by themselves."""
    form = require_valid(DelegationForm())
    with central().store.write_session() as session:
        delegations.delegate_category(
            session, central().now(), category=form.category.data, minutes=form.minutes.data,
            per_day=form.per_day.data or 0, by=current_username(),
        )  # fmt: skip
    undo = url_for("delegations.end", category=form.category.data)
    flash_with_undo("Teachers may open these sites by themselves now.", undo)
    return redirect(url_for("rules.show"))


@blueprint.post("/delegations/<category>/end")
@requires(Right.DELEGATE)
def end(category: str) -> Redirect:
    """Let a category's sites wait for the coordinator again."""
    with central().store.write_session() as session:
        delegations.end_delegation(session, central().now(), category=category, by=current_username())
    flash("Requests for these sites wait for you again.")
    return redirect(url_for("rules.show"))
