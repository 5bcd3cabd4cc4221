"""Who did what, when: one line for everything that changes what anybody may see."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from appliance.central.models import AuditRow


def record_audit(session: Session, now: datetime, who: str, what: str, detail: str = "") -> None:
    """Write one line, in the transaction of what it tells of."""
    session.add(AuditRow(at=now, who=who, what=what, detail=detail))


def list_audit_entries(session: Session, limit: int = 200) -> list[AuditRow]:
    """Return the newest lines, the newest first."""
    return list(session.scalars(select(AuditRow).order_by(AuditRow.id.desc()).limit(limit)))
