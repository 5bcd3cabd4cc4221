"""The school's own allow and block entries: for a name with those below it or alone, for all groups or some."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from appliance.central import audit, trust_policy
from appliance.central.errors import NotFound, NotPossible
from appliance.central.models import ProfileRow, RuleRow
from appliance.central.setting_history import record_change
from appliance.central.site_names import checked_exact_name, checked_rule_name
from appliance.control_characters import find_control_character

KIND = "rule"  # of a change that is kept
MAX_NOTE_LENGTH = 200
MAX_CATEGORY_LENGTH = 64


class RuleFields(msgspec.Struct, frozen=True, kw_only=True):
    """All that a person says of a rule. Each field means what it means in `dns.policy.document.Rule`."""

    name: str
    action: Literal["allow", "block"]
    locked: bool = False
    note: str = ""
    subdomains: bool = True
    groups: tuple[str, ...] = ()
    category: str = ""
    safe_search: bool = True


class SavedRule(msgspec.Struct, frozen=True):
    """A rule, and the id by which its making or removal is undone."""

    rule: RuleRow
    change: str


def checked_fields(session: Session, fields: RuleFields) -> RuleFields:
    """Return a rule as it is kept. Raises NotPossible for what no rule can say, NotFound for an unknown group."""
    check = checked_rule_name if fields.subdomains else checked_exact_name
    for group in fields.groups:
        if session.get(ProfileRow, group) is None:
            raise NotFound(f"there is no group {group!r}")
    for what, text, most in (
        ("note", fields.note, MAX_NOTE_LENGTH),
        ("category", fields.category, MAX_CATEGORY_LENGTH),
    ):
        if len(text) > most:
            raise NotPossible(f"the {what} of a rule has at most {most} characters")
        if found := find_control_character(text):
            raise NotPossible(f"the {what} of a rule holds a control character ({found})")
    blocks = fields.action == "block"
    return msgspec.structs.replace(
        fields,
        name=check(fields.name, fields.action),
        locked=fields.locked and blocks,
        groups=tuple(sorted({*fields.groups})),
        safe_search=fields.safe_search or blocks,
    )


def create_rule(session: Session, now: datetime, *, fields: RuleFields, by: str) -> SavedRule:
    """Make a rule. Raises NotPossible for what no rule can say, or where there is one already; NotFound."""
    fields = checked_fields(session, fields)
    _require_trusts_leave(session, fields)
    if find_rule(session, fields) is not None:
        raise NotPossible(f"there is a rule to {fields.action} {fields.name} already")
    rule = _insert(session, now, fields, by)
    audit.record_audit(session, now, by, f"rule: {fields.action}", describe_rule(fields))
    change = record_change(session, now, kind=KIND, before={}, after=to_builtins(rule), by=by)
    return SavedRule(rule, change)


def add_rule(
    session: Session, now: datetime, *, name: str, action: Literal["allow", "block"], by: str, note: str = "",
    locked: bool = False,
) -> RuleRow:  # fmt: skip
    """Make a rule for a name and its subdomains, in every group. Raises NotPossible."""
    fields = RuleFields(name=name, action=action, note=note, locked=locked)
    return create_rule(session, now, fields=fields, by=by).rule


def delete_rule(session: Session, now: datetime, *, rule_id: int, by: str) -> SavedRule:
    """Take a rule away. Raises NotFound."""
    rule = session.get(RuleRow, rule_id)
    if rule is None:
        raise NotFound("there is no such rule")
    before = to_builtins(rule)
    session.delete(rule)
    audit.record_audit(session, now, by, f"rule removed: {rule.action}", describe_rule(read_fields(rule)))
    return SavedRule(rule, record_change(session, now, kind=KIND, before=before, after={}, by=by))


def remove_rule(session: Session, now: datetime, *, rule_id: int, by: str) -> RuleRow:
    """Take a rule away, and return it. Raises NotFound."""
    return delete_rule(session, now, rule_id=rule_id, by=by).rule


def list_rules(session: Session) -> list[RuleRow]:
    """Return all rules, by name."""
    return list(session.scalars(select(RuleRow).order_by(RuleRow.name, RuleRow.action, RuleRow.id)))


def find_rule(session: Session, fields: RuleFields) -> RuleRow | None:
    """Return the rule that is for the same names, groups and action, or None."""
    same = select(RuleRow).where(
        RuleRow.name == fields.name, RuleRow.action == fields.action, RuleRow.subdomains == fields.subdomains
    )
    return next((one for one in session.scalars(same) if sorted(one.groups) == sorted(fields.groups)), None)


def read_fields(rule: RuleRow) -> RuleFields:
    """Return what a rule says."""
    return msgspec.convert({name: getattr(rule, name) for name in RuleFields.__struct_fields__}, RuleFields)


def to_builtins(rule: RuleRow) -> dict[str, Any]:
    """Return what a rule says, as it is kept for an undo."""
    found: dict[str, Any] = msgspec.to_builtins(read_fields(rule))
    return found | {"groups": list(rule.groups)}


def describe_rule(fields: RuleFields) -> str:
    """Return a rule in words, for the audit and for people."""
    parts = (
        "" if fields.subdomains else "this address alone",
        f"for {', '.join(fields.groups)}" if fields.groups else "",
        f"counted as {fields.category}" if fields.category else "",
        "nobody can open it" if fields.locked else "",
        "" if fields.safe_search else "without safe search",
    )
    return ", ".join((fields.name, *(part for part in parts if part)))


def read_value(session: Session, value: dict[str, Any]) -> dict[str, Any]:
    """Return how the rule of a kept value reads now; empty where there is none."""
    found = find_rule(session, msgspec.convert(value, RuleFields))
    return {} if found is None else to_builtins(found)


def restore_value(
    session: Session, now: datetime, current: dict[str, Any], before: dict[str, Any], by: str
) -> None:
    """Put a rule back that was removed, or take away one that was made. Raises NotFound or NotPossible."""
    if before:
        fields = checked_fields(session, msgspec.convert(before, RuleFields))
        _require_trusts_leave(session, fields)
        _insert(session, now, fields, by)
        return
    found = find_rule(session, msgspec.convert(current, RuleFields))
    if found is not None:
        session.delete(found)


def rules_for_group(session: Session, group: str) -> Iterable[RuleRow]:
    """Return the rules that are for a group by name."""
    return [one for one in list_rules(session) if group in one.groups]


def _require_trusts_leave(session: Session, fields: RuleFields) -> None:
    """Raise NotPossible where the trust has decided about the name itself."""
    if fields.action == "allow":
        trust_policy.require_openable(session, (fields.name,))
        return
    trust_policy.require_closable(session, fields.name)
    if fields.locked and fields.subdomains:
        trust_policy.require_lockable(session, fields.name)


def _insert(session: Session, now: datetime, fields: RuleFields, by: str) -> RuleRow:
    values = msgspec.structs.asdict(fields) | {"groups": list(fields.groups)}
    rule = RuleRow(**values, by=by, made_at=now)
    session.add(rule)
    session.flush()
    return rule
