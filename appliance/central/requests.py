"""Requests and what becomes of them: asked, approved or denied, withdrawn, ended.

A request is `waiting` until somebody decides. An approval makes an unblock that begins at once and ends by
itself; `end_unblock` ends it early. What arrives twice (a room sends again what it does not know to have
arrived) is one request.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session, joinedload

from appliance import protocol
from appliance.central import audit
from appliance.central.errors import NotFound, NotPossible
from appliance.central.models import (
    IncidentRow,
    ProfileRow,
    RequestRow,
    RoomActionRow,
    RoomRow,
    SiteReportRow,
    UnblockRow,
)
from dns.errors import InvalidName
from dns.policy.site_names import check_opening, check_rule

MAX_UNBLOCK_MINUTES = 7 * 24 * 60
STATE_HOURS = 24  # how long a room is told of a decided request

Scope = Literal["room", "school"]


def submit_request(session: Session, now: datetime, room: RoomRow, message: protocol.UnblockRequest) -> bool:
    """Take a request in; return whether it is new. Raises NotPossible for what is not a site."""
    if session.get(RequestRow, message.id):
        return False
    session.add(
        RequestRow(
            id=message.id,
            room_id=room.id,
            site=_checked_site(message.site),
            also=[_checked_site(name) for name in message.also],
            reason=message.reason,
            lesson=message.lesson,
            minutes=message.minutes,
            teacher=message.teacher,
            asked_at=message.asked_at,
            state="waiting",
            answer="",
            decided_by="",
        )
    )
    _mark_requests_changed(session, room.id)
    audit.record_audit(
        session, now, message.teacher, "request", f"{message.site} for {message.minutes} minutes in {room.name}"
    )
    return True


def withdraw_request(session: Session, now: datetime, room: RoomRow, request_id: str) -> None:
    """Take a waiting request back, or end what it opened. One that is unknown or over is left as it is."""
    request = session.get(RequestRow, request_id)
    if request is None or request.room_id != room.id:
        return
    if request.unblock is not None:
        end_unblock(session, now, unblock_id=request.unblock.id, by=request.teacher)
    elif request.state == "waiting":
        request.state = "withdrawn"
        _mark_requests_changed(session, room.id)
        audit.record_audit(session, now, request.teacher, "request withdrawn", f"{request.site} in {room.name}")


def approve_request(
    session: Session,
    now: datetime,
    *,
    request_id: str,
    by: str,
    minutes: int | None = None,
    scope: Scope = "room",
    groups: tuple[str, ...] = (),
    answer: str = "",
) -> UnblockRow:
    """Open the site that a waiting request names, from now on. Raises NotFound or NotPossible.

    `groups` says for whom; left out, it is open to every group of the room, or of the school.
    """
    request = _get_waiting_request(session, request_id)
    minutes = request.minutes if minutes is None else minutes
    unknown = [group for group in groups if session.get(ProfileRow, group) is None]
    if unknown:
        raise NotFound(f"there is no group {unknown[0]!r}")
    if not 1 <= minutes <= MAX_UNBLOCK_MINUTES:
        raise NotPossible(f"an opening lasts from one minute to {MAX_UNBLOCK_MINUTES // 1440} days")
    unblock = UnblockRow(
        request_id=request.id,
        room_id=request.room_id if scope == "room" else None,
        site=_checked_site(request.site),  # again: it may have waited since before such names were refused
        also=[_checked_site(name) for name in request.also],
        groups=list(groups),
        since=now,
        until=now + timedelta(minutes=minutes),
        by=by,
    )
    session.add(unblock)
    request.state, request.decided_by, request.decided_at, request.answer = "approved", by, now, answer
    _mark_requests_changed(session, request.room_id)
    where = request.room.name if scope == "room" else "the whole school"
    whom = f" for {', '.join(groups)}" if groups else ""
    audit.record_audit(session, now, by, "approved", f"{request.site}{whom} for {minutes} minutes in {where}")
    return unblock


def deny_request(session: Session, now: datetime, *, request_id: str, by: str, answer: str) -> None:
    """Leave the site closed, with words for the teacher. Raises NotFound or NotPossible."""
    request = _get_waiting_request(session, request_id)
    request.state, request.decided_by, request.decided_at, request.answer = "denied", by, now, answer
    _mark_requests_changed(session, request.room_id)
    audit.record_audit(session, now, by, "denied", f"{request.site} in {request.room.name}: {answer}")


def end_unblock(session: Session, now: datetime, *, unblock_id: int, by: str) -> None:
    """Close early what was opened. Raises NotFound; one that is over already is left as it is."""
    unblock = session.get(UnblockRow, unblock_id)
    if unblock is None:
        raise NotFound("there is no such opening")
    if unblock.ended_at is not None or unblock.until <= now:
        return
    unblock.ended_at = now
    _end_request(session, unblock)
    audit.record_audit(session, now, by, "ended", unblock.site)


def expire_unblocks(session: Session, now: datetime) -> bool:
    """Move requests whose time is over to `ended`; return whether there were any."""
    expired = session.scalars(
        select(UnblockRow).join(RequestRow).where(RequestRow.state == "approved", UnblockRow.until <= now)
    ).all()
    for unblock in expired:
        _end_request(session, unblock)
    return bool(expired)


def list_waiting_requests(session: Session) -> list[RequestRow]:
    """Return the requests that wait for a decision, the oldest first."""
    return list(
        session.scalars(
            select(RequestRow)
            .where(RequestRow.state == "waiting")
            .order_by(RequestRow.asked_at)
            .options(joinedload(RequestRow.room))
        )
    )


def list_decided_requests(session: Session, limit: int = 50) -> list[RequestRow]:
    """Return the requests that were decided last, the newest first."""
    return list(
        session.scalars(
            select(RequestRow)
            .where(RequestRow.state != "waiting")
            .order_by(RequestRow.decided_at.desc())
            .options(joinedload(RequestRow.room))
            .limit(limit)
        )
    )


def list_active_unblocks(session: Session, now: datetime, room: RoomRow | None = None) -> list[UnblockRow]:
    """Return what is open now, in all rooms or in one (the whole school's included), the first to end first."""
    where: ColumnElement[bool] = and_(UnblockRow.until > now, UnblockRow.ended_at.is_(None))
    if room is not None:
        where = and_(where, or_(UnblockRow.room_id.is_(None), UnblockRow.room_id == room.id))
    return list(
        session.scalars(
            select(UnblockRow).where(where).order_by(UnblockRow.until).options(joinedload(UnblockRow.room))
        )
    )


def list_request_states(session: Session, now: datetime, room: RoomRow) -> list[protocol.RequestState]:
    """Return a room's requests of the last day, and what became of them."""
    since = now - timedelta(hours=STATE_HOURS)
    found = session.scalars(
        select(RequestRow)
        .where(RequestRow.room_id == room.id, or_(RequestRow.asked_at >= since, RequestRow.state == "waiting"))
        .order_by(RequestRow.asked_at)
        .options(joinedload(RequestRow.unblock))
    )
    return [_request_state(request) for request in found]


def receive_report(session: Session, now: datetime, room: RoomRow, report: protocol.SiteReport) -> bool:
    """Take in a teacher's "this should be closed"; return whether it is new. Raises NotPossible."""
    if session.get(SiteReportRow, report.id):
        return False
    session.add(
        SiteReportRow(
            id=report.id, room_id=room.id, site=_checked_site(report.site, _check_block_rule),
            teacher=report.teacher, note=report.note, reported_at=report.reported_at, settled_by="",
        )
    )  # fmt: skip
    audit.record_audit(session, now, report.teacher, "report", f"{report.site} should be closed ({room.name})")
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


def settle_report(session: Session, now: datetime, *, report_id: str, by: str) -> None:
    """Put a report away. Raises NotFound."""
    report = session.get(SiteReportRow, report_id)
    if report is None:
        raise NotFound("there is no such report")
    report.settled_by = by
    audit.record_audit(session, now, by, "report settled", report.site)


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


def receive_room_action(session: Session, now: datetime, room: RoomRow, action: protocol.RoomAction) -> bool:
    """Write into the audit what was decided in a room; return whether it is new."""
    if session.get(RoomActionRow, action.id):
        return False
    session.add(RoomActionRow(id=action.id, room_id=room.id, happened_at=action.happened_at))
    happened = action.happened_at.astimezone().strftime("%H:%M")
    audit.record_audit(session, now, action.who, action.what, f"{action.detail} ({room.name}, at {happened})")
    return True


def _checked_site(written: str, check: Callable[[str], str] = check_opening) -> str:
    try:
        return check(written)
    except InvalidName as problem:
        raise NotPossible(str(problem)) from None


def _check_block_rule(written: str) -> str:
    return check_rule(written, "block")


def _get_waiting_request(session: Session, request_id: str) -> RequestRow:
    request = session.get(RequestRow, request_id)
    if request is None:
        raise NotFound("there is no such request")
    if request.state != "waiting":
        raise NotPossible(f"this request is {request.state} already")
    return request


def _end_request(session: Session, unblock: UnblockRow) -> None:
    if unblock.request is not None:
        unblock.request.state = "ended"
        _mark_requests_changed(session, unblock.request.room_id)


def _mark_requests_changed(session: Session, room_id: int) -> None:
    room = session.get_one(RoomRow, room_id)
    room.requests_changed += 1


def _request_state(request: RequestRow) -> protocol.RequestState:
    message = protocol.UnblockRequest(
        id=request.id, site=request.site, reason=request.reason, minutes=request.minutes, teacher=request.teacher,
        asked_at=request.asked_at, lesson=request.lesson, also=tuple(request.also),
    )  # fmt: skip
    unblock = request.unblock
    return protocol.RequestState(
        request=message,
        state=request.state,  # type: ignore[arg-type]  # the table holds these states only
        decided_by=request.decided_by,
        answer=request.answer,
        until=None if unblock is None else (unblock.ended_at or unblock.until),
    )
