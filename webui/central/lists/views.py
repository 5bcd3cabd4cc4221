"""The public lists, and compiling them."""

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Redirect

from appliance.central import audit, policies
from appliance.central.errors import CentralError, NotPossible
from appliance.central.lists import copies, handed_in, set_subscription, source_use, sources
from appliance.central.lists.handed_in import Replacement
from appliance.central.lists.source_use import SourceUse
from appliance.central.models import SourceRow
from appliance.rights import Right
from blocklists.catalogue import load_catalogue
from blocklists.categories import category_name
from webui.central.blueprints import central, create_feature_blueprint
from webui.central.form_helpers import require_valid
from webui.central.lists.forms import ListFileForm, SetForm, SourceForm, UseForm, describe_format
from webui.central.undo_pages import add_undo_page, flash_change
from webui.shared.access import requires
from webui.shared.auth import current_username
from webui.shared.reasons import translate_reason
from webui.shared.translation import gettext, translatable

blueprint = create_feature_blueprint("lists", __name__, home="lists.show")
blueprint.add_app_template_filter(describe_format, "list_format")


def _put_together() -> None:
    central().publisher.request_build()


def _put_back() -> None:
    central().publisher.adopt_files()
    central().publisher.request_build()


add_undo_page(
    blueprint,
    "/lists",
    Right.EDIT_LISTS,
    home="lists.show",
    kinds=source_use.KINDS | {sources.KIND},
    after=_put_back,
)


@blueprint.get("/lists")
@requires(Right.EDIT_LISTS)
def show() -> str:
    """Show the sources, and what the last compilation said of each."""
    return _render_lists(SourceForm())


def _render_lists(form: SourceForm, *, problem: str = "") -> str:
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
            is_wide=copies.is_wide,
            has_builtin_list=source_use.has_builtin_list(session),
            published=policies.latest_publication(session),
            publisher=central().publisher.state,
            form=form,
            problem=problem,
            set_form=SetForm(),
            sets=load_catalogue().sets,
        )


@blueprint.post("/lists")
@requires(Right.EDIT_LISTS)
def subscribe() -> Redirect | tuple[str, int]:
    """Subscribe to a source: a URL, or a file. What cannot be comes back filled in."""
    form = SourceForm()
    try:
        _subscribe(require_valid(form))
    except CentralError as problem:
        return _render_lists(form, problem=str(problem)), 422
    central().publisher.request_build()
    flash(gettext("The list was added. It is in force in every room as soon as it is put together."))
    return redirect(url_for("lists.show"))


def _subscribe(form: SourceForm) -> None:
    location = (form.location.data or "").strip()
    upload = form.file.data
    if bool(location) == bool(upload):
        raise CentralError(translatable("give either an https address or a file"))
    if upload:
        folder = central().settings.central.handed_in_folder
        location = str(handed_in.store_file(folder, upload.read(), form.format.data))
    elif not location.startswith("https://"):
        raise CentralError(translatable("the address must begin with https://"))
    with central().store.write_session() as session:
        sources.subscribe_source(
            session, central().now(), name=form.name.data, category=form.category.data, location=location,
            format=form.format.data, match=form.match.data, action=form.action.data,
            allow_wide=True if form.allow_wide.data else None, by=current_username(),
        )  # fmt: skip


@blueprint.get("/lists/<int:source_id>/file")
@requires(Right.EDIT_LISTS)
def show_file(source_id: int) -> str:
    """Show where a new file is handed in for a list."""
    with central().store.read_session() as session:
        row = sources.get_source(session, source_id)
    handed_in.require_handed_in(row)
    return _render_file(row)


@blueprint.post("/lists/<int:source_id>/file")
@requires(Right.EDIT_LISTS)
def replace_file(source_id: int) -> Redirect | tuple[str, int] | str:
    """Use another file for a list, after a look at what that changes."""
    with central().store.read_session() as session:
        row = sources.get_source(session, source_id)
    form = require_valid(ListFileForm())
    folder = central().settings.central.handed_in_folder
    try:
        if request.form.get("step") != "save":
            content = form.file.data.read() if form.file.data else b""
            return _render_file(row, looked=handed_in.look_at_replacement(folder, row, content))
        with central().store.write_session() as session:
            done = handed_in.replace_file(
                session, central().now(), folder, source_id=source_id, stored=form.stored.data or "",
                before=form.before.data or "", by=current_username(),
            )  # fmt: skip
    except NotPossible as problem:
        return _render_file(row, problem=str(problem)), 422
    if done:
        _put_back()
    flash_change(
        blueprint, done, gettext("%(name)s has its new file as soon as the lists are put together.", name=row.name)
    )
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
        gettext(
            "%(set)s: %(lists)s lists, %(openings)s openings and %(profiles)s profiles were added; what was there "
            "stays. The lists are in force as soon as they are put together.",
            set=translate_reason(chosen.name),
            lists=len(added.sources),
            openings=len(added.openings),
            profiles=len(added.profiles),
        )
    )
    return redirect(url_for("lists.show"))


@blueprint.get("/lists/<int:source_id>/use")
@requires(Right.EDIT_LISTS)
def show_use(source_id: int) -> str:
    """Show how a list is used."""
    with central().store.read_session() as session:
        row = sources.get_source(session, source_id)
        use = source_use.read_use(row)
        return _render_use(row, use)


@blueprint.post("/lists/<int:source_id>/use")
@requires(Right.EDIT_LISTS)
def change_use(source_id: int) -> Redirect | tuple[str, int] | str:
    """Use a list in another way, after a look at what that means."""
    form = require_valid(UseForm())
    with central().store.read_session() as session:
        row = sources.get_source(session, source_id)
        # Left as it is, a tick goes on meaning what the catalogue says, whatever that says later.
        same = form.allow_wide.data == copies.is_wide(row.location, row.allow_wide)
        use = source_use.parse_use(form.action.data, row.allow_wide if same else form.allow_wide.data)
        try:
            source_use.check_use(row, use)
        except NotPossible as problem:
            return _render_use(row, use, problem=str(problem)), 422
        if request.form.get("step") != "save":
            return _render_use(row, use, words=source_use.use_words(row, use))
    with central().store.write_session() as session:
        done = source_use.set_use(session, central().now(), source_id=source_id, use=use, by=current_username())
    if done:
        central().publisher.request_build()
    flash_change(
        blueprint, done, gettext("%(name)s is used so as soon as the lists are put together.", name=row.name)
    )
    return redirect(url_for("lists.show"))


@blueprint.get("/lists/built-in")
@requires(Right.EDIT_LISTS)
def show_builtin() -> str:
    """Show what it would mean to use the list that Hallpass brings, or to use it no longer."""
    with central().store.read_session() as session:
        is_used = source_use.has_builtin_list(session)
        return render_template(
            "lists/builtin.html", is_used=is_used, words=source_use.builtin_words(session, is_used=not is_used)
        )


@blueprint.post("/lists/built-in")
@requires(Right.EDIT_LISTS)
def change_builtin() -> Redirect:
    """Use the list that Hallpass brings, or use it no longer."""
    is_used = request.form.get("builtin") == "on"
    with central().store.write_session() as session:
        done = source_use.set_builtin_list(session, central().now(), is_used=is_used, by=current_username())
    if done:
        _put_together()
    if is_used:
        words = gettext("The starter list is used as soon as the lists are put together.")
    else:
        words = gettext("The starter list is no longer used as soon as the lists are put together.")
    flash_change(blueprint, done, words)
    return redirect(url_for("lists.show"))


@blueprint.post("/lists/<int:source_id>/remove")
@requires(Right.EDIT_LISTS)
def unsubscribe(source_id: int) -> Redirect:
    """Take a source away."""
    with central().store.write_session() as session:
        done = sources.unsubscribe_source(session, central().now(), source_id=source_id, by=current_username())
    central().publisher.request_build()
    flash_change(
        blueprint, done, gettext("The list was removed; the rooms follow as soon as the rest is put together.")
    )
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
    flash(gettext("The new copy is taken into use as soon as it is put together."))
    return redirect(url_for("lists.show"))


@blueprint.post("/lists/<int:source_id>/refuse")
@requires(Right.EDIT_LISTS)
def refuse_download(source_id: int) -> Redirect:
    """Keep the copy in use: the one that was held back is not shown again."""
    with central().store.write_session(affects_rooms=False) as session:
        source = sources.get_source(session, source_id)
        central().publisher.refuse_download(source)
        audit.record_audit(session, central().now(), current_username(), "download refused", source.name)
    flash(gettext("The old copy stays in use."))
    return redirect(url_for("lists.show"))


@blueprint.post("/lists/compile")
@requires(Right.EDIT_LISTS)
def compile_again() -> Redirect:
    """Fetch and compile everything again."""
    central().publisher.request_build()
    return redirect(url_for("lists.show"))


def _render_file(row: SourceRow, *, looked: Replacement | None = None, problem: str = "") -> str:
    return render_template(
        "lists/file.html", one=row, form=ListFileForm(formdata=None), looked=looked, problem=problem
    )


def _render_use(row: SourceRow, use: SourceUse, *, words: list[str] | None = None, problem: str = "") -> str:
    form = UseForm(formdata=None, action=use.action, allow_wide=copies.is_wide(row.location, use.allow_wide))
    return render_template(
        "lists/use.html",
        one=row,
        form=form,
        now=source_use.use_words(row, source_use.read_use(row)),
        words=words,
        problem=problem,
    )
