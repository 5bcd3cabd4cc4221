"""Keeps what a setting was before each change, for a month (`appliance.central.undo` puts it back)."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from appliance.central.models import SettingChangeRow

KEPT_DAYS = 30
_LOOKED_AT = 100  # changes, for who made the last one


def record_change(
    session: Session, now: datetime, *, kind: str, before: dict[str, Any], after: dict[str, Any], by: str
) -> str:
    """Keep both values of a setting that is being changed, in its transaction; return the change's id.

    An empty value means that it was not there, or is gone.
    """
    session.execute(delete(SettingChangeRow).where(SettingChangeRow.at < now - timedelta(days=KEPT_DAYS)))
    row = SettingChangeRow(id=uuid4().hex, kind=kind, before=before, after=after, by=by, at=now)
    session.add(row)
    return row.id


def last_changed_by(session: Session, kind: str, **named: str) -> str:
    """Return who last changed a setting of a kind, the one with these fields; "" where nobody knows."""
    newest = select(SettingChangeRow).where(SettingChangeRow.kind == kind).order_by(SettingChangeRow.at.desc())
    for row in session.scalars(newest.limit(_LOOKED_AT)):
        if named.items() <= row.after.items():
            return row.by
    return ""
