"""What the school sets for all its rooms: a page with all of it, and a form for each part."""

import msgspec
from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Redirect

from appliance.central import profiles, school_settings, settings_preview
from appliance.central.delegations import NeedsConfirmation
from appliance.central.errors import NotPossible
from appliance.central.profiles import ChangedMeanwhile
from appliance.central.school_identity import MAX_NAME_LENGTH, list_timezones
from appliance.central.settings_preview import SettingsChange
from appliance.rights import Right
from blocklists.categories import CATEGORIES_BY_ID, category_name, is_sensitive
from dns.policy.setting_limits import MAX_BUTTON_PAUSE_MINUTES, MAX_THRESHOLDS, THRESHOLD_WORDS
from webui.central.blueprints import central, create_feature_blueprint
from webui.central.school_settings.parts import PARTS, TUNNELS, SettingsPart, Values
from webui.central.undo_pages import add_undo_page, flash_change
from webui.shared.access import requires
from webui.shared.auth import current_username
from webui.shared.translation import gettext, translate

HOME = "school_settings.show"

blueprint = create_feature_blueprint("school_settings", __name__, home=HOME)
add_undo_page(blueprint, "/school", Right.EDIT_SCHOOL, home=HOME, kinds=(school_settings.KIND,))


@blueprint.get("/school")
@requires(Right.EDIT_SCHOOL)
def show() -> str:
    """Show all that the school has set."""
    with central().store.read_session() as session:
        settings = school_settings.read_settings(session)
    return render_template(
        "school_settings/school_settings.html",
        settings=settings,
        tunnels=TUNNELS,
        category_name=category_name,
    )


def _show_form(part: SettingsPart) -> str:
    """Show the form of a part."""
    with central().store.read_session() as session:
        settings = school_settings.read_settings(session)
    return _render_form(part, part.fill(settings), settings.revision_of(part.fields))


def _save(part: SettingsPart) -> Redirect | tuple[str, int] | str:
    """Set a part, after a look at what that changes. What cannot be saved comes back filled in."""
    sent: Values = request.form
    revision = request.form.get("revision", "")
    try:
        with central().store.read_session() as session:
            changed = part.parse(sent, school_settings.read_settings(session))
            if request.form.get("step") != "save":
                change = settings_preview.preview_settings(
                    session, central().preview, central().now(), changed=changed
                )
                return _render_form(part, sent, revision, change=change)
        with central().store.write_session() as session:
            done = school_settings.save_settings(
                session, central().now(), changed=changed, by=current_username(), fields=part.fields,
                revision=revision, confirmed="confirmed" in request.form,
            )  # fmt: skip
    except ChangedMeanwhile as problem:
        with central().store.read_session() as session:
            present = school_settings.read_settings(session).revision_of(part.fields)
        return _render_form(part, sent, present, problem=str(problem)), 409
    except NeedsConfirmation as problem:
        return _render_form(part, sent, revision, warning=str(problem)), 422
    except NotPossible as problem:
        return _render_form(part, sent, revision, problem=str(problem)), 422
    flash_change(
        blueprint, done, gettext("%(part)s: saved, and in force in every room.", part=translate(part.title))
    )
    return redirect(url_for(HOME))


def _render_form(
    part: SettingsPart,
    values: Values,
    revision: str,
    *,
    problem: str = "",
    warning: str = "",
    change: SettingsChange | None = None,
) -> str:
    with central().store.read_session() as session:
        known = profiles.known_categories(session)
    return render_template(
        f"school_settings/{part.name}.html",
        part=part,
        values=values,
        revision=revision,
        problem=problem,
        warning=warning or (change.warning if change else ""),
        change=change,
        categories=[*known, *sorted({*values.getlist("locked")} - {*known})],
        about={one.id: one.about for one in CATEGORIES_BY_ID.values()},
        category_name=category_name,
        is_sensitive=is_sensitive,
        tunnels=TUNNELS,
        thresholds=THRESHOLD_WORDS,
        most=msgspec.structs.asdict(MAX_THRESHOLDS),
        most_minutes=MAX_BUTTON_PAUSE_MINUTES,
        longest_name=MAX_NAME_LENGTH,
        timezones=list_timezones() if part.name == "name" else (),
    )


def _add_pages(part: SettingsPart) -> None:
    @blueprint.get(f"/school/{part.name}", endpoint=f"change_{part.name}")
    @requires(Right.EDIT_SCHOOL)
    def change_part() -> str:
        return _show_form(part)

    @blueprint.post(f"/school/{part.name}", endpoint=f"save_{part.name}")
    @requires(Right.EDIT_SCHOOL)
    def save_part() -> Redirect | tuple[str, int] | str:
        return _save(part)


for _part in PARTS:
    _add_pages(_part)
