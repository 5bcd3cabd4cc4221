"""Teachers' reports of sites ("this should be closed"), and their way: closed by a rule, passed on, put away.

A report can be passed on to the internet provider or an authority, with a prepared text or a table for them; who
did so, to whom, and what they answered stands beside it. It waits until somebody puts it away.
"""

from collections.abc import Iterable
from datetime import datetime, tzinfo
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from appliance import protocol
from appliance.central import audit, rooms, rules
from appliance.central.errors import NotFound, NotPossible
from appliance.central.models import RoomRow, RuleRow, SiteReportRow
from appliance.central.site_names import checked_rule_name
from appliance.control_characters import is_blank
from appliance.spreadsheets import render_rows

ReportState = Literal["open", "passed on", "answered", "put away"]
MAX_RECIPIENT_LENGTH = 200
RULE_NOTE = "reported by a teacher"
COLUMNS = ("address", "date", "time", "time zone", "school", "note", "state", "passed on to", "answer")


def receive_report(session: Session, now: datetime, room: RoomRow, report: protocol.SiteReport) -> bool:
    """Take in a teacher's "this should be closed"; return whether it is new. Raises NotPossible."""
    if rooms.is_sent_again(room, session.get(SiteReportRow, report.id)):
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


def list_reports(session: Session, limit: int = 500) -> list[SiteReportRow]:
    """Return the newest reports, settled or not, the newest first."""
    newest = select(SiteReportRow).order_by(SiteReportRow.reported_at.desc(), SiteReportRow.id).limit(limit)
    return list(session.scalars(newest.options(joinedload(SiteReportRow.room))))


def get_report(session: Session, report_id: str) -> SiteReportRow:
    """Return a report. Raises NotFound."""
    report = session.get(SiteReportRow, report_id)
    if report is None:
        raise NotFound("there is no such report")
    return report


def state_of(report: SiteReportRow) -> ReportState:
    """Return how far a report is on its way."""
    if report.settled_by:
        return "put away"
    if report.answered_at is not None:
        return "answered"
    return "passed on" if report.passed_at is not None else "open"


def resolve_report(
    session: Session, now: datetime, *, report_id: str, by: str, close_site: str = ""
) -> SiteReportRow:
    """Put a report away, after closing a site with a rule, where one is named.

    Raises NotFound, or NotPossible, also for what is no site.
    """
    report = _get_unsettled(session, report_id)
    if close_site:
        rule = _find_block_rule(session, checked_rule_name(close_site, "block"))
        if rule is None:
            rule = rules.add_rule(session, now, name=close_site, action="block", by=by, note=RULE_NOTE)
            report.closed_by_rule = rule.id
        elif _closes_for_reports(session, rule.id):
            report.closed_by_rule = rule.id
    report.settled_by, report.settled_at = by, now
    audit.record_audit(session, now, by, "report settled", report.site)
    return report


def reopen_report(session: Session, now: datetime, *, report_id: str, by: str) -> None:
    """Take back that a report was put away, and the rule that was made of it. Raises NotFound or NotPossible.

    A rule that closes the site for another report too stays.
    """
    report = get_report(session, report_id)
    if not report.settled_by:
        raise NotPossible("this report waits already")
    rule_id = report.closed_by_rule
    report.settled_by, report.settled_at, report.closed_by_rule = "", None, None
    session.flush()
    rule = session.get(RuleRow, rule_id) if rule_id is not None else None
    # Its number may be another rule's by now.
    if rule is not None and _is_of(rule, report) and not _closes_for_reports(session, rule.id):
        rules.remove_rule(session, now, rule_id=rule.id, by=by)
    audit.record_audit(session, now, by, "report waits again", report.site)


def pass_report_on(session: Session, now: datetime, *, report_id: str, by: str, to: str) -> None:
    """Note that a report was passed on to somebody outside the school. Raises NotFound or NotPossible."""
    report = _get_unsettled(session, report_id)
    recipient = " ".join(to.split())
    if is_blank(recipient) or len(recipient) > MAX_RECIPIENT_LENGTH:
        raise NotPossible(f"to whom? A name of at most {MAX_RECIPIENT_LENGTH} characters")
    report.passed_to, report.passed_by, report.passed_at = recipient, by, now
    report.outside_answer, report.answered_by, report.answered_at = "", "", None
    audit.record_audit(session, now, by, "report passed on", f"{report.site} to {recipient}")


def record_outside_answer(session: Session, now: datetime, *, report_id: str, by: str, answer: str) -> None:
    """Keep what the provider or authority answered. Raises NotFound or NotPossible."""
    report = _get_unsettled(session, report_id)
    if report.passed_at is None:
        raise NotPossible("this report was not passed on to anybody yet")
    if is_blank(answer):
        raise NotPossible("what did they answer?")
    report.outside_answer, report.answered_by, report.answered_at = answer.strip(), by, now
    audit.record_audit(session, now, by, "report answered", f"{report.site}: {report.passed_to} answered")


def write_report_text(report: SiteReportRow, *, school: str, zone: tzinfo) -> str:
    """Return a text for the provider or an authority. It names no person, no room and no device."""
    at = report.reported_at.astimezone(zone)
    note = f"What was noted: {report.note}\n" if report.note else ""
    return (
        f"{school} reports an internet address that could be reached and should, in our view, be looked at.\n\n"
        f"Address: {report.site}\n"
        f"Date: {at:%d %B %Y}\n"
        f"Time: {at:%H:%M} ({at:%Z})\n"
        f"{note}"
        f"Our reference: {report.id[:8]}\n\n"
        "Please tell us what you have decided.\n"
    )


def render_reports_csv(reports: Iterable[SiteReportRow], *, school: str, zone: tzinfo) -> str:
    """Return reports as CSV, which no spreadsheet takes for formulas. Nobody and no room is named."""
    return render_rows(
        COLUMNS, (_cells(report, school, report.reported_at.astimezone(zone)) for report in reports)
    )


def _cells(report: SiteReportRow, school: str, at: datetime) -> tuple[str, ...]:
    return (
        report.site, f"{at:%Y-%m-%d}", f"{at:%H:%M}", f"{at:%Z}", school, report.note,
        state_of(report), report.passed_to, report.outside_answer,
    )  # fmt: skip


def _get_unsettled(session: Session, report_id: str) -> SiteReportRow:
    report = get_report(session, report_id)
    if report.settled_by:
        raise NotPossible(f"this report was put away already by {report.settled_by}")
    return report


def _find_block_rule(session: Session, name: str) -> RuleRow | None:
    """Return the rule that closes a name, and those below it, to everybody; None: there is none."""
    found = select(RuleRow).where(RuleRow.name == name, RuleRow.action == "block", RuleRow.subdomains)
    return next((rule for rule in session.scalars(found) if not rule.groups), None)


def _is_of(rule: RuleRow, report: SiteReportRow) -> bool:
    return (rule.name, rule.action, rule.note) == (report.site, "block", RULE_NOTE)


def _closes_for_reports(session: Session, rule_id: int) -> bool:
    """Tell whether a rule was made of a report that is put away."""
    return (
        session.scalar(select(SiteReportRow.id).where(SiteReportRow.closed_by_rule == rule_id).limit(1))
        is not None
    )
