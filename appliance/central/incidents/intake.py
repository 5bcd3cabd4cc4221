"""Takes in what rooms notice: each incident once, into the group that it belongs to.

Incidents of one kind by one device in one room are one group until it is closed, or nothing has come for a week.
What names no device stays by itself: two children must not become one.
"""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from appliance import protocol
from appliance.central.incidents import alerts
from appliance.central.incidents.kinds import kind_of
from appliance.central.incidents.tables import IncidentGroupRow, IncidentRow
from appliance.central.models import RoomRow
from appliance.central.staff_groups import read_staff_groups

GROUPED_FOR = timedelta(days=7)


def receive_incident(
    session: Session, now: datetime, room: RoomRow, incident: protocol.Incident, pages_url: str = ""
) -> bool:
    """Take in an incident, tell people of an urgent one; return whether it is new."""
    if session.get(IncidentRow, incident.id):
        return False
    is_staff = incident.group in read_staff_groups(session)
    group = _find_group(session, room, incident, is_staff=is_staff)
    if group is None:
        group = IncidentGroupRow(
            id=incident.id, room_id=room.id, kind=incident.kind, device=incident.device, is_staff=is_staff,
            first_at=incident.happened_at, last_at=incident.happened_at, count=0, unseen=0, state="new",
            due_at=now + kind_of(incident.kind).due,
        )  # fmt: skip
        session.add(group)
        session.flush()  # before what refers to it
    session.add(
        IncidentRow(
            id=incident.id, room_id=room.id, group_id=group.id, kind=incident.kind,
            happened_at=incident.happened_at, device=incident.device, device_group=incident.group,
            evidence=list(incident.evidence),
        )
    )  # fmt: skip
    group.count += 1
    group.unseen += 1
    group.first_at = min(group.first_at, incident.happened_at)
    group.last_at = max(group.last_at, incident.happened_at)
    if kind_of(incident.kind).is_urgent:
        alerts.alert_people(session, now, group, pages_url)
    return True


def _find_group(
    session: Session, room: RoomRow, incident: protocol.Incident, *, is_staff: bool
) -> IncidentGroupRow | None:
    if not incident.device:
        return None
    found = session.scalars(
        select(IncidentGroupRow)
        .where(
            IncidentGroupRow.room_id == room.id,
            IncidentGroupRow.device == incident.device,
            IncidentGroupRow.kind == incident.kind,
            IncidentGroupRow.is_staff == is_staff,
            IncidentGroupRow.state != "closed",
        )
        .order_by(IncidentGroupRow.last_at.desc())
        .limit(1)
    ).one_or_none()
    if found is None or abs(incident.happened_at - found.last_at) > GROUPED_FOR:
        return None
    return found
