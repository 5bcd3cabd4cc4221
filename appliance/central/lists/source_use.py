"""How a list is used: whether it closes its names or opens them, and whether it may close whole endings.

A list of openings opens against the lists alone: the school's own rules, and what is locked, still close. Whole
endings (`co.uk`, `github.io`) and nearly everything are closed only by a list that is let do so.
"""

from datetime import datetime
from typing import Any, Literal

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from appliance.central import audit
from appliance.central.errors import NotFound, NotPossible
from appliance.central.lists import copies, sources
from appliance.central.models import SchoolRow, SourceRow
from appliance.central.setting_history import record_change
from blocklists.categories import EVERY_CATEGORY, category_name
from blocklists.sources import ACTIONS, check_source

KIND = "use of a list"  # of a change that is kept
BUILTIN_KIND = "starter list"
KINDS = frozenset({KIND, BUILTIN_KIND})


class SourceUse(msgspec.Struct, frozen=True, kw_only=True):
    """How a list is used."""

    action: Literal["block", "allow"] = "block"
    allow_wide: bool | None = None  # None: as the catalogue says of it


def read_use(row: SourceRow) -> SourceUse:
    """Return how a list is used."""
    return parse_use(row.action, row.allow_wide)


def parse_use(action: str, allow_wide: bool | None) -> SourceUse:  # noqa: FBT001 (a column)
    """Return how a list shall be used. Raises NotPossible for what is no use."""
    if action not in ACTIONS:
        raise NotPossible("a list closes what it names, or opens it")
    return msgspec.convert({"action": action, "allow_wide": allow_wide}, SourceUse)


def set_use(session: Session, now: datetime, *, source_id: int, use: SourceUse, by: str) -> str:
    """Use a list so from the next compilation on; return the change's id. Raises NotFound or NotPossible."""
    row = sources.get_source(session, source_id)
    check_use(row, use)
    before = _value(row)
    row.action, row.allow_wide = use.action, use.allow_wide
    after = _value(row)
    if after == before:
        return ""
    audit.record_audit(session, now, by, KIND, f"{row.name}: {'; '.join(use_words(row, use))}")
    return record_change(session, now, kind=KIND, before=before, after=after, by=by)


def check_use(row: SourceRow, use: SourceUse) -> None:
    """Refuse what a list cannot be used for. Raises NotPossible with every mistake."""
    if row.by_trust and use != read_use(row):  # one that opens is as good as taken away
        raise NotPossible(f"{row.name} is a list of the trust's: nobody at the school can take it away")
    wanted = msgspec.structs.replace(copies.to_list_source(row), action=use.action)
    if problems := check_source(wanted):
        raise NotPossible("; ".join(problems))


def use_words(row: SourceRow, use: SourceUse) -> list[str]:
    """Return what it means to use a list so, each as one sentence without its full stop."""
    report = row.report or {}
    count = f"its {report['names']:,} names" if report.get("names") else "its names"
    which = (
        "any list closes" if row.category == EVERY_CATEGORY else f"lists of {category_name(row.category)} close"
    )
    if use.action == "allow":
        return [f"{count} are opened where {which} them; rules of the school's own and what is locked still close"]
    words = [f"{count} are closed as {category_name(row.category)}"]
    if copies.is_wide(row.location, use.allow_wide):
        words.append("it may close whole endings such as github.io, and with them the sites of everybody there")
    else:
        words.append("what would close a whole ending, or nearly everything, is passed over")
    return words


def has_builtin_list(session: Session) -> bool:
    """Tell whether the list that Hallpass brings is in use."""
    return session.scalars(select(SchoolRow)).one().starter_list


def set_builtin_list(session: Session, now: datetime, *, is_used: bool, by: str) -> str:
    """Use the list that Hallpass brings, or use it no longer, from the next compilation on; return its id."""
    before = has_builtin_list(session)
    if before == is_used:
        return ""
    restore_builtin_list(session, {"is_used": is_used})
    audit.record_audit(session, now, by, BUILTIN_KIND, "used" if is_used else "no longer used")
    return record_change(
        session, now, kind=BUILTIN_KIND, before={"is_used": before}, after={"is_used": is_used}, by=by
    )


def restore_builtin_list(session: Session, value: dict[str, Any]) -> None:
    """Use the list that Hallpass brings as a kept value says."""
    session.scalars(select(SchoolRow)).one().starter_list = bool(value["is_used"])


def builtin_words(session: Session, *, is_used: bool) -> list[str]:
    """Return what it means to use the list that Hallpass brings or not, each as one sentence."""
    if is_used:
        return ["its names are closed by their categories, beside those of the other lists"]
    closing = [row.name for row in sources.list_sources(session) if row.action != "allow"]
    words = ["what only the starter list names is no longer closed by any list"]
    if not closing:
        words.append("the school has no other list that closes: then no list closes anything")
    return words


def value_words(value: dict[str, Any]) -> str:
    """Return which setting a kept value is of."""
    return f"the use of the list {value['name']}"


def read_value(session: Session, value: dict[str, Any]) -> dict[str, Any]:
    """Return how the list of a kept value is used now; empty where it is gone."""
    row = session.scalar(select(SourceRow).where(SourceRow.name == value["name"]))
    return {} if row is None else _value(row)


def restore_value(session: Session, value: dict[str, Any]) -> None:
    """Use a list as before. Raises NotFound where it is gone."""
    row = session.scalar(select(SourceRow).where(SourceRow.name == value["name"]))
    if row is None:
        raise NotFound("there is no such list any more")
    use = parse_use(value["action"], value["allow_wide"])
    check_use(row, use)
    row.action, row.allow_wide = use.action, use.allow_wide


def _value(row: SourceRow) -> dict[str, Any]:
    return {"name": row.name, "action": row.action, "allow_wide": row.allow_wide}
