"""The profiles: what each keeps closed and how, which one is the default, and who makes, renames and removes them.

Whoever saves says which settings they had before their eyes (`revision`): if others are in force by then, nothing
is saved and they are told, so that of two people nobody undoes the other's work unseen.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from appliance.central import audit, staff_groups, trust_policy
from appliance.central.errors import NotFound, NotPossible
from appliance.central.models import (
    DelegationRow,
    DeviceRow,
    ProfileRow,
    RoomRow,
    RuleRow,
    SourceRow,
    UnblockRow,
)
from appliance.central.profile_settings import (
    ProfileSettings,
    check_settings,
    clean_name,
    read_settings,
    to_builtins,
    write_settings,
)
from appliance.central.setting_history import last_changed_by, record_change
from blocklists.categories import CATEGORIES_BY_ID

MAX_PROFILES = 100
KIND = "profile"  # of a change that is kept
DEFAULT_KIND = "default profile"


class ChangedMeanwhile(NotPossible):
    """Somebody else has saved since the page was opened."""

    def __init__(self, what: str, by: str) -> None:
        who = f"{by} has" if by else "somebody else has"
        super().__init__(f"nothing was saved: {who} changed {what} since you opened this page")


class SavedChange(msgspec.Struct, frozen=True):
    """What was saved, and the id by which it is undone; "" where nothing had to be changed."""

    settings: ProfileSettings
    change: str


def list_profiles(session: Session) -> list[ProfileRow]:
    """Return all profiles, the default one first."""
    return list(session.scalars(select(ProfileRow).order_by(ProfileRow.is_default.desc(), ProfileRow.name)))


def get_profile(session: Session, name: str) -> ProfileRow:
    """Return a profile. Raises NotFound."""
    found = session.get(ProfileRow, name)
    if found is None:
        raise NotFound(f"there is no profile {name!r}")
    return found


def list_locked_categories(session: Session) -> list[str]:
    """Return the categories that nobody can open."""
    return trust_policy.list_locked_categories(session)


def known_categories(session: Session) -> list[str]:
    """Return every category that a switch makes sense for: those known by name, and what lists bring."""
    brought = session.scalars(select(SourceRow.category).distinct())
    return [*CATEGORIES_BY_ID, *sorted({*brought} - CATEGORIES_BY_ID.keys())]


def save_profile(
    session: Session, now: datetime, *, name: str, settings: ProfileSettings, by: str, revision: str = ""
) -> SavedChange:
    """Set the profile `name` as a whole, its name too. Raises NotFound, NotPossible or ChangedMeanwhile.

    `revision`: of the settings that the caller started from; "" where none was looked at.
    """
    row = session.get(ProfileRow, name)
    if row is None and (done := session.get(ProfileRow, clean_name(settings.name))):
        row = done  # renamed by the first of two clicks
    if row is None:
        raise NotFound(f"there is no profile {name!r}")
    before = read_settings(row)
    settings = _tidy(settings)
    if settings == before:
        return SavedChange(before, "")
    if revision and revision != before.revision:
        raise ChangedMeanwhile(f"the profile {before.name}", last_changed_by(session, KIND, name=before.name))
    check_change(session, name=before.name, settings=settings)
    apply_settings(session, row, settings)
    changes = "; ".join(differences(before, settings))
    audit.record_audit(session, now, by, f"profile changed: {before.name}"[:64], changes)
    change = record_change(session, now, kind=KIND, before=to_builtins(before), after=to_builtins(settings), by=by)
    return SavedChange(settings, change)


def check_change(session: Session, *, name: str, settings: ProfileSettings) -> None:
    """Refuse settings that the profile `name` cannot have. Raises NotFound or NotPossible."""
    before, settings = read_settings(get_profile(session, name)), _tidy(settings)
    check_settings(settings, {*known_categories(session), *before.categories})
    _check_new_name(session, settings.name, but=before.name)


def add_profile(session: Session, now: datetime, *, settings: ProfileSettings, by: str) -> SavedChange:
    """Make a profile. Raises NotPossible where there is one of that name, or what it says cannot be."""
    settings = _tidy(settings)
    check_settings(settings, known_categories(session))
    _check_new_name(session, settings.name)
    if len(list_profiles(session)) >= MAX_PROFILES:
        raise NotPossible(f"there are {MAX_PROFILES} profiles already; remove one that no group uses")
    insert_profile(session, settings)
    audit.record_audit(session, now, by, f"profile made: {settings.name}"[:64], "")
    change = record_change(session, now, kind=KIND, before={}, after=to_builtins(settings), by=by)
    return SavedChange(settings, change)


def copy_profile(session: Session, now: datetime, *, name: str, new_name: str, by: str) -> SavedChange:
    """Make a profile that says what another one says. Raises NotFound or NotPossible."""
    settings = read_settings(get_profile(session, name))
    known = {*known_categories(session)}
    kept = msgspec.structs.replace(
        settings, name=new_name, closed=tuple(one for one in settings.closed if one in known or one == "*")
    )
    saved = add_profile(session, now, settings=kept, by=by)
    staff_groups.keep_staff(session, of=name, name=saved.settings.name)
    return saved


def remove_profile(session: Session, now: datetime, *, name: str, by: str) -> SavedChange:
    """Remove a profile that nobody uses. Raises NotFound, or NotPossible where somebody does."""
    row = get_profile(session, name)
    check_removable(session, row)
    before = read_settings(row)
    session.delete(row)
    audit.record_audit(session, now, by, f"profile removed: {name}"[:64], "")
    change = record_change(session, now, kind=KIND, before=to_builtins(before), after={}, by=by)
    return SavedChange(before, change)


def check_removable(session: Session, row: ProfileRow) -> None:
    """Refuse the removal of a profile that is in use. Raises NotPossible."""
    if row.is_default:
        raise NotPossible(f"{row.name} is the default profile: make another one the default first")
    uses = [
        *(f"the network {network}" for network in row.members),
        *(
            f"the device {name}"
            for name in session.scalars(
                select(DeviceRow.name).where(DeviceRow.group == row.name, DeviceRow.removed_at.is_(None))
            )
        ),
        *(f"the rule for {rule.name}" for rule in session.scalars(select(RuleRow)) if row.name in rule.groups),
        *(f"{room}" for room in session.scalars(select(RoomRow.name).where(RoomRow.default_group == row.name))),
    ]
    if uses:
        more = f" and {len(uses) - 3} more" if len(uses) > 3 else ""
        raise NotPossible(f"{row.name} is in use by {', '.join(uses[:3])}{more}: give them another group first")
    active = select(UnblockRow).where(UnblockRow.ended_at.is_(None))
    if site := next((one.site for one in session.scalars(active) if row.name in one.groups), None):
        raise NotPossible(f"{site} is open for {row.name}, or will be: end that first")
    if session.scalar(select(DelegationRow.category).where(DelegationRow.group == row.name).limit(1)):
        raise NotPossible(f"teachers may open sites by themselves for {row.name}: end that first")


def set_default(session: Session, now: datetime, *, name: str, by: str) -> str:
    """Say which profile devices meet that nobody has named; return the change's id. Raises NotFound."""
    row = get_profile(session, name)
    before = default_profile(list_profiles(session)).name
    if row.is_default:
        return ""
    apply_default(session, name)
    audit.record_audit(session, now, by, "default profile", f"{name}, before: {before}")
    return record_change(session, now, kind=DEFAULT_KIND, before={"name": before}, after={"name": name}, by=by)


def default_profile(found: Sequence[ProfileRow]) -> ProfileRow:
    """Return the profile of devices that nobody has named."""
    return next((profile for profile in found if profile.is_default), found[0])


def set_blocked_categories(session: Session, now: datetime, *, profile: str, blocked: list[str], by: str) -> None:
    """Say which categories a profile keeps closed. Raises NotFound or NotPossible."""
    settings = read_settings(get_profile(session, profile))
    changed = msgspec.structs.replace(settings, closed=tuple(blocked))
    save_profile(session, now, name=profile, settings=changed, by=by)


def apply_settings(session: Session, row: ProfileRow, settings: ProfileSettings) -> None:
    """Write settings into a profile, and its new name to wherever the old one stands. Checks nothing."""
    old = row.name
    write_settings(row, settings)
    if settings.name == old:
        return
    staff_groups.keep_staff(session, of=old, name=settings.name)
    for unblock in session.scalars(select(UnblockRow).where(UnblockRow.ended_at.is_(None))):
        if old in unblock.groups:
            unblock.groups = [settings.name if group == old else group for group in unblock.groups]
    for delegation in session.scalars(select(DelegationRow).where(DelegationRow.group == old)):
        delegation.group = settings.name
    for rule in session.scalars(select(RuleRow)):
        if old in rule.groups:
            rule.groups = sorted(settings.name if group == old else group for group in rule.groups)
    for device in session.scalars(select(DeviceRow).where(DeviceRow.group == old)):
        device.group = settings.name
    for room in session.scalars(select(RoomRow).where(RoomRow.default_group == old)):
        room.default_group = settings.name


def insert_profile(session: Session, settings: ProfileSettings) -> None:
    """Add a profile without devices. Checks nothing."""
    row = ProfileRow(name=settings.name, members=[], is_default=False)
    write_settings(row, settings)
    session.add(row)


def apply_default(session: Session, name: str) -> None:
    """Make one profile the default, and no other. Checks nothing."""
    for profile in list_profiles(session):
        profile.is_default = profile.name == name


def differences(before: ProfileSettings, after: ProfileSettings) -> list[str]:
    """Return what differs, each in a few words, for the audit and for people."""
    found = [
        *(f"+{category}" for category in sorted({*after.closed} - {*before.closed})),
        *(f"-{category}" for category in sorted({*before.closed} - {*after.closed})),
    ]
    words = [" ".join(found)] if found else []
    for field in ("name", "safe_search", "youtube", "keywords", "strip_ech", "refusal"):
        old, new = getattr(before, field), getattr(after, field)
        if old != new:
            words.append(f"{field.replace('_', ' ')}: {_word(new)}, before: {_word(old)}")
    if before.safe_search_except != after.safe_search_except:
        words.append(f"engines left as they are: {', '.join(after.safe_search_except) or 'none'}")
    if before.timetable != after.timetable:
        words.append(f"timetable: {len(after.timetable)} rows, before: {len(before.timetable)}")
    return words


def _word(value: object) -> str:
    return {True: "on", False: "off"}.get(value, str(value)) if isinstance(value, bool) else str(value)


def _tidy(settings: ProfileSettings) -> ProfileSettings:
    return msgspec.structs.replace(
        settings,
        name=clean_name(settings.name),
        closed=tuple(sorted({*settings.closed})),
        safe_search_except=tuple(sorted({*settings.safe_search_except})),
    )


def _check_new_name(session: Session, name: str, *, but: str = "") -> None:
    for other in session.scalars(select(ProfileRow.name)):
        if other != but and other.casefold() == name.casefold():
            raise NotPossible(f"there is a profile {other!r} already")
