"""Who did what."""

from flask import render_template

from appliance.central import audit
from appliance.rights import Right
from webui.central.blueprints import central, create_feature_blueprint
from webui.shared.access import requires

blueprint = create_feature_blueprint("audit", __name__, home="audit.show")


@blueprint.get("/audit")
@requires(Right.READ_AUDIT)
def show() -> str:
    """Show who did what."""
    with central().store.read_session() as session:
        return render_template("audit/audit.html", entries=audit.list_audit_entries(session))
