"""Requests and what becomes of them: asked, approved or denied, withdrawn.

A request is `waiting` until somebody decides, or until its time is over (`request_expiry`). An approval makes an
unblock that begins at once, or when the lesson does, and ends by itself (`unblocks`). What arrives twice (a room
sends again what it does not know to have arrived) is one request, also where it is over by then.
"""

from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session, contains_eager, joinedload

from appliance import protocol
from appliance.central import audit, own_requests, request_expiry, rooms, unblocks, webhooks
from appliance.central.errors import NotFound, NotPossible
from appliance.central.models import RequestRow, RoomRow, UnblockRow, UserRow
from appliance.central.site_names import checked_sites
from appliance.rights import Right, Role, has_right
from appliance.rights import Scope as RightScope
from dns.policy.site_names import too_wide

MAX_WAITING_OF_ROOM = 500  # ten for each of fifty teachers
STATE_HOURS = 24  # how long a room is told of a decided request
EXPIRED_STATE_HOURS = 72  # and of one that nobody decided: over a weekend
EXPIRED_WORDS = "Nobody decided this in time. If it is still wanted, please ask again."

Scope = Literal["device", "room", "school"]


def submit_request(session: Session, now: datetime, room: RoomRow, message: protocol.UnblockRequest) -> bool:
    """Take a request in; return whether it is new. Raises NotPossible for what is no site, or another room's id.

    One whose time was over before it arrived is expired at once: its teacher is told, and can ask again.
    """
    if rooms.is_sent_again(room, session.get(RequestRow, message.id)):
        return False
    if count_waiting(session, room.id) >= MAX_WAITING_OF_ROOM:
        raise NotPossible(f"{MAX_WAITING_OF_ROOM} requests of this room wait already: nobody could decide more")
    if message.since is not None and message.since > now + timedelta(days=unblocks.MAX_AHEAD_DAYS):
        raise NotPossible(f"a lesson can be planned for at most {unblocks.MAX_AHEAD_DAYS} days ahead")
    site, *also = checked_sites((message.site, *message.also))
    unopenable = {name for name, _ in too_wide((name, "open") for name in message.seen_with)}
    request = RequestRow(
        id=message.id,
        room_id=room.id,
        site=site,
        also=also,
        reason=message.reason,
        lesson=message.lesson,
        minutes=message.minutes,
        teacher=message.teacher,
        asked_at=message.asked_at,
        state="waiting",
        answer="",
        decided_by="",
        since=message.since,
        device=message.device,
        urgent=message.urgent,
        seen_with=[name for name in message.seen_with if name not in unopenable],
    )
    # A clock that is ahead must not have a request wait the longer.
    request.expires_at = request_expiry.end_of_request(session, request, min(message.asked_at, now))
    session.add(request)
    session.flush()
    rooms.mark_requests_changed(session, room.id)
    claim = audit.RoomClaim(room.name, message.teacher)
    detail = f"{message.site} for {message.minutes} minutes in {room.name}"
    audit.record_audit(session, now, claim, "request", detail)
    if request.expires_at <= now:
        request_expiry.expire_request(session, now, request)
    else:
        _tell_webhooks(session, now, "request.created", request, room.name)
    return True


def count_waiting(session: Session, room_id: int) -> int:
    """Return how many requests of a room wait for a decision."""
    waiting = (RequestRow.room_id == room_id, RequestRow.state == "waiting")
    return session.scalar(select(func.count()).select_from(RequestRow).where(*waiting)) or 0


def _tell_webhooks(session: Session, now: datetime, event: str, request: RequestRow, room: str) -> None:
    """Tell other services of a request: neither who asked, nor why."""
    webhooks.enqueue_event(
        session, now, event, id=request.id, site=request.site, room=room, minutes=request.minutes,
        urgent=request.urgent, state=request.state,
    )  # fmt: skip


def withdraw_request(session: Session, now: datetime, room: RoomRow, request_id: str, *, by: str = "") -> None:
    """Take a waiting request back, or end what it opened. One that is unknown or over is left as it is.

    Raises NotPossible for another room's.

    `by`: who does it, by the room's word; it need not be whoever asked. What is open in the whole school stays
    open in the other rooms, whoever asked for it: this room has closed it for itself, and keeps it closed.
    """
    request = session.get(RequestRow, request_id)
    if request is None or not rooms.is_sent_again(room, request):
        return
    claim = audit.RoomClaim(room.name, by)
    if request.unblock is not None and request.unblock.room_id is None:
        if request.state == "approved" and not request.is_permanent:
            request.state = "ended"
            rooms.mark_requests_changed(session, room.id)
            detail = f"{request.site} in {room.name}; it stays open in the other rooms"
            audit.record_audit(session, now, claim, "ended in one room", detail)
    elif request.unblock is not None:  # what was made permanent is ended already, and stays
        unblocks.end_unblock(session, now, unblock_id=request.unblock.id, by=claim)
    elif request.state == "waiting":
        request.state = "withdrawn"
        rooms.mark_requests_changed(session, room.id)
        audit.record_audit(session, now, claim, "request withdrawn", f"{request.site} in {room.name}")


def approve_request(
    session: Session,
    now: datetime,
    *,
    request_id: str,
    by: str,
    minutes: int | None = None,
    scope: Scope | None = None,
    groups: tuple[str, ...] = (),
    answer: str = "",
    since: datetime | None = None,
    also: tuple[str, ...] | None = None,
    on_behalf_of: str = "",
) -> UnblockRow:
    """Open the site that a waiting request names. Raises NotFound or NotPossible.

    What is left out is as it was asked for: `minutes`, `scope` (the one device, or the room), `since` (when it
    begins; at once where that has passed), and `also`, the further names. `groups` says for whom; left out, it is
    open to every group of the room, or of the school. One's own request is approved by somebody else; where the
    school has nobody else, the audit says so. `on_behalf_of`: who stands behind `by`, where that is no account.
    """
    request = require_waiting(session, now, request_id)
    own_words = own_requests.require_other(session, now, teacher=request.teacher, by=on_behalf_of or by)
    scope = scope or ("device" if request.device else "room")
    if scope == "device" and not request.device:
        raise NotPossible("this was not asked for one device")
    span = unblocks.find_opening_time(now, request.minutes if minutes is None else minutes, since or request.since)
    unblock = unblocks.add_unblock(
        session,
        span,
        request=request,
        room_id=None if scope == "school" else request.room_id,
        site=request.site,
        also=request.also if also is None else also,
        groups=() if scope == "device" else groups,
        device=unblocks.token_device(request.device) if scope == "device" else "",
        by=by,
    )
    request.state, request.decided_by, request.decided_at, request.answer = "approved", by, now, answer
    rooms.mark_requests_changed(session, request.room_id)
    words = unblocks.describe_unblock(unblock, request.room, now) + own_words
    audit.record_audit(session, now, by, "approved", words)
    _tell_webhooks(session, now, "request.decided", request, request.room.name)
    return unblock


def pass_request_on(session: Session, now: datetime, *, request_id: str, by: str, to: str, note: str = "") -> None:
    """Ask a colleague to decide. It stays in everybody's list. Raises NotFound or NotPossible."""
    request = require_waiting(session, now, request_id)
    colleague = session.get(UserRow, protocol.normalize_username(to))
    if colleague is None:
        raise NotFound(f"there is no account {to!r}")
    ended = colleague.ends is not None and colleague.ends <= now
    roles: list[Role] = colleague.roles  # type: ignore[assignment]  # the table holds roles only
    if ended or not has_right(roles, Right.DECIDE_REQUESTS, RightScope.SCHOOL):
        raise NotPossible(f"{colleague.username} may not decide requests")
    if colleague.username == by:
        raise NotPossible("it is yours already")
    if colleague.username == protocol.normalize_username(request.teacher):
        raise NotPossible(f"{colleague.username} asked for this: somebody else has to decide it")
    request.passed_to, request.passed_by, request.passed_note = colleague.username, by, note
    audit.record_audit(session, now, by, "request passed on", f"{request.site} to {colleague.username}: {note}")


def deny_request(session: Session, now: datetime, *, request_id: str, by: str, answer: str) -> None:
    """Leave the site closed, with words for the teacher. Raises NotFound or NotPossible."""
    request = require_waiting(session, now, request_id)
    request.state, request.decided_by, request.decided_at, request.answer = "denied", by, now, answer
    rooms.mark_requests_changed(session, request.room_id)
    audit.record_audit(session, now, by, "denied", f"{request.site} in {request.room.name}: {answer}")
    _tell_webhooks(session, now, "request.decided", request, request.room.name)


def find_request(session: Session, request_id: str) -> RequestRow | None:
    """Return a request, or None."""
    return session.get(RequestRow, request_id)


def get_request(session: Session, request_id: str) -> RequestRow:
    """Return a request. Raises NotFound."""
    request = find_request(session, request_id)
    if request is None:
        raise NotFound("there is no such request")
    return request


def list_waiting_requests(session: Session) -> list[RequestRow]:
    """Return the requests that wait for a decision: the urgent ones, then the oldest first."""
    return list(
        session.scalars(
            select(RequestRow)
            .where(RequestRow.state == "waiting")
            .order_by(RequestRow.urgent.desc(), RequestRow.asked_at)
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
    """Return a room's requests, and what became of them: what waits or is open, and the rest for a day.

    What nobody decided is told for longer: whoever asked on a Friday is here again on the Monday.
    """
    since, expired_since = (now - timedelta(hours=hours) for hours in (STATE_HOURS, EXPIRED_STATE_HOURS))
    found = session.scalars(
        select(RequestRow)
        .outerjoin(RequestRow.unblock)
        .where(
            RequestRow.room_id == room.id,
            or_(
                RequestRow.asked_at >= since,
                RequestRow.decided_at >= since,
                RequestRow.state == "waiting",
                and_(RequestRow.state == "expired", RequestRow.decided_at >= expired_since),
                and_(UnblockRow.ended_at.is_(None), UnblockRow.until > now),
            ),
        )
        .order_by(RequestRow.asked_at)
        .options(contains_eager(RequestRow.unblock))
    )
    return [_request_state(request) for request in found]


def reopen_request(session: Session, now: datetime, *, request_id: str, by: str) -> None:
    """Have a request that was denied, or that nobody decided, wait again: the undo of both.

    Raises NotFound, or NotPossible where the lesson it was for is over.
    """
    request = session.get(RequestRow, request_id)
    if request is None:
        raise NotFound("there is no such request")
    if request.state not in ("denied", "expired"):
        raise NotPossible(f"this request is {_already(request)}: there is nothing to take back")
    if request.expires_at is None or request.expires_at <= now:
        request.expires_at = request_expiry.end_of_request(session, request, now)
    if request.expires_at <= now:
        raise NotPossible("the lesson that this was for is over")
    request.state, request.decided_by, request.decided_at, request.answer = "waiting", "", None, ""
    rooms.mark_requests_changed(session, request.room_id)
    audit.record_audit(session, now, by, "request waits again", f"{request.site} in {request.room.name}")


def require_waiting(session: Session, now: datetime, request_id: str) -> RequestRow:
    """Return a request that waits. Raises NotFound, or NotPossible with what has become of it, and by whom."""
    request = session.get(RequestRow, request_id)
    if request is None:
        raise NotFound("there is no such request")
    if request.state != "waiting":
        raise NotPossible(f"this request is {_already(request)}")
    if request.expires_at is not None and request.expires_at <= now:
        raise NotPossible("this request is over: nobody decided in time")
    return request


def _already(request: RequestRow) -> str:
    """Return what has become of a request, and by whom: for somebody who comes later."""
    if request.state == "expired":
        return "over: nobody decided in time"
    by = f" by {request.decided_by}" if request.decided_by and request.state in ("approved", "denied") else ""
    return f"{request.state} already{by}"


def _request_state(request: RequestRow) -> protocol.RequestState:
    message = protocol.UnblockRequest(
        id=request.id, site=request.site, reason=request.reason, minutes=request.minutes, teacher=request.teacher,
        asked_at=request.asked_at, lesson=request.lesson, also=tuple(request.also), since=request.since,
        device=request.device, urgent=request.urgent, seen_with=tuple(request.seen_with),
    )  # fmt: skip
    unblock = request.unblock
    expired = request.state == "expired"
    return protocol.RequestState(
        request=message,
        state="denied" if expired else request.state,  # type: ignore[arg-type]  # the table holds these states only
        decided_by=request.decided_by,
        answer=EXPIRED_WORDS if expired else request.answer,
        since=None if unblock is None else unblock.since,
        until=None if unblock is None or request.is_permanent else (unblock.ended_at or unblock.until),
        expired=expired,
        decided_at=request.decided_at,
        expires=request.expires_at if request.state == "waiting" else None,
        permanent=request.is_permanent,
        for_device=unblock is not None and bool(unblock.device),
    )
