"""What the safeguarding lead should look at."""

from flask import flash, redirect, render_template, url_for
from werkzeug.wrappers import Response as Redirect

from appliance.central import incidents
from appliance.rights import Right
from webui.central.blueprints import central, create_feature_blueprint
from webui.shared.access import requires
from webui.shared.auth import current_username

blueprint = create_feature_blueprint("incidents", __name__, home="incidents.show")

_INCIDENT_WORDS = {
    "locked-category": "something that is locked was asked for",
    "many-refusals": "many refusals to one device in a short time",
    "tunnel": "questions that look like carried data",
    "bypass": "a way round the filter was tried",
    "imitated-device": "a device uses the address of another one",
    "told-a-grown-up": "somebody pressed “tell a grown-up”",
}


@blueprint.get("/incidents")
@requires(Right.HANDLE_INCIDENTS)
def show() -> str:
    """Show what somebody should look at."""
    with central().store.read_session() as session:
        return render_template(
            "incidents/incidents.html", incidents=incidents.list_open_incidents(session), kinds=_INCIDENT_WORDS
        )


@blueprint.post("/incidents/<incident_id>/acknowledge")
@requires(Right.HANDLE_INCIDENTS)
def acknowledge(incident_id: str) -> Redirect:
    """Say that an incident has been looked at."""
    with central().store.write_session() as session:
        incidents.acknowledge_incident(session, central().now(), incident_id=incident_id, by=current_username())
    flash("The incident was acknowledged.")
    return redirect(url_for("incidents.show"))
