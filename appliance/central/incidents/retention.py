"""Deletes incidents whose time has come: those that were closed long ago, and are not held."""

from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from appliance.central import audit
from appliance.central.incidents.tables import IncidentGroupRow, IncidentNoteRow, IncidentRow

_AT_ONCE = 500


def prune_incidents(session: Session, now: datetime, days: int) -> int:
    """Delete what was closed more than so many days ago; return how many groups. An open one stays for ever."""
    old = (
        select(IncidentGroupRow.id)
        .where(
            IncidentGroupRow.state == "closed",
            IncidentGroupRow.closed_at < now - timedelta(days=days),
            IncidentGroupRow.held_at.is_(None),
        )
        .limit(_AT_ONCE)
    )
    count = 0
    while ids := session.scalars(old).all():
        for table in (IncidentNoteRow, IncidentRow):
            session.execute(delete(table).where(table.group_id.in_(ids)))
        session.execute(delete(IncidentGroupRow).where(IncidentGroupRow.id.in_(ids)))
        count += len(ids)
    if count:
        audit.record_audit(session, now, "Hallpass", "incidents deleted", f"{count}, closed for {days} days")
    return count
