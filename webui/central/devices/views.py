"""The devices that the school knows by name: search, give a name, change, move, remove."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated

import msgspec
from flask import Response, flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as Redirect

from appliance.central import audit
from appliance.central.devices import csv_file, groups, inventory, sightings
from appliance.central.devices.inventory import DeviceFields
from appliance.central.errors import CentralError, NotPossible
from appliance.central.models import DeviceRow
from appliance.rights import Right
from blocklists.categories import category_name
from dns.errors import DECODING_FAILED
from webui.central.blueprints import central, create_feature_blueprint
from webui.central.devices.forms import DeviceForm, FileForm
from webui.central.form_helpers import require_valid, select_choices
from webui.shared.access import requires
from webui.shared.auth import current_username
from webui.shared.flash_messages import flash_with_undo
from webui.shared.reasons import translate_reason
from webui.shared.translation import gettext, ngettext, translatable

NEWEST_UNKNOWN = 5  # that the first page shows
_DeviceId = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]  # what databases take for one
_MAX_UNDO_TEXT = 1500  # characters that a message can carry

blueprint = create_feature_blueprint("devices", __name__, home="devices.show")


@blueprint.get("/devices")
@requires(Right.SEE_DEVICES)
def show() -> str:
    """Show groups and devices, and those that nobody has named."""
    text, group = request.args.get("q", ""), request.args.get("group", "")
    with central().store.read_session() as session:
        found = inventory.search_devices(session, text=text, group=group, page=_page())
        unknown, unknown_count = sightings.list_unknown_devices(session)
        return render_template(
            "devices/devices.html",
            groups=groups.list_groups(session),
            found=found,
            last_seen=sightings.find_last_seen(session, found.devices),
            unknown=unknown[:NEWEST_UNKNOWN],
            unknown_count=unknown_count,
            q=text,
            group=group,
            no_group=inventory.NO_GROUP,
            now=central().now(),
            category_name=category_name,
            file_form=FileForm(),
        )


@blueprint.get("/devices/unknown")
@requires(Right.SEE_DEVICES)
def list_unknown() -> str:
    """Show the devices that rooms have seen, and nobody has named."""
    page = _page()
    with central().store.read_session() as session:
        unknown, count = sightings.list_unknown_devices(session, page)
    return render_template(
        "devices/unknown.html",
        unknown=unknown,
        count=count,
        page=page,
        pages=max(1, -(-count // sightings.PAGE_SIZE)),
        now=central().now(),
    )


@blueprint.get("/devices/new")
@requires(Right.EDIT_DEVICES)
def new() -> str:
    """Show the form for a device that gets its name."""
    form = DeviceForm(formdata=None, addresses=request.args.get("addresses", ""))
    return _render_form(form, None)


@blueprint.post("/devices/new")
@requires(Right.EDIT_DEVICES)
def add() -> str | Redirect:
    """Give a device its name."""
    form = DeviceForm()
    try:
        with central().store.write_session() as session:
            wanted = _read_form(session, form)
            if effects := _unconfirmed_effects(session, [("", wanted)]):
                return _render_form(form, None, effects)
            device = inventory.add_device(session, central().now(), wanted, by=current_username())
            session.flush()
            device_id = device.id
    except NotPossible as problem:
        flash(f"{translate_reason(problem)}.", "warning")
        return _render_form(form, None)
    flash_with_undo(
        _with_place(gettext("%(device)s has its name.", device=wanted.name), wanted.group),
        url_for("devices.remove", device_id=device_id),
    )
    _flash_risks(wanted)
    return redirect(url_for("devices.show"))


@blueprint.get("/devices/<int:device_id>")
@requires(Right.EDIT_DEVICES)
def edit(device_id: int) -> str:
    """Show what is known of a device, to be changed."""
    with central().store.read_session() as session:
        device = inventory.get_device(session, device_id)
    form = DeviceForm(
        formdata=None, name=device.name, addresses=", ".join(device.addresses.split()), group=device.group,
        note=device.note, edition=device.edition,
    )  # fmt: skip
    return _render_form(form, device)


@blueprint.post("/devices/<int:device_id>")
@requires(Right.EDIT_DEVICES)
def change(device_id: int) -> str | Redirect:
    """Change what is known of a device."""
    form = DeviceForm()
    with central().store.read_session() as session:
        device = inventory.get_device(session, device_id)
    try:
        with central().store.write_session() as session:
            wanted = _read_form(session, form)
            if effects := _unconfirmed_effects(session, [(device.group, wanted)]):
                return _render_form(form, device, effects)
            before = inventory.change_device(
                session, central().now(), device_id, wanted, by=current_username(), edition=form.edition.data
            )
            edition = inventory.get_device(session, device_id).edition  # that an undo takes back, and no later one
    except NotPossible as problem:
        flash(f"{translate_reason(problem)}.", "warning")
        return _render_form(form, device)
    flash_with_undo(
        _with_place(gettext("%(device)s is changed.", device=wanted.name), wanted.group),
        url_for("devices.change", device_id=device_id),
        name=before.name, addresses=", ".join(before.addresses), group=before.group, note=before.note,
        edition=str(edition), confirmed="1",
    )  # fmt: skip
    _flash_risks(wanted)
    return redirect(url_for("devices.show"))


@blueprint.post("/devices/<int:device_id>/remove")
@requires(Right.EDIT_DEVICES)
def remove(device_id: int) -> Redirect:
    """Forget a device; the message can put it back."""
    with central().store.write_session() as session:
        device = inventory.remove_device(session, central().now(), device_id, by=current_username())
    flash_with_undo(
        gettext("%(device)s is forgotten: it is a device that nobody has named.", device=device.name),
        url_for("devices.restore", device_id=device_id),
    )
    return redirect(url_for("devices.show"))


@blueprint.post("/devices/<int:device_id>/restore")
@requires(Right.EDIT_DEVICES)
def restore(device_id: int) -> Redirect:
    """Put a removed device back."""
    with central().store.write_session() as session:
        device = inventory.restore_device(session, central().now(), device_id, by=current_username())
    flash(_with_place(gettext("%(device)s is back.", device=device.name), device.group))
    return redirect(url_for("devices.show"))


@blueprint.post("/devices/move")
@requires(Right.EDIT_DEVICES)
def move() -> str | Redirect:
    """Put the chosen devices into a group: first what that changes is shown."""
    ids = [int(one) for one in request.form.getlist("device") if one.isdecimal() and len(one) < 10]
    group = request.form.get("group", "")
    if not ids:
        raise NotPossible(translatable("choose the devices first that are to be moved"))
    with central().store.write_session() as session:
        inventory.check_group(session, group)
        devices = [inventory.get_device(session, one) for one in dict.fromkeys(ids)]
        before = _groups_of(devices)
        moved = [(one.group, msgspec.structs.replace(inventory.to_fields(one), group=group)) for one in devices]
        if effects := _unconfirmed_effects(session, moved):
            return render_template(
                "devices/move.html", devices=devices, group=group, effects=effects, category_name=category_name
            )
        count = inventory.move_devices(session, central().now(), ids, group, by=current_username())
    moved_words = ngettext("%(num)s device is moved.", "%(num)s devices are moved.", count)
    words = _with_place(moved_words, group)
    undo = msgspec.json.encode(before).decode()
    if count and len(undo) <= _MAX_UNDO_TEXT:
        flash_with_undo(words, url_for("devices.move_back"), before=undo, group=group)
    else:
        flash(words)
    return redirect(url_for("devices.show"))


@blueprint.post("/devices/move-back")
@requires(Right.EDIT_DEVICES)
def move_back() -> Redirect:
    """Put devices back into the groups that they were in."""
    try:
        before = msgspec.json.decode(request.form.get("before", ""), type=dict[str, list[_DeviceId]])
    except DECODING_FAILED:
        raise CentralError(translatable("it is not known any more where these devices were")) from None
    now, by, wanted = central().now(), current_username(), sum(map(len, before.values()))
    out_of = request.form.get("group")  # who was moved on by somebody else since stays there
    with central().store.write_session() as session:
        moved = sum(
            inventory.move_devices(session, now, ids, group, by=by, out_of=out_of) for group, ids in before.items()
        )
    flash(gettext("The devices are in the groups in which they were."))
    if moved < wanted:
        words = gettext(
            "%(left)s of %(wanted)s were not moved back: they are somewhere else by now.",
            left=wanted - moved,
            wanted=wanted,
        )
        flash(words, "warning")
    return redirect(url_for("devices.show"))


@blueprint.post("/devices/export")
@requires(Right.EDIT_DEVICES)
def export() -> Response:
    """Hand out all devices as a CSV file."""
    with central().store.write_session(affects_rooms=False) as session:
        found = [inventory.to_fields(one) for one in inventory.list_devices(session)]
        audit.record_audit(
            session, central().now(), current_username(), "devices exported", f"{len(found)} devices"
        )
    # The mark at its beginning tells spreadsheets that it is UTF-8.
    made = Response(csv_file.write_csv(found).encode("utf-8-sig"), mimetype="text/csv")
    made.headers.set("Content-Disposition", "attachment", filename="devices.csv")
    return made


def _page() -> int:
    text = request.args.get("page", "")
    return int(text) if text.isdecimal() and len(text) < 7 else 1


def _read_form(session: Session, form: DeviceForm) -> DeviceFields:
    try:
        require_valid(form)
    except CentralError as problem:
        raise NotPossible(str(problem)) from None
    return inventory.check_fields(
        session, name=form.name.data or "", addresses=form.addresses.data or "", group=form.group.data or "",
        note=form.note.data or "",
    )  # fmt: skip


def _render_form(form: DeviceForm, device: DeviceRow | None, effects: Sequence[groups.GroupEffect] = ()) -> str:
    with central().store.read_session() as session:
        found = groups.list_groups(session)
    form.group.choices = select_choices({"": gettext("none of its own"), **{one.name: one.name for one in found}})
    return render_template(
        "devices/device.html", form=form, device=device, groups=found, effects=effects, category_name=category_name
    )


def _unconfirmed_effects(
    session: Session, moves: Iterable[tuple[str, DeviceFields]]
) -> Sequence[groups.GroupEffect]:
    """Return what devices would see more or less than now, where nobody has been shown that yet."""
    if request.form.get("confirmed"):
        return ()
    return groups.preview_moves(session, [(before, wanted.group) for before, wanted in moves])


def _groups_of(devices: Iterable[DeviceRow]) -> Mapping[str, list[int]]:
    found: dict[str, list[int]] = {}
    for one in devices:
        found.setdefault(one.group, []).append(one.id)
    return found


def _with_place(words: str, group: str) -> str:
    """Return what was done with a device, and to which group it belongs now."""
    if group:
        place = gettext("It belongs to %(group)s in every room within a second.", group=group)
    else:
        place = gettext("It is in no group of its own.")
    return f"{words} {place}"


def _flash_risks(wanted: DeviceFields) -> None:
    for risk in groups.describe_device_risks(wanted):
        flash(translate_reason(risk), "warning")
