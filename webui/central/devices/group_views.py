"""Groups of devices: their networks and their rooms, and what they may see."""

from collections.abc import Sequence

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Redirect

from appliance.central import rooms
from appliance.central.devices import groups
from appliance.central.errors import NotFound, NotPossible
from appliance.rights import Right
from blocklists.categories import category_name
from webui.central.blueprints import central, create_feature_blueprint
from webui.central.devices.forms import NetworksForm
from webui.central.form_helpers import require_valid
from webui.shared.access import requires
from webui.shared.auth import current_username
from webui.shared.flash_messages import flash_with_undo
from webui.shared.reasons import translate_reason
from webui.shared.translation import gettext

blueprint = create_feature_blueprint("groups", __name__, home="devices.show")


@blueprint.get("/groups/<name>")
@requires(Right.EDIT_DEVICES)
def show(name: str) -> str:
    """Show a group: who is in it, and what it may see."""
    return _render(name, None)


@blueprint.post("/groups/<name>")
@requires(Right.EDIT_DEVICES)
def set_networks(name: str) -> str | Redirect:
    """Say which networks belong to a group, and on which alone its devices count."""
    form = NetworksForm()
    try:
        require_valid(form)
        with central().store.write_session() as session:
            if not request.form.get("confirmed") and (
                effects := groups.preview_networks(session, name, form.networks.data or "")
            ):
                return _render(name, form, effects)
            networks, only_from = groups.set_networks(
                session, central().now(), name, networks=form.networks.data or "",
                only_from=form.only_from.data or "", by=current_username(), revision=form.revision.data or "",
            )  # fmt: skip
            saved = groups.get_revision(session, name)
    except NotPossible as problem:
        flash(f"{translate_reason(problem)}.", "warning")
        with central().store.read_session() as session:
            form.revision.data = groups.get_revision(session, name)  # whoever was told may save it all the same
        return _render(name, form)
    flash_with_undo(
        gettext("The networks of %(group)s are in force.", group=name), url_for("groups.set_networks", name=name),
        networks=", ".join(networks.split()), only_from=", ".join(only_from.split()), confirmed="1",
        revision=saved,
    )  # fmt: skip
    return redirect(url_for("groups.show", name=name))


@blueprint.post("/groups/<name>/rooms")
@requires(Right.EDIT_DEVICES)
def set_room(name: str) -> str | Redirect:
    """Let a room's devices belong to a group, or to the school's default again."""
    room, group = request.form.get("room", ""), request.form.get("group", "")
    with central().store.write_session() as session:
        now_in = groups.get_room_group(session, room)
        if not request.form.get("confirmed") and (effects := groups.preview_place(session, now_in, group)):
            return render_template(
                "devices/room.html",
                name=name,
                room=room,
                group=group,
                effects=effects,
                category_name=category_name,
            )
        before = groups.set_room_group(
            session, central().now(), room, group, by=current_username(), instead_of=request.form.get("instead_of")
        )
    if group:
        words = gettext(
            "Devices in %(room)s that are in no other group belong to %(group)s now.", room=room, group=group
        )
    else:
        words = gettext(
            "Devices in %(room)s that are in no other group belong to the default group now.", room=room
        )
    flash_with_undo(
        words,
        url_for("groups.set_room", name=name), room=room, group=before,
        instead_of=group, confirmed="1",
    )  # fmt: skip
    return redirect(url_for("groups.show", name=name))


def _render(name: str, form: NetworksForm | None, effects: Sequence[groups.GroupEffect] = ()) -> str:
    with central().store.read_session() as session:
        found = groups.list_groups(session)
        group = next((one for one in found if one.name == name), None)
        if group is None:
            raise NotFound(f"there is no group {name[:64]!r}")
        return render_template(
            "devices/group.html",
            group=group,
            effects=effects,
            default=next(one.name for one in found if one.is_default),
            rooms=[one.name for one in rooms.list_rooms(session) if one.default_group != name],
            form=form
            or NetworksForm(
                formdata=None,
                networks=", ".join(group.networks),
                only_from=", ".join(group.only_from),
                revision=groups.networks_revision(group.networks, group.only_from),
            ),
            category_name=category_name,
        )
