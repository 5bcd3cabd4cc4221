"""Reports about the school, as data: for the week, the term, the yearly review, and for parents.

They are made of counts, requests and the audit, and name neither devices nor people. Small cells are left out
(`appliance.central.small_cells`). What a report looks like on paper is `appliance.central.report_formats`'
business.
"""

import statistics
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, tzinfo
from typing import Literal

import msgspec
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from appliance.central import audit, audit_days, backup, counts
from appliance.central.decision_times import count_states, list_minutes, was_decided
from appliance.central.incidents.tables import IncidentRow
from appliance.central.models import (
    ProfileRow,
    PublicationRow,
    RequestRow,
    RoomRow,
    RuleRow,
    SchoolRow,
    SiteReportRow,
    SourceRow,
)
from appliance.central.small_cells import SMALLEST_CELL, suppress_parts, suppress_small

ReportKind = Literal["weekly", "termly", "annual", "parents"]
SPANS: Mapping[ReportKind, timedelta] = {
    "weekly": timedelta(days=7),
    "termly": timedelta(weeks=15),
    "annual": timedelta(days=365),
    "parents": timedelta(days=7),
}
TITLES: Mapping[ReportKind, str] = {
    "weekly": "Filtering this week",
    "termly": "Filtering this term",
    "annual": "Filtering and monitoring: yearly review",
    "parents": "How our school filters the internet",
}
OPENED_BY_DELEGATION = "opened without waiting"
TOP_SITES = 20
_CHANGES = {  # how the kinds of their entries in the audit begin
    "Rules added": ("rule:",),
    "Rules removed": ("rule removed",),
    "Profiles made, changed or removed": ("profile ", "categories of"),  # the latter until 0.1
    "Lists added": ("source added",),
    "Lists removed": ("source removed",),
    "Accounts added": ("account added",),
    "Accounts ended": ("account ended",),
    "Look-ups and files taken along": (
        "device looked up", "audit exported", "incidents exported", "incident printed", "reports exported",
    ),
}  # fmt: skip

_HOW_IT_WORKS = {
    "Where": "In each classroom an appliance answers the names of websites, and refuses those that are closed.",
    "Lists": "Public lists, fetched and checked by the school's own service, and the school's own decisions.",
    "Opening a site": "A teacher asks, a coordinator decides; every opening ends by itself and is written down.",
    "What is kept": (
        "Refused names for thirty days, others for seven, in the classroom; devices appear as tokens, never as "
        "children."
    ),
    "Who looks": (
        "Teachers see their own room today. Which device it was is opened for a reason only, which is written "
        "down."
    ),
    "What it cannot do": (
        "It sees names of websites, not what is on a page; it is never complete, and it does not filter at home "
        "or on mobile data."
    ),
}

Cell = str | int | float | None  # None: fewer than five, or too telling beside one that is


class ReportTable(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a report."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""


class SchoolReport(msgspec.Struct, frozen=True, kw_only=True):
    """A report about the school."""

    kind: ReportKind
    title: str
    school: str
    since: datetime
    until: datetime
    made_at: datetime
    tables: tuple[ReportTable, ...]


class _Span(msgspec.Struct, frozen=True):
    since: datetime
    until: datetime
    zone: tzinfo


def make_report(
    session: Session, now: datetime, zone: tzinfo, kind: ReportKind, *, since: datetime | None = None
) -> SchoolReport:
    """Make a report of the time until now: the usual one of its kind, or since a moment."""
    span = _Span(since or now - SPANS[kind], now, zone)
    school = session.scalars(select(SchoolRow)).one()
    return SchoolReport(
        kind=kind,
        title=TITLES[kind],
        school=school.name,
        since=span.since,
        until=now,
        made_at=now,
        tables=tuple(make(session, span) for make in _PARTS[kind]),
    )


def _answers(session: Session, span: _Span) -> ReportTable:
    days = counts.count_by_day(session, span.zone, span.since, span.until)
    answered, refused = sum(one.answers for one in days), sum(one.refused for one in days)
    rows: list[tuple[Cell, ...]] = [
        ("Questions answered", suppress_small(answered)),
        ("of these refused", suppress_small(refused)),
        ("Days with lessons or other use", len(days)),
    ]
    return ReportTable(title="What was asked", columns=("", "number"), rows=tuple(rows))


def _by_day(session: Session, span: _Span) -> ReportTable:
    days = counts.count_by_day(session, span.zone, span.since, span.until)
    refused = suppress_parts([one.refused for one in days])
    rows = tuple(
        (one.day.isoformat(), suppress_small(one.answers), few) for one, few in zip(days, refused, strict=True)
    )
    return ReportTable(title="By day", columns=("day", "answered", "refused"), rows=rows)


def _by_category(session: Session, span: _Span) -> ReportTable:
    found = counts.count_by_category(session, span.since, span.until)
    hidden = suppress_parts([one.refused for one in found])
    rows = tuple((one.category or "(no category)", few) for one, few in zip(found, hidden, strict=True))
    return ReportTable(title="What was refused, by category", columns=("category", "refused"), rows=rows)


def _top_sites(session: Session, span: _Span) -> ReportTable:
    found = counts.list_top_refused(session, span.since, span.until, TOP_SITES)
    rows = tuple((one.site, one.category, suppress_small(one.refused)) for one in found)
    note = "Only sites that at least five devices asked for within an hour."
    return ReportTable(
        title="Sites refused most often", columns=("site", "category", "refused"), rows=rows, note=note
    )


def _requests(session: Session, span: _Span) -> ReportTable:
    in_span = (RequestRow.asked_at >= span.since, RequestRow.asked_at < span.until)
    states = Counter({state: count for (_, state), count in count_states(session, in_span).items()})
    waits = list_minutes(session, (*in_span, was_decided())).get(0, [])
    by_delegation = audit_days.count_kinds(
        session, span.since, span.until, is_claim=True, begins=OPENED_BY_DELEGATION
    ).total()
    names = sorted(states)
    hidden = suppress_parts([states[name] for name in names])
    rows: list[tuple[Cell, ...]] = [("Requests of teachers", suppress_small(states.total()))]
    rows += [(f"of these {name}", few) for name, few in zip(names, hidden, strict=True)]
    rows.append(("Opened by teachers without waiting", suppress_small(by_delegation)))
    if len(waits) >= SMALLEST_CELL:
        rows.append(("Minutes until a decision: half of them within", round(statistics.median(waits), 1)))
        rows.append(("and nine in ten within", round(statistics.quantiles(waits, n=10)[-1], 1)))
    return ReportTable(title="Requests and decisions", columns=("", "number"), rows=tuple(rows))


def _over_blocking(session: Session, span: _Span) -> ReportTable:
    """Sites that had to be opened again and again: what the filter closes too much."""
    number = func.count()
    found = session.execute(
        select(RequestRow.site, number)
        .where(
            RequestRow.asked_at >= span.since,
            RequestRow.asked_at < span.until,
            RequestRow.state.in_(("approved", "ended")),
        )
        .group_by(RequestRow.site)
        .having(number >= SMALLEST_CELL)
        .order_by(number.desc(), RequestRow.site)
        .limit(TOP_SITES)
    )
    note = "Sites that were opened five times or more: perhaps they should be open, or their list is too strict."
    return ReportTable(
        title="Where the filter closed too much",
        columns=("site", "times opened"),
        rows=tuple((site, int(count)) for site, count in found),
        note=note,
    )


def _concerns(session: Session, span: _Span) -> ReportTable:
    reports = session.scalar(
        select(func.count())
        .select_from(SiteReportRow)
        .where(SiteReportRow.reported_at >= span.since, SiteReportRow.reported_at < span.until)
    )
    incidents = session.execute(
        select(IncidentRow.kind, func.count())
        .where(IncidentRow.happened_at >= span.since, IncidentRow.happened_at < span.until)
        .group_by(IncidentRow.kind)
        .order_by(IncidentRow.kind)
    ).all()
    rows: list[tuple[Cell, ...]] = [
        ("Sites that teachers say should be closed", suppress_small(int(reports or 0)))
    ]
    hidden = suppress_parts([int(count) for _, count in incidents])
    rows += [(f"Incidents: {kind}", few) for (kind, _), few in zip(incidents, hidden, strict=True)]
    return ReportTable(title="Concerns", columns=("", "number"), rows=tuple(rows))


def _changes(session: Session, span: _Span) -> ReportTable:
    """Count what was changed; the decisions of adults are no small cells of children."""
    done = audit_days.count_kinds(session, span.since, span.until, is_claim=False)
    rows = tuple(
        (words, sum(count for kind, count in done.items() if kind.startswith(begins)))
        for words, begins in _CHANGES.items()
    )
    return ReportTable(title="Changes of the filter", columns=("", "number"), rows=rows)


def _lists(session: Session, span: _Span) -> ReportTable:
    found = session.scalars(select(SourceRow).order_by(SourceRow.category, SourceRow.name)).all()
    rows = tuple(
        (
            one.name,
            one.category,
            _age_words(span, one.made_at),
            str((one.report or {}).get("error", "")) or "in use",
        )
        for one in found
    )
    published = session.scalar(select(func.max(PublicationRow.built_at)))
    note = (
        f"Compiled last {published.astimezone(span.zone):%Y-%m-%d %H:%M}." if published else "Never compiled yet."
    )
    return ReportTable(title="Lists", columns=("list", "category", "subscribed", "state"), rows=rows, note=note)


def _checks(session: Session, span: _Span) -> ReportTable:
    made = backup.last_backup(session)
    head = audit.read_head(session)
    rooms = session.execute(select(RoomRow.last_seen, RoomRow.health)).all()
    heard = [health for seen, health in rooms if seen is not None and span.until - seen < timedelta(hours=1)]
    well = [health for health in heard if not (health or {}).get("conditions")]
    rows: tuple[tuple[Cell, ...], ...] = (
        ("Rooms enrolled", len(rooms)),
        ("heard of within the hour", len(heard)),
        ("of these with nothing wrong", len(well)),
        ("Last backup", _age_words(span, made) if made else "never"),
        ("Entries of the audit", head.number),
        ("Newest of them", head.hash or "none"),
    )
    return ReportTable(title="Checks", columns=("", ""), rows=rows)


def _profiles(session: Session, span: _Span) -> ReportTable:  # noqa: ARG001 (as every part is made)
    found = session.scalars(select(ProfileRow).order_by(ProfileRow.name)).all()
    rows = tuple(
        (one.name, ", ".join(word.replace("_", " ") for word in one.closed), "yes" if one.safe_search else "no")
        for one in found
    )
    return ReportTable(title="What is closed, for whom", columns=("for", "closed", "safe search"), rows=rows)


def _how(session: Session, span: _Span) -> ReportTable:  # noqa: ARG001 (as every part is made)
    school = session.scalars(select(SchoolRow)).one()
    own = session.scalar(select(func.count()).select_from(RuleRow)) or 0
    locked = ", ".join(word.replace("_", " ") for word in school.locked_categories)
    rows = (
        ("The school's own rules", str(own)),
        ("What nobody can open", locked or "nothing"),
        *_HOW_IT_WORKS.items(),
    )
    return ReportTable(title="How it works", columns=("", ""), rows=rows)


def _age_words(span: _Span, moment: datetime) -> str:
    days = (span.until - moment).days
    return f"{moment.astimezone(span.zone):%Y-%m-%d} ({days} days ago)"


_Part = Callable[[Session, _Span], ReportTable]
_WEEK: tuple[_Part, ...] = (_answers, _by_day, _by_category, _top_sites, _requests, _concerns)
_PARTS: Mapping[ReportKind, tuple[_Part, ...]] = {
    "weekly": _WEEK,
    "termly": (_answers, _by_category, _top_sites, _requests, _over_blocking, _concerns, _changes),
    "annual": (
        _answers, _by_category, _requests, _over_blocking, _concerns, _changes, _lists, _profiles, _checks,
    ),
    "parents": (_how, _profiles, _lists),
}  # fmt: skip
