"""The rooms: how they are, and enrolling them."""

from flask import Response, render_template, request

from appliance.central import enrolment, policies, rooms
from appliance.rights import Right
from appliance.room.conditions import describe_condition
from webui.central.blueprints import central, create_feature_blueprint
from webui.central.form_helpers import require_valid
from webui.central.rooms.forms import RoomForm
from webui.shared.access import requires
from webui.shared.auth import current_username

blueprint = create_feature_blueprint("rooms", __name__, home="rooms.show")


@blueprint.get("/rooms")
@requires(Right.SEE_ROOMS)
def show() -> str:
    """Show every room and how it is."""
    now = central().now()
    with central().store.read_session() as session:
        published = policies.latest_publication(session)
        index = published.hash if published else ""
        listed = rooms.list_rooms(session)
        in_step = {room.id for room in listed if rooms.is_in_step(room, index)}
        return render_template(
            "rooms/rooms.html",
            rooms=listed,
            now=now,
            in_step=in_step,
            form=RoomForm(),
            describe_condition=describe_condition,
        )


@blueprint.post("/rooms")
@requires(Right.ENROL_ROOMS)
def enrol() -> str | Response:
    """Enrol a room, and show its token once, or hand out the file for its card."""
    form = require_valid(RoomForm())
    name, as_file = form.name.data, "bundle" in request.form
    if as_file:
        enrolment.make_enrolment_file(
            central().settings, room=name, token=rooms.PLACEHOLDER_TOKEN
        )  # before the room's old token ends
    with central().store.write_session() as session:
        token = rooms.enrol_room(session, central().now(), name=name, by=current_username())
    if not as_file:
        return render_template("rooms/enrolled.html", name=name, token=token)
    made = Response(
        enrolment.make_enrolment_file(central().settings, room=name, token=token),
        mimetype="application/octet-stream",
    )
    made.headers.set("Content-Disposition", "attachment", filename=enrolment.enrolment_file_name(name))
    return made
