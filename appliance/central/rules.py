"""The school's own allow and block entries."""

from datetime import datetime
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from appliance.central import audit
from appliance.central.errors import NotFound, NotPossible
from appliance.central.models import RuleRow
from appliance.central.site_names import checked_rule_name


def add_rule(
    session: Session, now: datetime, *, name: str, action: Literal["allow", "block"], by: str, note: str = "",
    locked: bool = False,
) -> RuleRow:  # fmt: skip
    """Add an entry for a name and its subdomains. Raises NotPossible for what is not a site, or there already."""
    name = checked_rule_name(name, action)
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
