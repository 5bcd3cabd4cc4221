"""What waits for somebody at central, and what came of it: requests, site reports, openings, a page at a time.

The order of what waits: what was passed on to whoever looks, what is for the lesson that runs, then the oldest.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session, joinedload

from appliance.central.models import RequestRow, RoomRow, SiteReportRow, UnblockRow, UserRow
from appliance.central.page_number import find_page
from appliance.central.unblocks import select_active_unblocks
from appliance.rights import Right, Scope, has_right

PAGE_SIZE = 25
MAX_HISTORY = 5


class InboxPage(msgspec.Struct, frozen=True):
    """One page of what waits."""

    requests: list[RequestRow]
    reports: list[SiteReportRow]
    waiting: int  # of both kinds, on all pages
    page: int
    pages: int


class DecidedPage(msgspec.Struct, frozen=True):
    """One page of what was decided, the newest first."""

    requests: list[RequestRow]
    page: int
    pages: int


class ReportsPage(msgspec.Struct, frozen=True):
    """One page of the reports of sites, whatever became of them, the newest first."""

    rows: list[SiteReportRow]
    count: int  # on all pages
    words: str
    page: int
    pages: int


class OpeningsPage(msgspec.Struct, frozen=True):
    """One page of what is open or will be, the first to end first."""

    openings: list[UnblockRow]
    count: int  # on all pages
    page: int
    pages: int


def read_inbox(session: Session, *, who: str, words: str = "", page: int = 1) -> InboxPage:
    """Return a page of what waits, as somebody (`who`) should see it; what holds all of some words alone."""
    wanted = _holds(words, RequestRow.site, RequestRow.reason, RequestRow.lesson, RequestRow.teacher, RoomRow.name)
    asked = select(RequestRow).join(RequestRow.room).where(RequestRow.state == "waiting", *wanted)
    reported = (
        select(SiteReportRow)
        .join(SiteReportRow.room)
        .where(
            SiteReportRow.settled_by == "",
            *_holds(words, SiteReportRow.site, SiteReportRow.note, SiteReportRow.teacher, RoomRow.name),
        )
    )
    counts = [_count(session, one) for one in (asked, reported)]
    page, pages = find_page(page, max(counts), PAGE_SIZE)
    mine = case((and_(RequestRow.passed_to != "", RequestRow.passed_to == who), 0), else_=1)
    order = (mine, RequestRow.urgent.desc(), RequestRow.asked_at, RequestRow.id)
    found = session.scalars(_paged(asked.order_by(*order).options(joinedload(RequestRow.room)), page))
    reports = session.scalars(
        _paged(
            reported.order_by(SiteReportRow.reported_at, SiteReportRow.id).options(joinedload(SiteReportRow.room)),
            page,
        )
    )
    return InboxPage(list(found), list(reports), sum(counts), page, pages)


def read_decided(session: Session, *, words: str = "", page: int = 1) -> DecidedPage:
    """Return a page of the requests that were decided, or not in time."""
    wanted = _holds(
        words, RequestRow.site, RequestRow.reason, RequestRow.teacher, RequestRow.decided_by, RoomRow.name
    )
    decided = select(RequestRow).join(RequestRow.room).where(RequestRow.state != "waiting", *wanted)
    page, pages = find_page(page, _count(session, decided), PAGE_SIZE)
    order = (RequestRow.decided_at.desc(), RequestRow.id)
    found = session.scalars(_paged(decided.order_by(*order).options(joinedload(RequestRow.room)), page))
    return DecidedPage(list(found), page, pages)


def read_reports(session: Session, *, words: str = "", page: int = 1) -> ReportsPage:
    """Return a page of the reports of sites, what holds all of some words alone."""
    columns = (
        SiteReportRow.site, SiteReportRow.note, SiteReportRow.teacher, SiteReportRow.passed_to,
        SiteReportRow.outside_answer, RoomRow.name,
    )  # fmt: skip
    wanted = select(SiteReportRow).join(SiteReportRow.room).where(*_holds(words, *columns))
    count = _count(session, wanted)
    page, pages = find_page(page, count, PAGE_SIZE)
    newest = wanted.order_by(SiteReportRow.reported_at.desc(), SiteReportRow.id)
    rows = session.scalars(_paged(newest, page).options(joinedload(SiteReportRow.room)))
    return ReportsPage(list(rows), count, words, page, pages)


def read_openings(session: Session, now: datetime, *, words: str = "", page: int = 1) -> OpeningsPage:
    """Return a page of what is open or will be; with words: what has them all in site, room or opener."""
    wanted = (
        select_active_unblocks(now)
        .outerjoin(UnblockRow.room)
        .where(*_holds(words, UnblockRow.site, UnblockRow.by, RoomRow.name))
    )
    count = _count(session, wanted)
    page, pages = find_page(page, count, PAGE_SIZE)
    found = _paged(wanted.order_by(UnblockRow.until, UnblockRow.id).options(joinedload(UnblockRow.room)), page)
    return OpeningsPage(list(session.scalars(found)), count, page, pages)


def read_history(session: Session, request: RequestRow) -> list[RequestRow]:
    """Return what was decided lately of the same site, the newest first."""
    earlier = (
        select(RequestRow)
        .where(RequestRow.site == request.site, RequestRow.id != request.id, RequestRow.state != "waiting")
        .order_by(RequestRow.decided_at.desc())
        .options(joinedload(RequestRow.room))
        .limit(MAX_HISTORY)
    )
    return list(session.scalars(earlier))


def list_colleagues(session: Session, now: datetime, who: str) -> list[UserRow]:
    """Return whom somebody may pass a request on to: who may decide one too."""
    found = session.scalars(select(UserRow).where(UserRow.username != who).order_by(UserRow.username))
    return [
        user
        for user in found
        if (user.ends is None or user.ends > now) and has_right(user.roles, Right.DECIDE_REQUESTS, Scope.SCHOOL)  # type: ignore[arg-type]  # the table holds roles
    ]


def _holds(words: str, *columns: InstrumentedAttribute[str]) -> Sequence[ColumnElement[bool]]:
    return [or_(*(column.icontains(word, autoescape=True) for column in columns)) for word in words.split()[:10]]


def _count(session: Session, wanted: Select[Any]) -> int:
    return session.scalar(select(func.count()).select_from(wanted.order_by(None).subquery())) or 0


def _paged(wanted: Select[Any], page: int) -> Select[Any]:
    return wanted.offset((page - 1) * PAGE_SIZE).limit(PAGE_SIZE)
