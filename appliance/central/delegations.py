"""The categories whose sites teachers may open by themselves: for every group, or for some.

What harms (the safer-internet centre's categories, and the ways around the filter) is delegated only by somebody
who was told what that means and says so; what is locked, by nobody.

Here is what was delegated. Whether a teacher may open one site is decided by `dns/policy/delegation.py`.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from appliance.central import audit, trust_policy
from appliance.central.errors import NotFound, NotPossible
from appliance.central.models import DelegationRow, ProfileRow, SourceRow
from appliance.central.setting_history import record_change
from blocklists.categories import CATEGORIES_BY_ID, category_name, is_sensitive

KIND = "delegations"  # of a change that is kept: all of them are one setting
EVERY_GROUP = ""


class NeedsConfirmation(NotPossible):
    """It can be done, by somebody who was told what it means and says so."""


def list_delegations(session: Session) -> list[DelegationRow]:
    """Return what teachers may open by themselves, by category and group."""
    return list(session.scalars(select(DelegationRow).order_by(DelegationRow.category, DelegationRow.group)))


def delegable_categories(session: Session) -> dict[str, str]:
    """Return the categories that can be delegated, each with its name: those known or listed, and not locked."""
    brought = session.scalars(select(SourceRow.category).distinct())
    locked = trust_policy.list_locked_categories(session)
    found = [*CATEGORIES_BY_ID, *sorted({*brought} - CATEGORIES_BY_ID.keys())]
    return {one: category_name(one) for one in found if one not in locked}


def delegate_category(
    session: Session,
    now: datetime,
    *,
    category: str,
    minutes: int,
    per_day: int,
    by: str,
    groups: Iterable[str] = (),
    confirmed: bool = False,
) -> str:
    """Let teachers open a category's sites by themselves: for so long at most, so often a day (0: without limit).

    `groups`: none, for every group. Returns the change's id, "" where it was so. Raises NotPossible for a category
    that is locked, or unknown; NotFound for a group that is; NeedsConfirmation for one that harms.
    """
    wanted = sorted({*groups}) or [EVERY_GROUP]
    _check(session, category, wanted)
    if is_sensitive(category) and not confirmed:
        raise NeedsConfirmation(warning(category))
    before = read_value(session)
    for group in wanted:
        found = session.get(DelegationRow, (category, group))
        if found is None:
            session.add(DelegationRow(category=category, group=group, minutes=minutes, per_day=per_day))
        else:
            found.minutes, found.per_day = minutes, per_day
    if read_value(session) == before:
        return ""
    often = f"{per_day} times a day" if per_day else "as often as they like"
    whom = ", ".join(wanted) if wanted != [EVERY_GROUP] else "every group"
    warned = ", after a warning" if is_sensitive(category) else ""
    words = f"{category} for {whom}, {minutes} minutes, {often}{warned}"
    audit.record_audit(session, now, by, "delegated to teachers", words)
    return record_change(session, now, kind=KIND, before=before, after=read_value(session), by=by)


def end_delegation(session: Session, now: datetime, *, category: str, by: str, group: str = EVERY_GROUP) -> str:
    """Let a category's sites wait for the coordinator again; return the change's id. Raises NotFound."""
    found = session.get(DelegationRow, (category, group))
    if found is None:
        raise NotFound(f"{category_name(category)} is not delegated")
    before = read_value(session)
    session.delete(found)
    words = f"{category} for {group}" if group else category
    audit.record_audit(session, now, by, "no longer delegated", words)
    return record_change(session, now, kind=KIND, before=before, after=read_value(session), by=by)


def warning(category: str) -> str:
    """Return what somebody should know before a category that harms is delegated."""
    if not CATEGORIES_BY_ID[category].school_wide:
        means = "a site of it can lead past the whole filter"
    else:
        means = "every school is expected to keep it closed"
    return (
        f"{category_name(category)}: {means}, and teachers would open such sites at once, with nobody else "
        "looking at them first. Do this only if the safeguarding lead agrees"
    )


def read_value(session: Session) -> dict[str, Any]:
    """Return every delegation as it is kept for an undo."""
    session.flush()
    rows = [[one.category, one.group, one.minutes, one.per_day] for one in list_delegations(session)]
    return {"rows": rows}


def restore_value(session: Session, value: dict[str, Any]) -> None:
    """Put every delegation back. Raises NotPossible where a category was locked since, or a group is gone."""
    locked = trust_policy.list_locked_categories(session)
    for category, group, *_ in value["rows"]:
        if category in locked:
            raise NotPossible(f"{category_name(category)} is locked by now: nobody can open it")
        if group != EVERY_GROUP and session.get(ProfileRow, group) is None:
            raise NotPossible(f"the group {group} is gone by now, or has another name")
    for row in list_delegations(session):
        session.delete(row)
    session.flush()
    for category, group, minutes, per_day in value["rows"]:
        session.add(DelegationRow(category=category, group=group, minutes=minutes, per_day=per_day))


def _check(session: Session, category: str, groups: Collection[str]) -> None:
    trust_policy.require_category_openable(session, category)
    if category in trust_policy.list_locked_categories(session):
        raise NotPossible(f"{category_name(category)} is locked: nobody can open it")
    if category not in delegable_categories(session):
        raise NotPossible(f"there is no category {category!r}")
    for group in groups:
        if group != EVERY_GROUP and session.get(ProfileRow, group) is None:
            raise NotFound(f"there is no group {group!r}")
