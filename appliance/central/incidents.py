"""Incidents: what the safeguarding lead should look at, until somebody has."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from appliance import protocol
from appliance.central import audit
from appliance.central.errors import NotFound
from appliance.central.models import IncidentRow, RoomRow


def receive_incident(session: Session, room: RoomRow, incident: protocol.Incident) -> bool:
    """Take in an incident; return whether it is new."""
    if session.get(IncidentRow, incident.id):
        return False
    session.add(
        IncidentRow(
            id=incident.id, room_id=room.id, kind=incident.kind, happened_at=incident.happened_at,
            device=incident.device, evidence=list(incident.evidence), acknowledged_by="",
        )
    )  # fmt: skip
    return True


def list_open_incidents(session: Session) -> list[IncidentRow]:
    """Return the incidents that nobody has acknowledged, the newest first."""
    return list(
        session.scalars(
            select(IncidentRow)
            .where(IncidentRow.acknowledged_by == "")
            .order_by(IncidentRow.happened_at.desc())
            .options(joinedload(IncidentRow.room))
        )
    )


def acknowledge_incident(session: Session, now: datetime, *, incident_id: str, by: str) -> None:
    """Say that somebody has looked at an incident. Raises NotFound."""
    incident = session.get(IncidentRow, incident_id)
    if incident is None:
        raise NotFound("there is no such incident")
    incident.acknowledged_by = by
    audit.record_audit(session, now, by, "incident acknowledged", f"{incident.kind} in {incident.room.name}")
