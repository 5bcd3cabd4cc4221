"""The profiles: made, changed, copied, removed; each has a page of its own, so that no form loses another's ticks.

A profile is named in the query and in the form, never in the path: its name may hold any letter.
"""

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Redirect

from appliance.central import change_preview, profiles, undo
from appliance.central.change_preview import ProfileChange
from appliance.central.errors import NotPossible
from appliance.central.profile_settings import ProfileSettings, read_settings
from appliance.central.profiles import ChangedMeanwhile, SavedChange
from appliance.central.ready_made_profiles import list_ready_made_profiles
from appliance.rights import Right
from blocklists.categories import CATEGORIES_BY_ID, category_name
from webui.central.blueprints import central, create_feature_blueprint
from webui.central.profiles import profile_form
from webui.central.undo_pages import add_undo_page, flash_change
from webui.shared.access import requires
from webui.shared.auth import current_username
from webui.shared.translation import gettext

blueprint = create_feature_blueprint("profiles", __name__, home="profiles.show")
add_undo_page(blueprint, "/profiles", Right.EDIT_PROFILES, home="profiles.show", kinds=undo.PROFILE_KINDS)


@blueprint.get("/profiles")
@requires(Right.EDIT_PROFILES)
def show() -> str:
    """Show every profile, and those that can be added in one press."""
    with central().store.read_session() as session:
        found = profiles.list_profiles(session)
        known = {one.name.casefold() for one in found}
        return render_template(
            "profiles/profiles.html",
            profiles=[(one, read_settings(one)) for one in found],
            locked=profiles.list_locked_categories(session),
            category_name=category_name,
            ready_made=[one for one in list_ready_made_profiles() if one.settings.name.casefold() not in known],
        )


@blueprint.get("/profiles/change")
@requires(Right.EDIT_PROFILES)
def change() -> str:
    """Show a profile's form."""
    with central().store.read_session() as session:
        settings = read_settings(profiles.get_profile(session, request.args.get("profile", "")))
    return _render_form(settings.name, settings, settings.revision)


@blueprint.post("/profiles/change")
@requires(Right.EDIT_PROFILES)
def save() -> Redirect | tuple[str, int] | str:
    """Set a profile as a whole, after a look at what that changes. What cannot be saved comes back filled in."""
    name = request.form.get("profile", "")
    with central().store.read_session() as session:
        current = read_settings(profiles.get_profile(session, name))
    sent = profile_form.sent_settings(request.form, current)
    if request.form.get("step") == "look":
        return _look_ahead(name, sent)
    try:
        with central().store.write_session() as session:
            saved = profiles.save_profile(
                session, central().now(), name=name, settings=sent, by=current_username(),
                revision=request.form.get("revision", ""),
            )  # fmt: skip
    except ChangedMeanwhile as problem:
        differing = profiles.differences(current, sent)
        return _render_form(name, sent, current.revision, problem=str(problem), differing=differing), 409
    except NotPossible as problem:
        return _render_form(name, sent, request.form.get("revision", ""), problem=str(problem)), 422
    _say(saved, gettext("%(profile)s is saved, and in force in every room.", profile=saved.settings.name))
    return redirect(url_for("profiles.show"))


@blueprint.post("/profiles/add")
@requires(Right.EDIT_PROFILES)
def add() -> Redirect:
    """Add a ready-made profile, or one that begins with everything closed."""
    name = request.form.get("name", "")
    chosen = {one.settings.name: one.settings for one in list_ready_made_profiles()}
    begins_closed = ProfileSettings(name=name, closed=tuple(CATEGORIES_BY_ID), safe_search=True, keywords=True)
    settings = chosen.get(name, begins_closed) if "ready_made" in request.form else begins_closed
    with central().store.write_session() as session:
        saved = profiles.add_profile(session, central().now(), settings=settings, by=current_username())
    _say(
        saved, gettext("%(profile)s is there. It is for nobody until a group has it.", profile=saved.settings.name)
    )
    return redirect(url_for("profiles.show"))


@blueprint.post("/profiles/copy")
@requires(Right.EDIT_PROFILES)
def copy() -> Redirect:
    """Make a profile that says what another says."""
    with central().store.write_session() as session:
        saved = profiles.copy_profile(
            session, central().now(), name=request.form.get("profile", ""), new_name=request.form.get("name", ""),
            by=current_username(),
        )  # fmt: skip
    _say(
        saved, gettext("%(profile)s is there. It is for nobody until a group has it.", profile=saved.settings.name)
    )
    return redirect(url_for("profiles.show"))


@blueprint.post("/profiles/remove")
@requires(Right.EDIT_PROFILES)
def remove() -> Redirect:
    """Remove a profile that nobody uses."""
    with central().store.write_session() as session:
        saved = profiles.remove_profile(
            session, central().now(), name=request.form.get("profile", ""), by=current_username()
        )
    _say(saved, gettext("%(profile)s is gone.", profile=saved.settings.name))
    return redirect(url_for("profiles.show"))


@blueprint.post("/profiles/default")
@requires(Right.EDIT_PROFILES)
def make_default() -> Redirect:
    """Say which profile devices meet that nobody has named."""
    name = request.form.get("profile", "")
    with central().store.write_session() as session:
        done = profiles.set_default(session, central().now(), name=name, by=current_username())
    words = gettext("Every device that nobody has named meets %(profile)s now.", profile=name)
    flash_change(blueprint, done, words, otherwise=words)
    return redirect(url_for("profiles.show"))


def _say_made(saved: SavedChange) -> None:
    words = gettext("%(profile)s is there. It is for nobody until a group has it.", profile=saved.settings.name)
    _say(saved, words)


def _say(saved: SavedChange, words: str) -> None:
    otherwise = gettext("%(profile)s was so already.", profile=saved.settings.name)
    flash_change(blueprint, saved.change, words, otherwise=otherwise)


def _look_ahead(name: str, sent: ProfileSettings) -> str | tuple[str, int]:
    """Show what would be opened and closed; nothing is saved."""
    revision = request.form.get("revision", "")
    try:
        with central().store.read_session() as session:
            profiles.check_change(session, name=name, settings=sent)
            change = change_preview.preview_profile(
                session, central().preview, central().now(), name=name, changed=sent
            )
    except NotPossible as problem:
        return _render_form(name, sent, revision, problem=str(problem)), 422
    return _render_form(name, sent, revision, change=change)


def _render_form(
    name: str,
    settings: ProfileSettings,
    revision: str,
    *,
    problem: str = "",
    differing: list[str] | None = None,
    change: ProfileChange | None = None,
) -> str:
    with central().store.read_session() as session:
        locked = profiles.list_locked_categories(session)
        known = profiles.known_categories(session)
    with_safe_name, without = profile_form.engine_choices()
    return render_template(
        "profiles/profile.html",
        name=name,
        settings=settings,
        revision=revision,
        categories=profile_form.category_choices(settings, known, locked),
        engines=with_safe_name,
        closed_engines=without,
        refusals=profile_form.REFUSALS,
        youtube=profile_form.YOUTUBE,
        problem=problem,
        differing=differing or [],
        change=change,
        category_name=category_name,
    )
