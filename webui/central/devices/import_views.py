"""Devices from a file: chosen, looked at, saved, and undone."""

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Redirect

from appliance.central.devices import groups, imports
from appliance.central.errors import NotPossible
from appliance.rights import Right
from blocklists.categories import category_name
from webui.central.blueprints import central, create_feature_blueprint
from webui.central.devices.forms import FileForm, SaveImportForm
from webui.central.form_helpers import require_valid
from webui.shared.access import requires
from webui.shared.auth import current_username
from webui.shared.flash_messages import flash_with_undo
from webui.shared.reasons import translate_reason
from webui.shared.translation import gettext, ngettext, translatable

MOST_SHOWN = 100  # changes of a file that the page lists

blueprint = create_feature_blueprint("device_imports", __name__, home="devices.show")


@blueprint.post("/devices/import")
@requires(Right.EDIT_DEVICES)
def keep() -> Redirect:
    """Take a file in to be looked at."""
    upload = require_valid(FileForm()).file.data
    if not upload:
        raise NotPossible(translatable("choose a file first"))
    with central().store.write_session(affects_rooms=False) as session:
        kept = imports.keep_import(session, central().now(), upload.read(), by=current_username())
    return redirect(url_for("device_imports.show", import_id=kept))


@blueprint.get("/devices/import/<import_id>")
@requires(Right.EDIT_DEVICES)
def show(import_id: str) -> str:
    """Show what a file would do, or what is wrong with it."""
    with central().store.read_session() as session:
        plan = imports.plan_import(session, imports.get_import(session, import_id).content)
        moves = [
            (one.before.group if one.before else "", one.wanted.group) for one in (*plan.added, *plan.changed)
        ]
        return render_template(
            "devices/import.html",
            plan=plan,
            import_id=import_id,
            effects=groups.preview_moves(session, moves),
            most=MOST_SHOWN,
            form=SaveImportForm(formdata=None, shown=plan.digest),
            category_name=category_name,
        )


@blueprint.post("/devices/import/<import_id>")
@requires(Right.EDIT_DEVICES)
def save(import_id: str) -> Redirect:
    """Save what a file says, or throw it away."""
    if request.form.get("decision") == "drop":
        with central().store.write_session(affects_rooms=False) as session:
            imports.drop_import(session, import_id)
        flash(gettext("Nothing was saved."))
        return redirect(url_for("devices.show"))
    shown = require_valid(SaveImportForm()).shown.data
    try:
        with central().store.write_session() as session:
            plan = imports.save_import(session, central().now(), import_id, shown, by=current_username())
    except NotPossible as problem:
        flash(f"{translate_reason(problem)}.", "warning")
        return redirect(url_for("device_imports.show", import_id=import_id))
    flash_with_undo(
        gettext(
            "Saved: %(added)s new, %(changed)s changed, %(unchanged)s as before.",
            added=len(plan.added),
            changed=len(plan.changed),
            unchanged=plan.unchanged,
        ),
        url_for("device_imports.undo", import_id=import_id),
    )
    return redirect(url_for("devices.show"))


@blueprint.post("/devices/import/<import_id>/undo")
@requires(Right.EDIT_DEVICES)
def undo(import_id: str) -> Redirect:
    """Take back what a file has done."""
    with central().store.write_session() as session:
        undone, kept = imports.undo_import(session, central().now(), import_id, by=current_username())
    words = ngettext(
        "%(num)s device is as it was before the file.", "%(num)s devices are as they were before the file.", undone
    )
    more = ngettext("%(num)s was changed since, and stays.", "%(num)s were changed since, and stay.", kept)
    flash(f"{words} {more}" if kept else words)
    return redirect(url_for("devices.show"))
