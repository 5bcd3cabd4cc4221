"""Takes in what rooms notice: each incident once, into the group that it belongs to.

Incidents of one kind by one device in one room are one group until it is closed, or nothing has come for a week.
What names no device stays by itself: two children must not become one.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from appliance import protocol
from appliance.central import rooms, webhooks
from appliance.central.incidents import alerts
from appliance.central.incidents.kinds import kind_of
from appliance.central.incidents.tables import IncidentGroupRow, IncidentRow
from appliance.central.models import RoomRow
from appliance.central.staff_groups import read_staff_groups

GROUPED_FOR = timedelta(days=7)


def receive_incident(
    session: Session, now: datetime, room: RoomRow, incident: protocol.Incident, pages_url: str = ""
) -> bool:
    """Take in an incident, tell people of an urgent one; return whether it is new. Raises NotPossible."""
    if rooms.is_sent_again(room, session.get(IncidentRow, incident.id)):
        return False
    add_incident(
        session, now, room, incident_id=incident.id, kind=incident.kind, happened_at=incident.happened_at,
        device=incident.device, group=incident.group, evidence=incident.evidence, pages_url=pages_url,
    )  # fmt: skip
    return True


def add_incident(
    session: Session, now: datetime, room: RoomRow, *, incident_id: str, kind: str, happened_at: datetime,
    device: str, group: str, evidence: Sequence[str], pages_url: str = "",
) -> None:  # fmt: skip
    """Put something that was noticed into the group that it belongs to; `group`: of the device ("": unknown)."""
    is_staff = group in read_staff_groups(session)
    found = _find_group(session, room, kind, device, happened_at, is_staff=is_staff)
    if found is None:
        found = IncidentGroupRow(
            id=incident_id, room_id=room.id, kind=kind, device=device, is_staff=is_staff,
            first_at=happened_at, last_at=happened_at, count=0, unseen=0, state="new",
            due_at=now + kind_of(kind).due,
        )  # fmt: skip
        session.add(found)
        session.flush()  # before what refers to it
    session.add(
        IncidentRow(
            id=incident_id, room_id=room.id, group_id=found.id, kind=kind, happened_at=happened_at,
            device=device, device_group=group, evidence=list(evidence),
        )
    )  # fmt: skip
    found.count += 1
    found.unseen += 1
    found.first_at = min(found.first_at, happened_at)
    found.last_at = max(found.last_at, happened_at)
    if kind_of(kind).is_urgent:
        alerts.alert_people(session, now, found, pages_url)
        webhooks.enqueue_event(session, now, "incident.urgent")


def _find_group(
    session: Session, room: RoomRow, kind: str, device: str, happened_at: datetime, *, is_staff: bool
) -> IncidentGroupRow | None:
    if not device:
        return None
    found = session.scalars(
        select(IncidentGroupRow)
        .where(
            IncidentGroupRow.room_id == room.id,
            IncidentGroupRow.device == device,
            IncidentGroupRow.kind == kind,
            IncidentGroupRow.is_staff == is_staff,
            IncidentGroupRow.state != "closed",
        )
        .order_by(IncidentGroupRow.last_at.desc())
        .limit(1)
    ).one_or_none()
    if found is None or abs(happened_at - found.last_at) > GROUPED_FOR:
        return None
    return found
