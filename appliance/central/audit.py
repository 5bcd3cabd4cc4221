"""Who did what, when: one line for everything that changes what anybody may see."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from appliance.central.models import AuditEntry


def note(session: Session, now: datetime, who: str, what: str, detail: str = "") -> None:
    """Write one line, in the transaction of what it tells of."""
    session.add(AuditEntry(at=now, who=who, what=what, detail=detail))


def latest(session: Session, limit: int = 200) -> list[AuditEntry]:
    """Return the newest lines, the newest first."""
    return list(session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc()).limit(limit)))
