"""What is open for a while or will be: opening a site, another time for it, and ending it early."""

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Redirect

from appliance.central import inbox, unblocks
from appliance.central.errors import NotPossible
from appliance.central.site_names import checked_site
from appliance.rights import Right
from webui.central.blueprints import central, create_feature_blueprint
from webui.central.form_helpers import require_valid, school_moment
from webui.central.requests.views import describe_opening, opening_values
from webui.central.unblocks.forms import ChangeForm, OpenSiteForm
from webui.central.undo_pages import add_undo_page, flash_change
from webui.shared.access import requires
from webui.shared.auth import current_username
from webui.shared.flash_messages import flash_with_undo
from webui.shared.translation import gettext

blueprint = create_feature_blueprint("unblocks", __name__, home="requests.queue")
add_undo_page(blueprint, "/openings", Right.DECIDE_REQUESTS, home="requests.queue", kinds={unblocks.KIND})


@blueprint.get("/openings")
@requires(Right.DECIDE_REQUESTS)
def show() -> str:
    """Show what is open now or planned, a page at a time."""
    words, page = request.args.get("q", "").strip(), request.args.get("page", 1, type=int)
    with central().store.read_session() as session:
        now = central().now()
        found = inbox.read_openings(session, now, words=words, page=page)
        return render_template(
            "unblocks/openings.html",
            found=found,
            open_now=found.openings,
            still_closed=central().preview.find_still_closed(session, found.openings),
            words=words,
            **opening_values(now),
        )


@blueprint.post("/openings")
@requires(Right.DECIDE_REQUESTS)
def open_site() -> Redirect:
    """Open a site that nobody asked for."""
    form = require_valid(OpenSiteForm())
    groups = (form.group.data,) if form.group.data else ()
    now = central().now()
    with central().store.write_session() as session:
        site = checked_site(form.site.data)
        central().preview.require_opening(session, site, groups=groups)
        unblock = unblocks.open_site(
            session, now, site=site, minutes=form.minutes.data, since=school_moment(form.start),
            room=form.room.data or "", groups=groups, device=form.device.data or "", by=current_username(),
        )  # fmt: skip
        flash_with_undo(describe_opening(unblock, now), url_for("unblocks.end", unblock_id=unblock.id))
    return redirect(url_for("requests.queue"))


@blueprint.post("/openings/<int:unblock_id>/change")
@requires(Right.DECIDE_REQUESTS)
def change(unblock_id: int) -> Redirect:
    """Give an opening another time."""
    form = require_valid(ChangeForm())
    now, until = central().now(), school_moment(form.end)
    if until is None:
        raise NotPossible("until when?")
    with central().store.write_session() as session:
        unblock = unblocks.change_unblock(
            session, now, unblock_id=unblock_id, by=current_username(), since=school_moment(form.start),
            until=until, check_opening=central().preview.require_opening,
        )  # fmt: skip
        flash(describe_opening(unblock, now))
    return redirect(url_for("requests.queue"))


@blueprint.post("/openings/<int:unblock_id>/end")
@requires(Right.DECIDE_REQUESTS)
def end(unblock_id: int) -> Redirect:
    """Close early what was opened."""
    with central().store.write_session() as session:
        done = unblocks.end_unblock(session, central().now(), unblock_id=unblock_id, by=current_username())
    flash_change(blueprint, done, gettext("It is closed again."), otherwise=gettext("It is closed again."))
    return redirect(url_for("requests.queue"))
