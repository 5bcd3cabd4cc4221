"""Requests and what becomes of them: asked, approved or denied, withdrawn, ended.

A request is `waiting` until somebody decides. An approval makes an unblock that begins at once and ends by
itself; `end` closes it early. What arrives twice (a room sends again what it does not know to have
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
from appliance.central.models import Incident, Profile, Request, Room, RoomAction, SiteReport, Unblock
from dns.errors import InvalidName
from dns.policy.site_names import check_opening, check_rule

LONGEST_MINUTES = 7 * 24 * 60
SHOWN_HOURS = 24  # how long a room is told of a decided request

Scope = Literal["room", "school"]


def submit(session: Session, now: datetime, room: Room, asked: protocol.UnblockRequest) -> bool:
    """Take a request in; return whether it is new. Raises NotPossible for what is not a site."""
    if session.get(Request, asked.id):
        return False
    session.add(
        Request(
            id=asked.id,
            room_id=room.id,
            site=_name(asked.site),
            also=[_name(name) for name in asked.also],
            reason=asked.reason,
            lesson=asked.lesson,
            minutes=asked.minutes,
            teacher=asked.teacher,
            asked_at=asked.asked_at,
            state="waiting",
            answer="",
            decided_by="",
        )
    )
    _changed(session, room.id)
    audit.note(session, now, asked.teacher, "request", f"{asked.site} for {asked.minutes} minutes in {room.name}")
    return True


def withdraw(session: Session, now: datetime, room: Room, request_id: str) -> None:
    """Take a waiting request back, or end what it opened. One that is unknown or over is left as it is."""
    request = session.get(Request, request_id)
    if request is None or request.room_id != room.id:
        return
    if request.unblock is not None:
        end(session, now, unblock_id=request.unblock.id, by=request.teacher)
    elif request.state == "waiting":
        request.state = "withdrawn"
        _changed(session, room.id)
        audit.note(session, now, request.teacher, "request withdrawn", f"{request.site} in {room.name}")


def approve(
    session: Session,
    now: datetime,
    *,
    request_id: str,
    by: str,
    minutes: int | None = None,
    scope: Scope = "room",
    groups: tuple[str, ...] = (),
    answer: str = "",
) -> Unblock:
    """Open the site that a waiting request names, from now on. Raises NotFound or NotPossible.

    `groups` says for whom; left out, it is open to every group of the room, or of the school.
    """
    request = _waiting(session, request_id)
    minutes = request.minutes if minutes is None else minutes
    unknown = [group for group in groups if session.get(Profile, group) is None]
    if unknown:
        raise NotFound(f"there is no group {unknown[0]!r}")
    if not 1 <= minutes <= LONGEST_MINUTES:
        raise NotPossible(f"an opening lasts from one minute to {LONGEST_MINUTES // 1440} days")
    unblock = Unblock(
        request_id=request.id,
        room_id=request.room_id if scope == "room" else None,
        site=_name(request.site),  # again: it may have waited since before such names were refused
        also=[_name(name) for name in request.also],
        groups=list(groups),
        since=now,
        until=now + timedelta(minutes=minutes),
        by=by,
    )
    session.add(unblock)
    request.state, request.decided_by, request.decided_at, request.answer = "approved", by, now, answer
    _changed(session, request.room_id)
    where = request.room.name if scope == "room" else "the whole school"
    whom = f" for {', '.join(groups)}" if groups else ""
    audit.note(session, now, by, "approved", f"{request.site}{whom} for {minutes} minutes in {where}")
    return unblock


def deny(session: Session, now: datetime, *, request_id: str, by: str, answer: str) -> None:
    """Leave the site closed, with words for the teacher. Raises NotFound or NotPossible."""
    request = _waiting(session, request_id)
    request.state, request.decided_by, request.decided_at, request.answer = "denied", by, now, answer
    _changed(session, request.room_id)
    audit.note(session, now, by, "denied", f"{request.site} in {request.room.name}: {answer}")


def end(session: Session, now: datetime, *, unblock_id: int, by: str) -> None:
    """Close early what was opened. Raises NotFound; one that is over already is left as it is."""
    unblock = session.get(Unblock, unblock_id)
    if unblock is None:
        raise NotFound("there is no such opening")
    if unblock.ended_at is not None or unblock.until <= now:
        return
    unblock.ended_at = now
    _end_request(session, unblock)
    audit.note(session, now, by, "ended", unblock.site)


def end_what_is_over(session: Session, now: datetime) -> bool:
    """Move requests whose time is over to `ended`; return whether there were any."""
    over = session.scalars(
        select(Unblock).join(Request).where(Request.state == "approved", Unblock.until <= now)
    ).all()
    for unblock in over:
        _end_request(session, unblock)
    return bool(over)


def waiting(session: Session) -> list[Request]:
    """Return the requests that wait for a decision, the oldest first."""
    return list(
        session.scalars(
            select(Request)
            .where(Request.state == "waiting")
            .order_by(Request.asked_at)
            .options(joinedload(Request.room))
        )
    )


def decided(session: Session, limit: int = 50) -> list[Request]:
    """Return the requests that were decided last, the newest first."""
    return list(
        session.scalars(
            select(Request)
            .where(Request.state != "waiting")
            .order_by(Request.decided_at.desc())
            .options(joinedload(Request.room))
            .limit(limit)
        )
    )


def open_now(session: Session, now: datetime, room: Room | None = None) -> list[Unblock]:
    """Return what is open now, in all rooms or in one (the whole school's included), the first to end first."""
    where: ColumnElement[bool] = and_(Unblock.until > now, Unblock.ended_at.is_(None))
    if room is not None:
        where = and_(where, or_(Unblock.room_id.is_(None), Unblock.room_id == room.id))
    return list(
        session.scalars(select(Unblock).where(where).order_by(Unblock.until).options(joinedload(Unblock.room)))
    )


def states(session: Session, now: datetime, room: Room) -> list[protocol.RequestState]:
    """Return a room's requests of the last day, and what became of them."""
    since = now - timedelta(hours=SHOWN_HOURS)
    found = session.scalars(
        select(Request)
        .where(Request.room_id == room.id, or_(Request.asked_at >= since, Request.state == "waiting"))
        .order_by(Request.asked_at)
        .options(joinedload(Request.unblock))
    )
    return [_state(request) for request in found]


def take_report(session: Session, now: datetime, room: Room, report: protocol.SiteReport) -> bool:
    """Take in a teacher's "this should be closed"; return whether it is new. Raises NotPossible."""
    if session.get(SiteReport, report.id):
        return False
    session.add(
        SiteReport(
            id=report.id, room_id=room.id, site=_name(report.site, _closable), teacher=report.teacher,
            note=report.note, reported_at=report.reported_at, settled_by="",
        )
    )  # fmt: skip
    audit.note(session, now, report.teacher, "report", f"{report.site} should be closed ({room.name})")
    return True


def open_reports(session: Session) -> list[SiteReport]:
    """Return the reports that nobody has settled, the oldest first."""
    return list(
        session.scalars(
            select(SiteReport)
            .where(SiteReport.settled_by == "")
            .order_by(SiteReport.reported_at)
            .options(joinedload(SiteReport.room))
        )
    )


def settle_report(session: Session, now: datetime, *, report_id: str, by: str) -> None:
    """Put a report away. Raises NotFound."""
    report = session.get(SiteReport, report_id)
    if report is None:
        raise NotFound("there is no such report")
    report.settled_by = by
    audit.note(session, now, by, "report settled", report.site)


def take_incident(session: Session, room: Room, incident: protocol.Incident) -> bool:
    """Take in an incident; return whether it is new."""
    if session.get(Incident, incident.id):
        return False
    session.add(
        Incident(
            id=incident.id, room_id=room.id, kind=incident.kind, happened_at=incident.happened_at,
            device=incident.device, evidence=list(incident.evidence), acknowledged_by="",
        )
    )  # fmt: skip
    return True


def open_incidents(session: Session) -> list[Incident]:
    """Return the incidents that nobody has acknowledged, the newest first."""
    return list(
        session.scalars(
            select(Incident)
            .where(Incident.acknowledged_by == "")
            .order_by(Incident.happened_at.desc())
            .options(joinedload(Incident.room))
        )
    )


def acknowledge(session: Session, now: datetime, *, incident_id: str, by: str) -> None:
    """Say that somebody has looked at an incident. Raises NotFound."""
    incident = session.get(Incident, incident_id)
    if incident is None:
        raise NotFound("there is no such incident")
    incident.acknowledged_by = by
    audit.note(session, now, by, "incident acknowledged", f"{incident.kind} in {incident.room.name}")


def take_action(session: Session, now: datetime, room: Room, action: protocol.RoomAction) -> bool:
    """Write into the audit what was decided in a room; return whether it is new."""
    if session.get(RoomAction, action.id):
        return False
    session.add(RoomAction(id=action.id, room_id=room.id, happened_at=action.happened_at))
    happened = action.happened_at.astimezone().strftime("%H:%M")
    audit.note(session, now, action.who, action.what, f"{action.detail} ({room.name}, at {happened})")
    return True


def _name(written: str, check: Callable[[str], str] = check_opening) -> str:
    try:
        return check(written)
    except InvalidName as problem:
        raise NotPossible(str(problem)) from None


def _closable(written: str) -> str:
    return check_rule(written, "block")


def _waiting(session: Session, request_id: str) -> Request:
    request = session.get(Request, request_id)
    if request is None:
        raise NotFound("there is no such request")
    if request.state != "waiting":
        raise NotPossible(f"this request is {request.state} already")
    return request


def _end_request(session: Session, unblock: Unblock) -> None:
    if unblock.request is not None:
        unblock.request.state = "ended"
        _changed(session, unblock.request.room_id)


def _changed(session: Session, room_id: int) -> None:
    room = session.get_one(Room, room_id)
    room.requests_changed += 1


def _state(request: Request) -> protocol.RequestState:
    asked = protocol.UnblockRequest(
        id=request.id, site=request.site, reason=request.reason, minutes=request.minutes, teacher=request.teacher,
        asked_at=request.asked_at, lesson=request.lesson, also=tuple(request.also),
    )  # fmt: skip
    unblock = request.unblock
    return protocol.RequestState(
        request=asked,
        state=request.state,  # type: ignore[arg-type]  # the table holds these states only
        decided_by=request.decided_by,
        answer=request.answer,
        until=None if unblock is None else (unblock.ended_at or unblock.until),
    )
