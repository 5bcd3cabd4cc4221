"""Teachers' reports of sites, and settling them."""

from flask import flash, redirect, request, url_for
from werkzeug.wrappers import Response as Redirect

from appliance.central import reports, rules
from appliance.rights import Right
from webui.central.blueprints import central, create_feature_blueprint
from webui.shared.access import requires
from webui.shared.auth import current_username

blueprint = create_feature_blueprint("reports", __name__, home="requests.queue")


@blueprint.post("/reports/<report_id>/settle")
@requires(Right.HANDLE_REPORTS)
def resolve(report_id: str) -> Redirect:
    """Put a teacher's report away, after closing the site where the coordinator chose so."""
    site = request.form.get("close", "")
    with central().store.write_session() as session:
        if site:
            rules.add_rule(
                session,
                central().now(),
                name=site,
                action="block",
                by=current_username(),
                note="reported by a teacher",
            )
        reports.resolve_report(session, central().now(), report_id=report_id, by=current_username())
    flash(f"{site} is closed in every room." if site else "The report was put away.")
    return redirect(url_for("requests.queue"))
