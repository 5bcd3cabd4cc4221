"""The school's own site bundles: added, changed and removed, each looked at before it is saved.

A site is named in the query and in the form, never in the path: what somebody types there may be anything.
"""

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Redirect

from appliance.central import school_settings, site_bundles
from appliance.central.errors import NotPossible
from appliance.central.profiles import ChangedMeanwhile
from appliance.central.school_settings_check import bundle_site
from appliance.central.site_bundles import BundleChange
from appliance.rights import Right
from blocklists.site_bundles import find_site_bundle, load_site_bundles
from webui.central.blueprints import central, create_feature_blueprint
from webui.central.undo_pages import add_undo_page, flash_change
from webui.shared.access import requires
from webui.shared.auth import current_username
from webui.shared.translation import gettext

HOME = "site_bundles.show"

blueprint = create_feature_blueprint("site_bundles", __name__, home=HOME)
add_undo_page(blueprint, "/bundles", Right.EDIT_RULES, home=HOME, kinds=(school_settings.BUNDLES_KIND,))


@blueprint.get("/bundles")
@requires(Right.EDIT_RULES)
def show() -> str:
    """Show the school's own bundles, and those that Hallpass knows."""
    with central().store.read_session() as session:
        own = site_bundles.list_bundles(session)
    replaced = {one.site for one in own}
    return render_template(
        "site_bundles/site_bundles.html",
        own=own,
        known=[one for one in load_site_bundles() if replaced.isdisjoint(one.sites)],
    )


@blueprint.get("/bundles/change")
@requires(Right.EDIT_RULES)
def change() -> str | tuple[str, int]:
    """Show what opens with a site, to be changed; or why what was typed is no site."""
    site = request.args.get("site", "")
    try:
        with central().store.read_session() as session:
            found = site_bundles.find_bundle(session, site)
            names = found.names if found is not None else site_bundles.names_now(session, site)
            site = bundle_site(site)
    except NotPossible as problem:
        return _render_form(site, "", "", problem=str(problem)), 422
    return _render_form(site, "\n".join(names), site_bundles.bundle_revision(found))


@blueprint.post("/bundles/change")
@requires(Right.EDIT_RULES)
def save() -> Redirect | tuple[str, int] | str:
    """Keep what opens with a site, after a look at it. What cannot be saved comes back filled in."""
    site, names = request.form.get("site", ""), request.form.get("names", "")
    revision = request.form.get("revision", "")
    try:
        if request.form.get("step") != "save":
            with central().store.read_session() as session:
                looked = site_bundles.preview_bundle(
                    session, central().preview, central().now(), site=site, names=names.split()
                )
            return _render_form(site, names, revision, change=looked)
        with central().store.write_session() as session:
            done = site_bundles.put_bundle(
                session, central().now(), site=site, names=names.split(), by=current_username(), revision=revision
            )
    except ChangedMeanwhile as problem:
        with central().store.read_session() as session:
            present = site_bundles.bundle_revision(site_bundles.find_bundle(session, site))
        return _render_form(site, names, present, problem=str(problem)), 409
    except NotPossible as problem:
        return _render_form(site, names, revision, problem=str(problem)), 422
    flash_change(blueprint, done, gettext("%(site)s and what it needs open together from now on.", site=site))
    return redirect(url_for(HOME))


@blueprint.post("/bundles/remove")
@requires(Right.EDIT_RULES)
def remove() -> Redirect:
    """Remove a bundle of the school's; what Hallpass knows of the site holds again."""
    site = request.form.get("site", "")
    with central().store.write_session() as session:
        done = site_bundles.remove_bundle(session, central().now(), site=site, by=current_username())
    flash_change(blueprint, done, gettext("The school has no bundle for %(site)s any more.", site=site))
    return redirect(url_for(HOME))


def _render_form(
    site: str, names: str, revision: str, *, problem: str = "", change: BundleChange | None = None
) -> str:
    known = find_site_bundle(site)
    return render_template(
        "site_bundles/site_bundle.html",
        site=site,
        names=names,
        revision=revision,
        problem=problem,
        change=change,
        known=known,
    )
