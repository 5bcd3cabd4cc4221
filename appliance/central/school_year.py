"""The school's week, its terms and its holidays: dates on the school's clock, first and last day included.

The whole of it is one setting, which can be undone as one; adding and removing a span touches no other.
"""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from itertools import combinations
from typing import Any, Literal

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from appliance.central import audit
from appliance.central.errors import NotFound, NotPossible
from appliance.central.models import SchoolRow
from appliance.central.setting_history import record_change
from dns.policy.document import Span, Weekday
from dns.policy.timetable import WEEKDAYS

KIND = "school year"  # of a change that is kept
MAX_SPANS = 60  # of each kind
MAX_SPAN_DAYS = 400
MAX_NAME_LENGTH = 60
FIRST_YEAR, LAST_YEAR = 2000, 2199  # further away a day is no day any more in another zone

SpanKind = Literal["terms", "holidays"]


class SchoolYear(msgspec.Struct, frozen=True, kw_only=True):
    """When the school is open."""

    week: tuple[Weekday, ...]
    terms: tuple[Span, ...] = ()  # none: every day outside the holidays
    holidays: tuple[Span, ...] = ()


def to_spans(found: Iterable[dict[str, Any]]) -> tuple[Span, ...]:
    """Return what a column keeps as spans of days."""
    return tuple(msgspec.convert(one, Span) for one in found)


def read_school_year(session: Session) -> SchoolYear:
    """Return the school's week, terms and holidays."""
    return _parse(_value(session.scalars(select(SchoolRow)).one()))


def set_school_week(session: Session, now: datetime, *, week: Iterable[str], by: str) -> str:
    """Say on which weekdays the school is open; return the change's id, "" where it was so. Raises NotPossible."""
    chosen = {*week}
    if unknown := sorted(chosen - {*WEEKDAYS}):
        raise NotPossible(f"{unknown[0]!r} is no day of the week")
    if not chosen:
        raise NotPossible("a school is open on one day at least")
    days = tuple(day for day in WEEKDAYS if day in chosen)
    year = read_school_year(session)
    return _save(session, now, msgspec.structs.replace(year, week=days), by, f"school week: {', '.join(days)}")


def add_span(session: Session, now: datetime, *, kind: SpanKind, span: Span, by: str) -> str:
    """Add a term or a holiday; return the change's id, "" where it is there. Raises NotPossible."""
    _check_span(span)
    year = read_school_year(session)
    found: tuple[Span, ...] = getattr(year, kind)
    if span in found:
        return ""
    if len(found) >= MAX_SPANS:
        raise NotPossible(f"there are {MAX_SPANS} {kind} already; remove those that are over")
    spans = tuple(sorted((*found, span), key=lambda one: (one.first, one.last, one.name)))
    words = f"{kind}: {_words(span)} added"
    return _save(session, now, msgspec.structs.replace(year, **{kind: spans}), by, words)


def remove_span(session: Session, now: datetime, *, kind: SpanKind, span: Span, by: str) -> str:
    """Remove a term or a holiday; return the change's id. Raises NotFound."""
    year = read_school_year(session)
    found: tuple[Span, ...] = getattr(year, kind)
    if span not in found:
        raise NotFound(f"{_words(span)} is not there any more")
    spans = tuple(one for one in found if one != span)
    words = f"{kind}: {_words(span)} removed"
    return _save(session, now, msgspec.structs.replace(year, **{kind: spans}), by, words)


def read_value(session: Session) -> dict[str, Any]:
    """Return the whole setting as it is kept for an undo."""
    return _value(session.scalars(select(SchoolRow)).one())


def restore_value(session: Session, value: dict[str, Any]) -> None:
    """Put the whole setting back. Checks nothing."""
    school = session.scalars(select(SchoolRow)).one()
    school.school_week, school.terms, school.holidays = value["week"], value["terms"], value["holidays"]


def year_notes(year: SchoolYear, today: date) -> Iterator[str]:
    """Return what is odd about terms and holidays, each as one sentence."""
    for kind in ("terms", "holidays"):
        for one, other in combinations(getattr(year, kind), 2):
            if one.first <= other.last and other.first <= one.last:
                yield f"{_words(one)} and {_words(other)} overlap: a day counts once, as in either of them"
    for holiday in year.holidays:
        if year.terms and not any(t.first <= holiday.last and holiday.first <= t.last for t in year.terms):
            yield f"{_words(holiday)} lies in no term: those days are no school days anyway"
    if year.terms and max(term.last for term in year.terms) < today:
        last = max(term.last for term in year.terms)
        yield f"The last term ended on {_day(last)}: until you add the next one, no day is a school day"


def _check_span(span: Span) -> None:
    if not (FIRST_YEAR <= span.first.year <= LAST_YEAR and FIRST_YEAR <= span.last.year <= LAST_YEAR):
        raise NotPossible(f"a day lies between {FIRST_YEAR} and {LAST_YEAR}")
    if span.last < span.first:
        raise NotPossible(f"{_words(span)} ends before it begins")
    if span.last - span.first > timedelta(days=MAX_SPAN_DAYS):
        raise NotPossible(f"{_words(span)} is longer than {MAX_SPAN_DAYS} days")
    if len(span.name) > MAX_NAME_LENGTH:
        raise NotPossible(f"the name of a term or holiday has at most {MAX_NAME_LENGTH} characters")


def _save(session: Session, now: datetime, year: SchoolYear, by: str, words: str) -> str:
    school = session.scalars(select(SchoolRow)).one()
    before, after = _value(school), _to_builtins(year)
    if before == after:
        return ""
    restore_value(session, after)
    audit.record_audit(session, now, by, "school year", words)
    return record_change(session, now, kind=KIND, before=before, after=after, by=by)


def _value(school: SchoolRow) -> dict[str, Any]:
    # Through the struct, so that two ways to write one value are equal.
    found = _parse({"week": school.school_week, "terms": school.terms, "holidays": school.holidays})
    return _to_builtins(found)


def _to_builtins(year: SchoolYear) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(year))
    return found


def _parse(value: dict[str, Any]) -> SchoolYear:
    return msgspec.convert(value, SchoolYear)


def _words(span: Span) -> str:
    days = f"{_day(span.first)} to {_day(span.last)}"
    return f"{span.name} ({days})" if span.name else days


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"
