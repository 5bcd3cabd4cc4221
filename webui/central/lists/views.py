"""The public lists, and compiling them."""

from flask import flash, redirect, render_template, url_for
from werkzeug.wrappers import Response as Redirect

from appliance.central import audit, policies
from appliance.central.errors import CentralError
from appliance.central.lists import copies, set_subscription, sources
from appliance.rights import Right
from blocklists.catalogue import load_catalogue
from blocklists.categories import category_name
from webui.central.blueprints import central, create_feature_blueprint
from webui.central.form_helpers import require_valid
from webui.central.lists.forms import SetForm, SourceForm
from webui.shared.access import requires
from webui.shared.auth import current_username

blueprint = create_feature_blueprint("lists", __name__, home="lists.show")


@blueprint.get("/lists")
@requires(Right.EDIT_LISTS)
def show() -> str:
    """Show the sources, and what the last compilation said of each."""
    with central().store.read_session() as session:
        subscribed = sources.list_sources(session)
        found = central().publisher.read_copies(subscribed)
        return render_template(
            "lists/lists.html",
            sources=subscribed,
            copies=found,
            conditions=copies.list_conditions(found),
            held_counts=copies.count_held(found.values()),
            category_name=category_name,
            published=policies.latest_publication(session),
            publisher=central().publisher.state,
            form=SourceForm(),
            set_form=SetForm(),
            sets=load_catalogue().sets,
        )


@blueprint.post("/lists")
@requires(Right.EDIT_LISTS)
def subscribe() -> Redirect:
    """Subscribe to a source: a URL, or a file."""
    form = require_valid(SourceForm())
    location = (form.location.data or "").strip()
    upload = form.file.data
    if bool(location) == bool(upload):
        raise CentralError("give either an https address or a file")
    if upload:
        kept = sources.store_uploaded_list(
            central().settings.central.shared_folder / "lists", upload.read(), form.format.data
        )
        location = str(kept)
    elif not location.startswith("https://"):
        raise CentralError("the address must begin with https://")
    with central().store.write_session() as session:
        sources.subscribe_source(
            session, central().now(), name=form.name.data, category=form.category.data, location=location,
            format=form.format.data, match=form.match.data, by=current_username(),
        )  # fmt: skip
    central().publisher.request_build()
    flash("The list was added. It is in force in every room as soon as it is put together.")
    return redirect(url_for("lists.show"))


@blueprint.post("/lists/set")
@requires(Right.EDIT_LISTS)
def subscribe_to_set() -> Redirect:
    """Subscribe to a ready-made set: lists, openings and profiles."""
    chosen = load_catalogue().find_set(require_valid(SetForm()).set.data)
    with central().store.write_session() as session:
        added = set_subscription.subscribe_set(session, central().now(), chosen=chosen, by=current_username())
    central().publisher.request_build()
    flash(
        f"{chosen.name}: {len(added.sources)} lists, {len(added.openings)} openings and {len(added.profiles)}"
        " profiles were added; what was there stays. The lists are in force as soon as they are put together."
    )
    return redirect(url_for("lists.show"))


@blueprint.post("/lists/<int:source_id>/remove")
@requires(Right.EDIT_LISTS)
def unsubscribe(source_id: int) -> Redirect:
    """Take a source away."""
    with central().store.write_session() as session:
        sources.unsubscribe_source(session, central().now(), source_id=source_id, by=current_username())
    central().publisher.request_build()
    flash("The list was removed; the rooms follow as soon as the rest is put together.")
    return redirect(url_for("lists.show"))


@blueprint.post("/lists/<int:source_id>/accept")
@requires(Right.EDIT_LISTS)
def accept_download(source_id: int) -> Redirect:
    """Take into use a download that was held back because it had changed so much."""
    with central().store.write_session(affects_rooms=False) as session:
        source = sources.get_source(session, source_id)
        central().publisher.accept_download(source)
        audit.record_audit(session, central().now(), current_username(), "download accepted", source.name)
    central().publisher.request_build()
    flash("The new copy is taken into use as soon as it is put together.")
    return redirect(url_for("lists.show"))


@blueprint.post("/lists/<int:source_id>/refuse")
@requires(Right.EDIT_LISTS)
def refuse_download(source_id: int) -> Redirect:
    """Keep the copy in use: the one that was held back is not shown again."""
    with central().store.write_session(affects_rooms=False) as session:
        source = sources.get_source(session, source_id)
        central().publisher.refuse_download(source)
        audit.record_audit(session, central().now(), current_username(), "download refused", source.name)
    flash("The old copy stays in use.")
    return redirect(url_for("lists.show"))


@blueprint.post("/lists/compile")
@requires(Right.EDIT_LISTS)
def compile_again() -> Redirect:
    """Fetch and compile everything again."""
    central().publisher.request_build()
    return redirect(url_for("lists.show"))
