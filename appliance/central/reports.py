"""Teachers' reports of sites: "this should be closed"."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from appliance import protocol
from appliance.central import audit
from appliance.central.errors import NotFound
from appliance.central.models import RoomRow, SiteReportRow
from appliance.central.site_names import checked_rule_name


def receive_report(session: Session, now: datetime, room: RoomRow, report: protocol.SiteReport) -> bool:
    """Take in a teacher's "this should be closed"; return whether it is new. Raises NotPossible."""
    if session.get(SiteReportRow, report.id):
        return False
    session.add(
        SiteReportRow(
            id=report.id, room_id=room.id, site=checked_rule_name(report.site, "block"),
            teacher=report.teacher, note=report.note, reported_at=report.reported_at, settled_by="",
        )
    )  # fmt: skip
    claim = audit.RoomClaim(room.name, report.teacher)
    audit.record_audit(session, now, claim, "report", f"{report.site} should be closed ({room.name})")
    return True


def list_open_reports(session: Session) -> list[SiteReportRow]:
    """Return the reports that nobody has settled, the oldest first."""
    return list(
        session.scalars(
            select(SiteReportRow)
            .where(SiteReportRow.settled_by == "")
            .order_by(SiteReportRow.reported_at)
            .options(joinedload(SiteReportRow.room))
        )
    )


def resolve_report(session: Session, now: datetime, *, report_id: str, by: str) -> None:
    """Put a report away. Raises NotFound."""
    report = session.get(SiteReportRow, report_id)
    if report is None:
        raise NotFound("there is no such report")
    report.settled_by = by
    audit.record_audit(session, now, by, "report settled", report.site)
