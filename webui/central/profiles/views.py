"""Which categories each profile keeps closed."""

from flask import flash, redirect, request, url_for
from werkzeug.wrappers import Response as Redirect

from appliance.central import profiles
from appliance.rights import Right
from webui.central.blueprints import central, create_feature_blueprint
from webui.shared.access import requires
from webui.shared.auth import current_username

blueprint = create_feature_blueprint("profiles", __name__, home="rules.show")


@blueprint.post("/profiles/<profile>")
@requires(Right.EDIT_PROFILES)
def set_blocked(profile: str) -> Redirect:
    """Say which categories a profile keeps closed."""
    with central().store.write_session() as session:
        profiles.set_blocked_categories(
            session,
            central().now(),
            profile=profile,
            blocked=request.form.getlist("closed"),
            by=current_username(),
        )
    flash(f"The categories of {profile} are in force.")
    return redirect(url_for("rules.show"))
