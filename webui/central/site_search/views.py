"""Why is this closed? What each group gets of a site, what decides it, and the ways to change that."""

from flask import render_template, request

from appliance.central import site_bundles, site_search
from appliance.central.errors import NotPossible
from appliance.rights import Right
from blocklists.categories import category_name
from webui.central.blueprints import central, create_feature_blueprint
from webui.central.decision_words import name_lists
from webui.shared.access import requires

HOME = "site_search.show"

blueprint = create_feature_blueprint("site_search", __name__, home=HOME)


@blueprint.get("/sites")
@requires(Right.DECIDE_REQUESTS)
def show() -> str | tuple[str, int]:
    """Show why a site is closed or open, once one was named."""
    written = request.args.get("site", "").strip()
    if not written:
        return render_template("site_search/site_search.html", written="", found=None)
    with central().store.read_session() as session:
        try:
            found = site_search.search_site(session, central().preview, central().now(), written=written)
        except NotPossible as problem:
            page = render_template("site_search/site_search.html", written=written, found=None, problem=problem)
            return page, 422
        return render_template(
            "site_search/site_search.html",
            written=written,
            found=found,
            needed=site_bundles.needed_with(session, found.site),
            category_name=category_name,
            name_lists=name_lists,
        )
