"""Undoes a change of a setting, as long as nobody has changed it again: one way for every kind of setting.

A kind knows how its setting reads now, and how a value of before is put back. An undo is a change like any other:
it stands in the audit, and can be undone.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy.orm import Session

from appliance.central import (
    audit,
    delegations,
    profiles,
    rules,
    school_settings,
    school_year,
    second_factor,
    unblocks,
    webhooks,
)
from appliance.central.errors import NotFound, NotPossible
from appliance.central.lists import source_use, sources
from appliance.central.models import ProfileRow, SettingChangeRow
from appliance.central.profile_settings import parse_settings, read_settings, to_builtins
from appliance.central.setting_history import record_change

Value = dict[str, Any]  # empty: the setting is not there


class Undo(msgspec.Struct, frozen=True):
    """Who undoes something, and when."""

    at: datetime
    by: str
    person: str  # the same, or for whom a script does it
    check_opening: unblocks.OpeningCheck


class SettingKind(msgspec.Struct, frozen=True):
    """How the settings of one kind are looked at and put back."""

    words: Callable[[Value], str]  # what it is, for people
    read: Callable[[Session, Value], Value]  # what stands now where this value stood
    restore: Callable[[Session, "Undo", Value, Value], None]  # from a value to another


def _refuse_opening(*_asked: object) -> None:
    """Stand in where nobody looks whether a site would open."""
    raise NotPossible("no opening is put back here")


def undo_change(
    session: Session, now: datetime, *, change: str, by: str, kinds: Collection[str] | None = None,
    check_opening: unblocks.OpeningCheck = _refuse_opening, on_behalf_of: str = "",
) -> str:  # fmt: skip
    """Put back what a change replaced; return what it was, in words. Raises NotFound or NotPossible.

    `kinds`: those that whoever asks may change; None: every one. `check_opening`: whether a site that was closed
    early would open again; left out, none is opened. `on_behalf_of`: for whom a script acts.
    """
    row = session.get(SettingChangeRow, change)
    if row is None or (kinds is not None and row.kind not in kinds):
        raise NotFound("this can no longer be undone")
    kind = KINDS[row.kind]
    what = kind.words(row.after or row.before)
    if kind.read(session, row.after or row.before) != row.after:
        if row.before and kind.read(session, row.before) == row.before:
            return what  # by the first of two clicks
        raise NotPossible(f"{what} has been changed again since; nothing was undone")
    kind.restore(session, Undo(now, by, on_behalf_of or by, check_opening), row.after, row.before)
    audit.record_audit(session, now, by, "undone", f"{what}: the change of {row.by}")
    record_change(session, now, kind=row.kind, before=row.after, after=row.before, by=by)
    return what


def _read_profile(session: Session, value: Value) -> Value:
    row = session.get(ProfileRow, value["name"])
    return {} if row is None else to_builtins(read_settings(row))


def _restore_profile(session: Session, _undo: Undo, current: Value, before: Value) -> None:
    if not current:
        if session.get(ProfileRow, before["name"]) is not None:
            raise NotPossible(f"there is a profile {before['name']!r} again")
        profiles.insert_profile(session, parse_settings(before))
        return
    row = profiles.get_profile(session, current["name"])
    if not before:
        profiles.check_removable(session, row)
        session.delete(row)
        return
    if before["name"] != current["name"] and session.get(ProfileRow, before["name"]) is not None:
        raise NotPossible(f"there is another profile {before['name']!r} by now")
    profiles.apply_settings(session, row, parse_settings(before))


def _read_default(session: Session, _value: Value) -> Value:
    return {"name": profiles.default_profile(profiles.list_profiles(session)).name}


def _restore_default(session: Session, _undo: Undo, _current: Value, before: Value) -> None:
    profiles.get_profile(session, before["name"])
    profiles.apply_default(session, before["name"])


PROFILE_KINDS = frozenset({profiles.KIND, profiles.DEFAULT_KIND, school_year.KIND})
_SCHOOL_SETTINGS = SettingKind(
    school_settings.value_words,
    school_settings.read_value,
    lambda session, _undo, _current, before: school_settings.restore_value(session, before),
)
KINDS: Mapping[str, SettingKind] = {
    rules.KIND: SettingKind(
        lambda value: f"the rule for {value['name']}",
        rules.read_value,
        lambda session, undo, current, before: rules.restore_value(session, undo.at, current, before, undo.by),
    ),
    profiles.KIND: SettingKind(lambda value: f"the profile {value['name']}", _read_profile, _restore_profile),
    delegations.KIND: SettingKind(
        lambda _value: "what teachers may open by themselves",
        lambda session, _value: delegations.read_value(session),
        lambda session, _undo, _current, before: delegations.restore_value(session, before),
    ),
    school_year.KIND: SettingKind(
        lambda _value: "the school year",
        lambda session, _value: school_year.read_value(session),
        lambda session, _undo, _current, before: school_year.restore_value(session, before),
    ),
    school_settings.KIND: _SCHOOL_SETTINGS,
    school_settings.BUNDLES_KIND: _SCHOOL_SETTINGS,
    school_settings.PLANS_KIND: _SCHOOL_SETTINGS,
    source_use.BUILTIN_KIND: SettingKind(
        lambda _value: "the use of the starter list",
        lambda session, _value: {"is_used": source_use.has_builtin_list(session)},
        lambda session, _undo, _current, before: source_use.restore_builtin_list(session, before),
    ),
    source_use.KIND: SettingKind(
        source_use.value_words,
        source_use.read_value,
        lambda session, _undo, _current, before: source_use.restore_value(session, before),
    ),
    sources.KIND: SettingKind(
        lambda value: f"the list {value['name']}",
        sources.read_value,
        lambda session, _undo, current, before: sources.restore_value(session, current, before),
    ),
    unblocks.KIND: SettingKind(
        lambda value: f"the opening of {value['site']}",
        unblocks.read_value,
        lambda session, undo, current, before: unblocks.restore_value(
            session, undo.at, current, before, by=undo.person, check_opening=undo.check_opening
        ),
    ),
    webhooks.KIND: SettingKind(
        lambda value: f"the webhook {value['url']}",
        webhooks.read_value,
        lambda session, _undo, current, before: webhooks.restore_value(session, current, before),
    ),
    second_factor.KIND: SettingKind(
        lambda value: f"the second step of {value['username']}",
        second_factor.read_value,
        lambda session, undo, current, before: second_factor.restore_value(session, undo.at, current, before),
    ),
    profiles.DEFAULT_KIND: SettingKind(lambda _value: "the default profile", _read_default, _restore_default),
}
