"""The categories whose sites teachers may open by themselves."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from appliance.central import audit
from appliance.central.errors import NotFound, NotPossible
from appliance.central.models import DelegationRow, SchoolRow
from blocklists.categories import CATEGORIES_BY_ID


def list_delegations(session: Session) -> list[DelegationRow]:
    """Return what teachers may open by themselves, by category."""
    return list(session.scalars(select(DelegationRow).order_by(DelegationRow.category, DelegationRow.group)))


def delegate_category(
    session: Session, now: datetime, *, category: str, minutes: int, per_day: int, by: str
) -> None:
    """Let teachers open a category's sites by themselves: for so long at most, so often a day (0: without limit).

    Raises NotPossible for a category that is locked, or unknown.
    """
    if category not in CATEGORIES_BY_ID:
        raise NotPossible(f"there is no category {category!r}")
    if category in session.scalars(select(SchoolRow)).one().locked_categories:
        raise NotPossible(f"{CATEGORIES_BY_ID[category].name} is locked: nobody can open it")
    found = session.get(DelegationRow, (category, ""))
    if found is None:
        session.add(DelegationRow(category=category, group="", minutes=minutes, per_day=per_day))
    else:
        found.minutes, found.per_day = minutes, per_day
    often = f"{per_day} times a day" if per_day else "as often as they like"
    audit.record_audit(session, now, by, "delegated to teachers", f"{category}, {minutes} minutes, {often}")


def end_delegation(session: Session, now: datetime, *, category: str, by: str) -> None:
    """Let a category's sites wait for the coordinator again. Raises NotFound."""
    found = session.get(DelegationRow, (category, ""))
    if found is None:
        raise NotFound(f"{category!r} is not delegated")
    session.delete(found)
    audit.record_audit(session, now, by, "no longer delegated", category)
