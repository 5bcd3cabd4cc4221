"""Until when a request waits: until the lesson it was for is over, or for the school days that the school allows.

A request that nobody decided is *expired*: its teacher is told so, and can ask again. One that a room could send
only after its time is expired from the start. Days end at the school's midnight, whatever clocks do that night.
"""

from datetime import UTC, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from appliance.central import audit, rooms
from appliance.central.errors import NotPossible
from appliance.central.models import RequestRow, SchoolRow

MAX_REQUEST_DAYS = 20
BY_ITSELF = "Hallpass"  # who ends what ends by itself, in the audit
LESSON_MINUTES = 60  # an urgent request is for the lesson that runs: it waits at least as long as one lasts
_FIRST_WEEKEND_DAY = 5


def find_request_end(
    asked_at: datetime, *, since: datetime | None, minutes: int, urgent: bool, zone: tzinfo, school_days: int
) -> datetime:
    """Return until when a request waits for a decision.

    `since`: when the lesson begins for which it was asked; without one it waits until `school_days` school days
    (Monday to Friday) after the day of asking are over, and an urgent one as long as the lesson that runs.
    """
    if since is not None:
        return since + timedelta(minutes=minutes)
    if urgent:
        return asked_at + timedelta(minutes=max(minutes, LESSON_MINUTES))
    day = asked_at.astimezone(zone).date()
    left = school_days
    while left > 0 or day.weekday() >= _FIRST_WEEKEND_DAY:
        day += timedelta(days=1)
        left -= day.weekday() < _FIRST_WEEKEND_DAY
    return datetime.combine(day + timedelta(days=1), time.min, zone).astimezone(UTC)


def end_of_request(session: Session, request: RequestRow, asked_at: datetime) -> datetime:
    """Return until when a request waits that was asked at a time, as the school has it."""
    school = session.scalars(select(SchoolRow)).one()
    return find_request_end(
        asked_at, since=request.since, minutes=request.minutes, urgent=request.urgent,
        zone=ZoneInfo(school.timezone), school_days=school.request_days,
    )  # fmt: skip


def expire_requests(session: Session, now: datetime) -> None:
    """End the waiting for what nobody decided in time."""
    over = select(RequestRow).where(RequestRow.state == "waiting", RequestRow.expires_at <= now)
    for request in session.scalars(over).all():
        expire_request(session, now, request)
        rooms.mark_requests_changed(session, request.room_id)


def expire_request(session: Session, now: datetime, request: RequestRow) -> None:
    """End the waiting for one."""
    request.state, request.decided_at = "expired", now
    detail = f"{request.site} in {request.room.name}: nobody decided in time"
    audit.record_audit(session, now, BY_ITSELF, "request expired", detail)


def next_request_expiry(session: Session) -> datetime | None:
    """Return when the next request that waits is over, which may have been already; None: nothing waits."""
    return session.scalar(select(func.min(RequestRow.expires_at)).where(RequestRow.state == "waiting"))


def get_request_days(session: Session) -> int:
    """Return how many school days a request waits after the one on which it was asked."""
    return session.scalars(select(SchoolRow)).one().request_days


def set_request_days(session: Session, now: datetime, *, days: int, by: str) -> None:
    """Let requests wait so many school days; 0: until the end of the day. What waits already keeps its end.

    Raises NotPossible.
    """
    if not 0 <= days <= MAX_REQUEST_DAYS:
        raise NotPossible(f"a request waits for at most {MAX_REQUEST_DAYS} school days")
    session.scalars(select(SchoolRow)).one().request_days = days
    audit.record_audit(session, now, by, "time of requests", f"requests wait for {days} further school days")
