"""What is open for a while, and ending it early."""

from flask import flash, redirect, url_for
from werkzeug.wrappers import Response as Redirect

from appliance.central import unblocks
from appliance.rights import Right
from webui.central.blueprints import central, create_feature_blueprint
from webui.shared.access import requires
from webui.shared.auth import current_username

blueprint = create_feature_blueprint("unblocks", __name__, home="requests.queue")


@blueprint.post("/openings/<int:unblock_id>/end")
@requires(Right.DECIDE_REQUESTS)
def end(unblock_id: int) -> Redirect:
    """Close early what was opened."""
    with central().store.write_session() as session:
        unblocks.end_unblock(session, central().now(), unblock_id=unblock_id, by=current_username())
    flash("It is closed again.")
    return redirect(url_for("requests.queue"))
