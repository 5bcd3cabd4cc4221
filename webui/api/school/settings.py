"""Profiles, timetables, the school's year and settings, delegations, site bundles and lesson plans."""

from datetime import date
from typing import Any

import msgspec

from appliance.central import (
    change_preview,
    delegations,
    lesson_plans,
    policies,
    profiles,
    school_settings,
    school_year,
    settings_preview,
    site_bundles,
    timetables,
)
from appliance.central.profile_settings import ProfileSettings, TimetableRow, check_settings, read_settings
from appliance.central.ready_made_profiles import list_ready_made_profiles
from appliance.central.school_settings_check import bundle_site
from appliance.central.school_settings_values import SchoolSettings
from appliance.central.timetable_preview import TimetablePreview
from appliance.script_interface import profiles as sent
from appliance.script_interface import settings
from dns.policy.document import SiteBundle, Span
from webui.api.school.call import SchoolCall, Shaped, parse_day

_OF_SCHOOL = frozenset(settings.ChangedSettings.__struct_fields__) - {"revision", "confirmed"}


def list_school_profiles(call: SchoolCall) -> Any:
    """Return every profile."""
    found = [(one, read_settings(one)) for one in profiles.list_profiles(call.session)]
    return [{"settings": one, "is_default": row.is_default, "revision": one.revision} for row, one in found]


def list_ready_profiles(_call: SchoolCall) -> Any:
    """Return the profiles that Hallpass brings."""
    return list_ready_made_profiles()


def add_school_profile(call: SchoolCall, message: sent.ScriptProfile) -> Any:
    """Add a profile."""
    return profiles.add_profile(call.session, call.now, settings=_profile(message), by=call.by)


def set_school_profile(call: SchoolCall, message: sent.ProfileSetting) -> Any:
    """Set a profile as a whole."""
    wanted = _profile(message.settings)
    if call.is_preview:
        profiles.check_change(call.session, name=message.profile, settings=wanted)
        return change_preview.preview_profile(
            call.session, call.central.preview, call.now, name=message.profile, changed=wanted
        )
    return profiles.save_profile(
        call.session, call.now, name=message.profile, settings=wanted, by=call.by, revision=message.revision
    )


def remove_school_profile(call: SchoolCall, message: sent.NamedProfile) -> Any:
    """Remove a profile that nothing uses."""
    return profiles.remove_profile(call.session, call.now, name=message.profile, by=call.by)


def set_default_profile(call: SchoolCall, message: sent.NamedProfile) -> Any:
    """Say which profile devices meet that nobody has named."""
    return _changed(profiles.set_default(call.session, call.now, name=message.profile, by=call.by))


def get_school_timetable(call: SchoolCall, *, profile: str) -> Any:
    """Return a profile's rows, what holds now, what changes next, and what is odd."""
    found = read_settings(profiles.get_profile(call.session, profile))
    week = school_year.read_school_year(call.session).week
    locked, known = profiles.list_locked_categories(call.session), profiles.known_categories(call.session)
    return {
        "rows": [{"id": timetables.row_id(one), "row": one} for one in found.timetable],
        "now": _preview(call, found).state_at(call.now),
        "notes": list(timetables.timetable_notes(found, week, locked, known)),
    }


def get_timetable_week(call: SchoolCall, *, profile: str, day: str) -> Any:
    """Return a week of a profile's timetable."""
    preview = _preview(call, read_settings(profiles.get_profile(call.session, profile)))
    return preview.week_of(parse_day(day) if day else _today(call))


def put_timetable_row(call: SchoolCall, message: sent.PutRow) -> Any:
    """Add a row to a profile's timetable, or put one in the place of another."""
    row = msgspec.convert(message.row, TimetableRow, from_attributes=True)
    if call.is_preview:
        found = read_settings(profiles.get_profile(call.session, message.profile))
        changed = timetables.with_row(found, row, replaces=message.replaces)
        check_settings(changed, {*profiles.known_categories(call.session), *found.categories})
        return _preview(call, changed).week_of(_today(call))
    return timetables.put_row(
        call.session, call.now, profile=message.profile, row=row, by=call.by, replaces=message.replaces
    )


def remove_timetable_row(call: SchoolCall, message: sent.RemovedRow) -> Any:
    """Take a row out of a profile's timetable."""
    return timetables.remove_row(call.session, call.now, profile=message.profile, row=message.row, by=call.by)


def get_school_year(call: SchoolCall) -> Any:
    """Return the school's week, terms and holidays."""
    year = school_year.read_school_year(call.session)
    return Shaped(year, notes=list(school_year.year_notes(year, _today(call))))


def set_school_week(call: SchoolCall, message: sent.SchoolWeek) -> Any:
    """Say on which weekdays the school is open."""
    return _changed(school_year.set_school_week(call.session, call.now, week=message.days, by=call.by))


def add_school_days(call: SchoolCall, message: sent.SentSpan) -> Any:
    """Add a term or a holiday."""
    return _changed(
        school_year.add_span(call.session, call.now, kind=message.kind, span=_span(message), by=call.by)
    )


def remove_school_days(call: SchoolCall, message: sent.SentSpan) -> Any:
    """Remove a term or a holiday."""
    return _changed(
        school_year.remove_span(call.session, call.now, kind=message.kind, span=_span(message), by=call.by)
    )


def get_school_settings(call: SchoolCall) -> Any:
    """Return what holds in every room."""
    found = school_settings.read_settings(call.session)
    return Shaped(found, revision=found.revision_of(_OF_SCHOOL))


def set_school_settings(call: SchoolCall, message: settings.ChangedSettings) -> Any:
    """Set what is named for every room."""
    given = {name: getattr(message, name) for name in _OF_SCHOOL if getattr(message, name) is not None}
    current = school_settings.read_settings(call.session)
    values = msgspec.convert(Shaped(current, **given), SchoolSettings, from_attributes=True)
    if call.is_preview:
        return settings_preview.preview_settings(call.session, call.central.preview, call.now, changed=values)
    done = school_settings.save_settings(
        call.session, call.now, changed=values, by=call.by, fields=_OF_SCHOOL, revision=message.revision,
        confirmed=message.confirmed,
    )  # fmt: skip
    return _changed(done)


def list_school_delegations(call: SchoolCall) -> Any:
    """Return what is delegated."""
    return delegations.list_delegations(call.session)


def delegate_school_category(call: SchoolCall, message: settings.NewDelegation) -> Any:
    """Let teachers open a category's sites by themselves."""
    done = delegations.delegate_category(
        call.session, call.now, category=message.category, minutes=message.minutes, per_day=message.per_day,
        groups=message.groups, by=call.by, confirmed=message.confirmed,
    )  # fmt: skip
    return _changed(done)


def end_school_delegation(call: SchoolCall, message: settings.EndedDelegation) -> Any:
    """Have a category's sites wait for somebody again."""
    done = delegations.end_delegation(
        call.session, call.now, category=message.category, group=message.group, by=call.by
    )
    return _changed(done)


def list_school_bundles(call: SchoolCall) -> Any:
    """Return the school's own bundles."""
    return [_bundle(one.site, one, one.names) for one in site_bundles.list_bundles(call.session)]


def get_school_bundle(call: SchoolCall, *, site: str) -> Any:
    """Return what opens with a site now."""
    own = site_bundles.find_bundle(call.session, site)
    return _bundle(bundle_site(site), own, site_bundles.names_now(call.session, site))


def put_school_bundle(call: SchoolCall, message: settings.SentBundle, site: str) -> Any:
    """Have some names open with a site."""
    if call.is_preview:
        found = site_bundles.preview_bundle(
            call.session, call.central.preview, call.now, site=site, names=message.names
        )
        names = [Shaped(one.preview, name=one.name, is_new=one.is_new) for one in found.names]
        return Shaped(found, names=names)
    done = site_bundles.put_bundle(
        call.session, call.now, site=site, names=message.names, by=call.by, revision=message.revision
    )
    return _changed(done)


def remove_school_bundle(call: SchoolCall, *, site: str) -> Any:
    """Remove the school's own bundle of a site."""
    return _changed(site_bundles.remove_bundle(call.session, call.now, site=site, by=call.by))


def list_school_plans(call: SchoolCall) -> Any:
    """Return the school's own lesson plans."""
    return [Shaped(one, revision=lesson_plans.plan_revision(one)) for one in lesson_plans.list_plans(call.session)]


def add_school_plan(call: SchoolCall, message: settings.SentPlan, plan_id: str = "") -> Any:
    """Add a lesson plan, or set one as a whole."""
    if call.is_preview:
        return {"links": lesson_plans.check_links(call.session, call.central.preview, message.links)}
    if plan_id:
        lesson_plans.get_plan(call.session, plan_id)
    done = lesson_plans.put_plan(
        call.session, call.now, title=message.title, links=message.links, minutes=message.minutes, by=call.by,
        plan_id=plan_id, revision=message.revision,
    )  # fmt: skip
    return _changed(done)


def remove_school_plan(call: SchoolCall, *, plan_id: str) -> Any:
    """Remove a lesson plan."""
    return _changed(lesson_plans.remove_plan(call.session, call.now, plan_id=plan_id, by=call.by))


def _changed(change: str) -> Any:
    return {"change": change}


def _profile(message: sent.ScriptProfile) -> ProfileSettings:
    return msgspec.convert(message, ProfileSettings, from_attributes=True)


def _span(message: sent.SentSpan) -> Span:
    return Span(first=parse_day(message.first), last=parse_day(message.last), name=message.name)


def _bundle(site: str, own: SiteBundle | None, names: tuple[str, ...]) -> Any:
    return {
        "site": site, "names": names, "is_own": own is not None, "revision": site_bundles.bundle_revision(own),
    }  # fmt: skip


def _preview(call: SchoolCall, found: ProfileSettings) -> TimetablePreview:
    days = school_year.read_school_year(call.session).week
    document = policies.read_school_policy(call.session).document
    known = profiles.known_categories(call.session)
    return TimetablePreview(document, timetables.to_profile(found, days), days, known)


def _today(call: SchoolCall) -> date:
    return call.now.astimezone(call.zone).date()
