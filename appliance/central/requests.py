"""Requests and what becomes of them: asked, approved or denied, withdrawn.

A request is `waiting` until somebody decides. An approval makes an unblock that begins at once and ends by
itself (`unblocks`). What arrives twice (a room sends again what it does not know to have arrived) is one request.
"""

from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, joinedload

from appliance import protocol
from appliance.central import audit, rooms, unblocks
from appliance.central.errors import NotFound, NotPossible
from appliance.central.models import ProfileRow, RequestRow, RoomRow, UnblockRow
from appliance.central.site_names import checked_site
from appliance.central.unblocks import MAX_UNBLOCK_MINUTES

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
            site=checked_site(message.site),
            also=[checked_site(name) for name in message.also],
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
    rooms.mark_requests_changed(session, room.id)
    claim = audit.RoomClaim(room.name, message.teacher)
    detail = f"{message.site} for {message.minutes} minutes in {room.name}"
    audit.record_audit(session, now, claim, "request", detail)
    return True


def withdraw_request(session: Session, now: datetime, room: RoomRow, request_id: str) -> None:
    """Take a waiting request back, or end what it opened. One that is unknown or over is left as it is.

    The room does not say who does it: it need not be whoever asked.
    """
    request = session.get(RequestRow, request_id)
    if request is None or request.room_id != room.id:
        return
    if request.unblock is not None:
        unblocks.end_unblock(session, now, unblock_id=request.unblock.id, by=audit.RoomClaim(room.name))
    elif request.state == "waiting":
        request.state = "withdrawn"
        rooms.mark_requests_changed(session, room.id)
        claim = audit.RoomClaim(room.name)
        audit.record_audit(session, now, claim, "request withdrawn", f"{request.site} in {room.name}")


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
        site=checked_site(request.site),  # again: it may have waited since before such names were refused
        also=[checked_site(name) for name in request.also],
        groups=list(groups),
        since=now,
        until=now + timedelta(minutes=minutes),
        by=by,
    )
    session.add(unblock)
    request.state, request.decided_by, request.decided_at, request.answer = "approved", by, now, answer
    rooms.mark_requests_changed(session, request.room_id)
    where = request.room.name if scope == "room" else "the whole school"
    whom = f" for {', '.join(groups)}" if groups else ""
    audit.record_audit(session, now, by, "approved", f"{request.site}{whom} for {minutes} minutes in {where}")
    return unblock


def deny_request(session: Session, now: datetime, *, request_id: str, by: str, answer: str) -> None:
    """Leave the site closed, with words for the teacher. Raises NotFound or NotPossible."""
    request = _get_waiting_request(session, request_id)
    request.state, request.decided_by, request.decided_at, request.answer = "denied", by, now, answer
    rooms.mark_requests_changed(session, request.room_id)
    audit.record_audit(session, now, by, "denied", f"{request.site} in {request.room.name}: {answer}")


def find_request(session: Session, request_id: str) -> RequestRow | None:
    """Return a request, or None."""
    return session.get(RequestRow, request_id)


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


def _get_waiting_request(session: Session, request_id: str) -> RequestRow:
    request = session.get(RequestRow, request_id)
    if request is None:
        raise NotFound("there is no such request")
    if request.state != "waiting":
        raise NotPossible(f"this request is {request.state} already")
    return request


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
