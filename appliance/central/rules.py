"""The school's own allow and block entries, and which categories each profile keeps closed."""

from datetime import datetime
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from appliance.central import audit
from appliance.central.errors import NotFound, NotPossible
from appliance.central.models import DelegationRow, ProfileRow, RuleRow, SchoolRow
from blocklists.categories import CATEGORIES_BY_ID
from dns.errors import InvalidName
from dns.policy.site_names import check_rule


def add_rule(
    session: Session, now: datetime, *, name: str, action: Literal["allow", "block"], by: str, note: str = "",
    locked: bool = False,
) -> RuleRow:  # fmt: skip
    """Add an entry for a name and its subdomains. Raises NotPossible for what is not a site, or there already."""
    try:
        name = check_rule(name, action)
    except InvalidName as problem:
        raise NotPossible(str(problem)) from None
    if session.scalar(select(RuleRow).where(RuleRow.name == name, RuleRow.action == action)):
        raise NotPossible(f"there is a rule to {action} {name} already")
    rule = RuleRow(name=name, action=action, note=note, locked=locked and action == "block", by=by, made_at=now)
    session.add(rule)
    session.flush()
    audit.record_audit(session, now, by, f"rule: {action}", name)
    return rule


def remove_rule(session: Session, now: datetime, *, rule_id: int, by: str) -> RuleRow:
    """Take an entry away; returned so that it can be put back. Raises NotFound."""
    rule = session.get(RuleRow, rule_id)
    if rule is None:
        raise NotFound("there is no such rule")
    session.delete(rule)
    audit.record_audit(session, now, by, f"rule removed: {rule.action}", rule.name)
    return rule


def list_rules(session: Session) -> list[RuleRow]:
    """Return all rules, by name."""
    return list(session.scalars(select(RuleRow).order_by(RuleRow.name, RuleRow.action)))


def list_profiles(session: Session) -> list[ProfileRow]:
    """Return all profiles, the default one first."""
    return list(session.scalars(select(ProfileRow).order_by(ProfileRow.is_default.desc(), ProfileRow.name)))


def list_locked_categories(session: Session) -> list[str]:
    """Return the categories that nobody can open."""
    return list(session.scalars(select(SchoolRow)).one().locked_categories)


def set_blocked_categories(session: Session, now: datetime, *, profile: str, blocked: list[str], by: str) -> None:
    """Say which categories a profile keeps closed. Raises NotFound or NotPossible."""
    found = session.get(ProfileRow, profile)
    if found is None:
        raise NotFound(f"there is no profile {profile!r}")
    unknown = sorted(set(blocked) - CATEGORIES_BY_ID.keys() - set(found.closed))
    if unknown:
        raise NotPossible(f"there is no category {unknown[0]!r}")
    added, removed = sorted(set(blocked) - set(found.closed)), sorted(set(found.closed) - set(blocked))
    if not added and not removed:
        return
    found.closed = sorted(set(blocked))
    changes = [*(f"+{category}" for category in added), *(f"-{category}" for category in removed)]
    audit.record_audit(session, now, by, f"categories of {profile}", " ".join(changes))


def list_delegations(session: Session) -> list[DelegationRow]:
    """Return what teachers may open by themselves, by category."""
    return list(session.scalars(select(DelegationRow).order_by(DelegationRow.category)))


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
    found = session.get(DelegationRow, category)
    if found is None:
        session.add(DelegationRow(category=category, minutes=minutes, per_day=per_day))
    else:
        found.minutes, found.per_day = minutes, per_day
    often = f"{per_day} times a day" if per_day else "as often as they like"
    audit.record_audit(session, now, by, "delegated to teachers", f"{category}, {minutes} minutes, {often}")


def end_delegation(session: Session, now: datetime, *, category: str, by: str) -> None:
    """Let a category's sites wait for the coordinator again. Raises NotFound."""
    found = session.get(DelegationRow, category)
    if found is None:
        raise NotFound(f"{category!r} is not delegated")
    session.delete(found)
    audit.record_audit(session, now, by, "no longer delegated", category)
