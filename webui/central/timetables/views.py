"""Timetables, terms and holidays: rows of each profile, the school's week and year, and a week to look at."""

from datetime import date, timedelta

from flask import redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as Redirect

from appliance.central import policies, profiles, school_year, timetables, undo
from appliance.central.errors import NotPossible
from appliance.central.profile_settings import ProfileSettings, TimetableRow, check_settings, read_settings
from appliance.central.timetable_preview import TimetablePreview
from appliance.rights import Right
from blocklists.categories import category_name
from webui.central.blueprints import central, create_feature_blueprint
from webui.central.profiles.profile_form import category_choices
from webui.central.timetables import timetable_form
from webui.central.undo_pages import add_undo_page, flash_change
from webui.shared.access import requires
from webui.shared.auth import current_username
from webui.shared.school_clock import school_clock
from webui.shared.translation import gettext

blueprint = create_feature_blueprint("timetables", __name__, home="timetables.show")
add_undo_page(blueprint, "/timetables", Right.EDIT_PROFILES, home="timetables.show", kinds=undo.PROFILE_KINDS)


@blueprint.get("/timetables")
@requires(Right.EDIT_PROFILES)
def show() -> str:
    """Show what each timetable does now and next, and the school's year."""
    return _render_year()


@blueprint.post("/timetables/week")
@requires(Right.EDIT_PROFILES)
def set_week() -> Redirect:
    """Say on which weekdays the school is open."""
    with central().store.write_session() as session:
        done = school_year.set_school_week(
            session, central().now(), week=request.form.getlist("days"), by=current_username()
        )
    return _year_done(done, gettext("The school's week is saved."))


@blueprint.post("/timetables/spans")
@requires(Right.EDIT_PROFILES)
def add_span() -> Redirect | tuple[str, int]:
    """Add a term or a holiday. What cannot be added comes back filled in."""
    try:
        kind, span = timetable_form.sent_span(request.form)
        with central().store.write_session() as session:
            done = school_year.add_span(session, central().now(), kind=kind, span=span, by=current_username())
    except NotPossible as problem:
        return _render_year(problem=str(problem)), 422
    return _year_done(
        done,
        gettext("%(name)s is in the school's year.", name=span.name)
        if span.name
        else gettext("It is in the school's year."),
    )


@blueprint.post("/timetables/spans/remove")
@requires(Right.EDIT_PROFILES)
def remove_span() -> Redirect:
    """Remove a term or a holiday."""
    kind, span = timetable_form.sent_span(request.form)
    with central().store.write_session() as session:
        done = school_year.remove_span(session, central().now(), kind=kind, span=span, by=current_username())
    return _year_done(done, gettext("%(name)s is gone.", name=span.name) if span.name else gettext("It is gone."))


@blueprint.get("/timetables/profile")
@requires(Right.EDIT_PROFILES)
def show_profile() -> str:
    """Show a profile's rows, and a week with them."""
    with central().store.read_session() as session:
        settings = read_settings(profiles.get_profile(session, request.args.get("profile", "")))
    row = next((one for one in settings.timetable if timetables.row_id(one) == request.args.get("row")), None)
    return _render_profile(settings, settings, row, replaces=timetables.row_id(row) if row else "")


@blueprint.post("/timetables/profile")
@requires(Right.EDIT_PROFILES)
def put_row() -> Redirect | tuple[str, int] | str:
    """Add a row or change one, after a look at the week that it makes. What cannot be comes back filled in."""
    replaces = request.form.get("replaces", "")
    with central().store.read_session() as session:
        settings = read_settings(profiles.get_profile(session, request.form.get("profile", "")))
        known = profiles.known_categories(session)
    row = None
    try:
        row = timetable_form.sent_row(request.form)
        changed = timetables.with_row(settings, row, replaces=replaces)
        check_settings(changed, {*known, *settings.categories})
        if request.form.get("step") == "look":
            return _render_profile(settings, changed, row, replaces=replaces, looks_ahead=True)
        with central().store.write_session() as session:
            saved = timetables.put_row(
                session, central().now(), profile=settings.name, row=row, by=current_username(), replaces=replaces
            )
    except NotPossible as problem:
        return _render_profile(settings, settings, row, replaces=replaces, problem=str(problem)), 422
    return _profile_done(
        saved.change, settings.name, gettext("The timetable of %(profile)s is saved.", profile=settings.name)
    )


@blueprint.post("/timetables/profile/remove")
@requires(Right.EDIT_PROFILES)
def remove_row() -> Redirect:
    """Take a row out of a profile's timetable."""
    name = request.form.get("profile", "")
    with central().store.write_session() as session:
        saved = timetables.remove_row(
            session, central().now(), profile=name, row=request.form.get("row", ""), by=current_username()
        )
    return _profile_done(saved.change, name, gettext("The row is gone."))


def _year_done(change: str, words: str) -> Redirect:
    flash_change(blueprint, change, words)
    return redirect(url_for("timetables.show"))


def _profile_done(change: str, profile: str, words: str) -> Redirect:
    flash_change(blueprint, change, words)
    return redirect(url_for("timetables.show_profile", profile=profile))


def _render_year(problem: str = "") -> str:
    now = central().now()
    with central().store.read_session() as session:
        year = school_year.read_school_year(session)
        found = profiles.list_profiles(session)
        states = [(one, _preview(session, read_settings(one)).state_at(now)) for one in found if one.timetable]
    return render_template(
        "timetables/timetables.html",
        year=year,
        states=states,
        bare=[one.name for one in found if not one.timetable],
        notes=[*school_year.year_notes(year, school_clock().local(now).date())],
        problem=problem,
        days=timetable_form.DAYS,
        category_name=category_name,
        sent=request.form,
    )


def _render_profile(
    settings: ProfileSettings,
    changed: ProfileSettings,
    row: TimetableRow | None,
    *,
    replaces: str = "",
    looks_ahead: bool = False,
    problem: str = "",
) -> str:
    shown = _shown_day()
    with central().store.read_session() as session:
        year = school_year.read_school_year(session)
        locked, known = profiles.list_locked_categories(session), profiles.known_categories(session)
        week = _preview(session, changed).week_of(shown)
    return render_template(
        "timetables/timetable.html",
        profile=settings.name,
        rows=[(one, timetables.row_id(one), timetable_form.describe_row(one)) for one in settings.timetable],
        row=row,
        replaces=replaces,
        looks_ahead=looks_ahead,
        problem=problem,
        notes=[*timetables.timetable_notes(changed, year.week, locked, known)],
        week=week,
        shown=shown,
        other_weeks=(shown - timedelta(days=7), shown + timedelta(days=7)),
        categories_shown=[one for one in category_choices(changed, known, locked) if not one.is_locked],
        days=timetable_form.DAYS,
        when=timetable_form.WHEN,
        category_name=category_name,
    )


def _preview(session: Session, settings: ProfileSettings) -> TimetablePreview:
    week = school_year.read_school_year(session).week
    document = policies.read_school_policy(session).document
    profile = timetables.to_profile(settings, week)
    return TimetablePreview(document, profile, week, profiles.known_categories(session))


def _shown_day() -> date:
    """Return a day of the week to look at: the one that was asked for, or today on the school's clock."""
    today = school_clock().local(central().now()).date()
    try:
        asked = date.fromisoformat(request.values.get("week", ""))
    except ValueError:
        return today
    return asked if school_year.FIRST_YEAR <= asked.year <= school_year.LAST_YEAR else today
