"""The lists that the school subscribes to. A source is a URL, or a file that was handed in and is kept here."""

import re
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

import blocklists.sources
from appliance.central import audit
from appliance.central.errors import NotFound, NotPossible
from appliance.central.models import SourceRow
from appliance.central.setting_history import record_change

KIND = "list"  # of `appliance.central.undo`

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


def subscribe_source(
    session: Session, now: datetime, *, name: str, category: str, location: str, by: str, format: str = "auto",  # noqa: A002 (the word of the settings)
    match: str = "", action: str = "block", allow_wide: bool | None = None,
) -> SourceRow:  # fmt: skip
    """Add a source. It is in force once it was compiled. Raises NotPossible with every mistake.

    `action`: "block", or "allow" for a list of openings; `allow_wide`: whether it may close whole endings; None:
    as the catalogue says.
    """
    name = name.strip().lower()
    if not _NAME.fullmatch(name):
        raise NotPossible(f"{name!r} is no name for a source: small letters, digits and hyphens")
    if session.scalar(select(SourceRow).where(SourceRow.name == name)):
        raise NotPossible(f"there is a source {name!r} already")
    problems = blocklists.sources.check_source(
        blocklists.sources.Source(name=name, category=category, location=location, format=format, match=match,
                                  action=action)
    )  # fmt: skip
    if problems:
        raise NotPossible("; ".join(problems))
    source = SourceRow(
        name=name,
        category=category,
        location=location,
        format=format,
        match=match,
        action=action,
        allow_wide=allow_wide,
        by=by,
        made_at=now,
        report=None,
    )
    session.add(source)
    opens = " opens," if action == "allow" else ""
    wide = " may close whole endings," if allow_wide else ""
    origin = location if location.startswith("https://") else "a file that was handed in"
    audit.record_audit(session, now, by, "source added", f"{name} ({category}){opens}{wide} {origin}")
    return source


def unsubscribe_source(session: Session, now: datetime, *, source_id: int, by: str) -> str:
    """Take a source away; return the change's id, for an undo. Raises NotFound."""
    source = get_source(session, source_id)
    if source.by_trust:
        raise NotPossible(f"{source.name} is a list of the trust's: nobody at the school can take it away")
    before = to_builtins(source)
    session.delete(source)
    audit.record_audit(session, now, by, "source removed", source.name)
    return record_change(session, now, kind=KIND, before=before, after={}, by=by)


def read_value(session: Session, value: dict[str, Any]) -> dict[str, Any]:
    """Return how the source of a kept value reads now; empty where there is none."""
    row = session.scalar(select(SourceRow).where(SourceRow.name == value["name"]))
    return {} if row is None else to_builtins(row)


def restore_value(session: Session, current: dict[str, Any], before: dict[str, Any]) -> None:
    """Subscribe again to a source that was removed, take it away, or give it back its file."""
    fields = before | {"made_at": datetime.fromisoformat(before["made_at"])} if before else {}
    if before and not current:
        session.add(SourceRow(**fields, report=None))
        return
    for row in session.scalars(select(SourceRow).where(SourceRow.name == current["name"])):
        if not before:
            session.delete(row)
        for name, value in fields.items():
            setattr(row, name, value)


def to_builtins(row: SourceRow) -> dict[str, Any]:
    """Return what somebody said of a source, as it is kept for an undo."""
    fields = ("name", "category", "location", "format", "match", "action", "allow_wide", "by")
    return {name: getattr(row, name) for name in fields} | {"made_at": row.made_at.isoformat()}


def list_sources(session: Session) -> list[SourceRow]:
    """Return all sources by name."""
    return list(session.scalars(select(SourceRow).order_by(SourceRow.name)))


def find_source(session: Session, name: str) -> SourceRow:
    """Return the source of a name. Raises NotFound."""
    source = session.scalar(select(SourceRow).where(SourceRow.name == name))
    if source is None:
        raise NotFound(f"there is no list {name!r}")
    return source


def get_source(session: Session, source_id: int) -> SourceRow:
    """Return a source. Raises NotFound."""
    source = session.get(SourceRow, source_id)
    if source is None:
        raise NotFound("there is no such source")
    return source
