"""Notices by mail of new requests, at once or gathered: off until somebody chooses them for themselves.

A notice goes to whoever may decide, to the address of their account, and leads to the page where it is decided.
Who follows the link signs in there, and nothing is decided by following it. Mail crosses servers that are not the
school's, so it says how many wait, and neither who asks nor for what. A digest is made once on the morning of its
day; one of a day on which central was off is made when it is back, once.
"""

from datetime import datetime, time, timedelta
from typing import Literal, get_args
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from appliance.central import audit, mail_outbox
from appliance.central.errors import NotFound, NotPossible
from appliance.central.models import NoticeRow, RequestRow, SchoolRow, SiteReportRow, UserRow
from appliance.protocol import normalize_username
from appliance.rights import Right, Scope, has_right

Digest = Literal["off", "daily", "weekly"]
DIGESTS: tuple[Digest, ...] = get_args(Digest)
MAX_IN_AN_HOUR = 30  # notices of single requests to one address: who gets more reads none
MORNING = time(7, 30)  # on the school's clock
FIRST_WEEKEND_DAY = 5
SUBJECT, URGENT_SUBJECT = "Hallpass: a new request", "Hallpass: a request, the lesson is now"
_NO_LINK = "Look at the page of requests."


def choose_notices(
    session: Session, now: datetime, *, username: str, on_request: bool, digest: Digest, by: str
) -> None:
    """Say which notices an account gets. Raises NotFound or NotPossible."""
    user = session.get(UserRow, normalize_username(username))
    if user is None:
        raise NotFound(f"there is no account {username!r}")
    if digest not in DIGESTS:
        raise NotPossible(f"a digest is {', '.join(DIGESTS)}")
    if (on_request or digest != "off") and not user.email:
        raise NotPossible("there is no mail address for this account yet")
    if not _may_decide(user, now) and (on_request or digest != "off"):
        raise NotPossible(f"{user.username} may not decide requests")
    row = session.get(NoticeRow, user.username)
    if row is None:
        row = NoticeRow(username=user.username, on_request=False, digest="off")
        session.add(row)
    row.on_request, row.digest = on_request, digest
    row.digest_due = next_digest(now, digest, _zone(session))
    words = f"{user.username}: {'each request' if on_request else 'no single notices'}, digest {digest}"
    audit.record_audit(session, now, by, "notices chosen", words)


def find_notices(session: Session, username: str) -> NoticeRow:
    """Return what somebody has chosen: nothing, until they did."""
    return session.get(NoticeRow, username) or NoticeRow(username=username, on_request=False, digest="off")


def notify_of_request(session: Session, now: datetime, request: RequestRow, *, url: str = "") -> int:
    """Tell those who want to hear of each request that there is a new one; return how many mails that makes."""
    wanted = session.execute(
        select(UserRow).join(NoticeRow, NoticeRow.username == UserRow.username).where(NoticeRow.on_request)
    ).scalars()
    addresses = [user.email for user in wanted if _may_decide(user, now)]
    return _send(session, now, addresses, request, url)


def notify_colleague(session: Session, now: datetime, request: RequestRow, *, url: str = "") -> int:
    """Tell the one to whom a request was passed on, where they want to hear of requests."""
    user = session.get(UserRow, request.passed_to)
    if user is None or not find_notices(session, user.username).on_request:
        return 0
    return _send(session, now, [user.email], request, url)


def send_due_digests(session: Session, now: datetime, *, url: str = "") -> int:
    """Send each digest that is due, once; return how many. Where nothing waits there is none."""
    due = session.scalars(select(NoticeRow).where(NoticeRow.digest_due <= now)).all()
    if not due:
        return 0
    waiting = session.scalar(select(func.count()).where(RequestRow.state == "waiting")) or 0
    reports = session.scalar(select(func.count()).where(SiteReportRow.settled_by == "")) or 0
    zone = _zone(session)
    sent = 0
    for row in due:
        row.digest_due = next_digest(now, row.digest, zone)
        user = session.get(UserRow, row.username)
        if user is None or not _may_decide(user, now) or not (waiting or reports):
            continue
        text = (
            f"Requests that wait for a decision: {waiting}\nReports of sites that wait: {reports}\n\n"
            f"{_link(url, '')}\n"
        )
        sent += mail_outbox.enqueue(session, [user.email], "Hallpass: what waits", text, now)
    return sent


def has_due_digest(session: Session, now: datetime) -> bool:
    """Tell whether a digest is to be made now."""
    return session.scalar(select(NoticeRow.username).where(NoticeRow.digest_due <= now).limit(1)) is not None


def next_digest(now: datetime, digest: str, zone: ZoneInfo) -> datetime | None:
    """Return when the next digest is due: the next school morning, or Monday's; None: there is none."""
    if digest == "off":
        return None
    local = now.astimezone(zone)
    day = local.date()
    while True:
        moment = datetime.combine(day, MORNING, zone)
        fits = day.weekday() == 0 if digest == "weekly" else day.weekday() < FIRST_WEEKEND_DAY
        if fits and moment > now:
            return moment
        day += timedelta(days=1)


def _send(session: Session, now: datetime, addresses: list[str], request: RequestRow, url: str) -> int:
    when = "The lesson is now.\n" if request.urgent else ""
    text = f"A teacher asks for a site to be opened.\n{when}\n{_link(url, f'requests/{request.id}')}\n"
    subject = URGENT_SUBJECT if request.urgent else SUBJECT
    sent = mail_outbox.count_recent_mails(session, now - timedelta(hours=1), (SUBJECT, URGENT_SUBJECT))
    few = [address for address in addresses if sent.get(address, 0) < MAX_IN_AN_HOUR]
    return mail_outbox.enqueue(session, few, subject, text, now)


def _link(url: str, path: str) -> str:
    return f"{url.rstrip('/')}/{path}" if url else _NO_LINK


def _may_decide(user: UserRow, now: datetime) -> bool:
    is_ended = user.ends is not None and user.ends <= now
    return not is_ended and has_right(user.roles, Right.DECIDE_REQUESTS, Scope.SCHOOL)  # type: ignore[arg-type]  # the table holds roles


def _zone(session: Session) -> ZoneInfo:
    return ZoneInfo(session.scalars(select(SchoolRow)).one().timezone)
