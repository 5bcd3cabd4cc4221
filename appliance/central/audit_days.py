"""How many entries of each kind the audit has, by day, so that a report of a year does not read a million of them.

The audit only grows, and who comes later has a higher number: an entry stands in its day (of UTC) once an entry of
its number or a higher one does, whatever the clock said meanwhile. What came after that, and the parts of days at
both ends of a span, are counted from the entries. So every answer is that of counting all of them; only how long
it takes depends on when the days were brought up to date (`appliance.central.upkeep` does it every hour).
"""

from collections import Counter
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, Select, func, select, union_all
from sqlalchemy.orm import InstrumentedAttribute, Session

from appliance.central.models import AuditDayRow, AuditRow

ENTRIES_AT_ONCE = 50_000  # others wait to write meanwhile: a fifth of a second
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)


def count_kinds(
    session: Session, since: datetime, until: datetime, *, is_claim: bool, begins: str = ""
) -> Counter[str]:
    """Return how many entries there are of each kind: central's own, or what rooms say of themselves."""
    first, last = -((_EPOCH - since) // _DAY), (until - _EPOCH) // _DAY  # the whole days
    of_kind = (AuditRow.room != "" if is_claim else AuditRow.room == "", *_begins_with(AuditRow.what, begins))
    if first >= last:
        parts = [_count_entries(since, until, *of_kind)]
    else:
        begin, end = _EPOCH + first * _DAY, _EPOCH + last * _DAY
        # In one statement, which sees one moment: what is counted meanwhile is counted once.
        counted = select(func.coalesce(func.max(AuditDayRow.newest), 0)).scalar_subquery()
        parts = [
            select(AuditDayRow.what, func.sum(AuditDayRow.entries))
            .where(AuditDayRow.day >= first, AuditDayRow.day < last, AuditDayRow.is_claim.is_(is_claim))
            .where(*_begins_with(AuditDayRow.what, begins))
            .group_by(AuditDayRow.what),
            _count_entries(since, begin, *of_kind),
            _count_entries(end, until, *of_kind),
            _count_entries(begin, end, AuditRow.id > counted, *of_kind),
        ]
    found: Counter[str] = Counter()
    for kind, count in session.execute(union_all(*parts)).all():
        found[kind] += int(count)
    return found


def count_new_entries(session: Session, _now: datetime) -> None:
    """Bring the days up to date, by a part of what is new where that is much."""
    counted = session.scalar(select(func.max(AuditDayRow.newest))) or 0
    entries = session.execute(
        select(AuditRow.id, AuditRow.at, AuditRow.room, AuditRow.what)
        .where(AuditRow.id > counted)
        .order_by(AuditRow.id)
        .limit(ENTRIES_AT_ONCE)
    )
    counts: Counter[tuple[int, bool, str]] = Counter()
    newest: dict[tuple[int, bool, str], int] = {}
    for number, at, room, what in entries:
        key = ((at - _EPOCH) // _DAY, bool(room), what)
        counts[key] += 1
        newest[key] = number
    if not counts:
        return
    days = [day for day, _, _ in counts]
    between = (AuditDayRow.day >= min(days), AuditDayRow.day <= max(days))
    kept = {(row.day, row.is_claim, row.what): row for row in session.scalars(select(AuditDayRow).where(*between))}
    for key, count in counts.items():
        if (row := kept.get(key)) is not None:
            row.entries, row.newest = row.entries + count, newest[key]
        else:
            day, is_claim, what = key
            session.add(AuditDayRow(day=day, is_claim=is_claim, what=what, entries=count, newest=newest[key]))


def _count_entries(since: datetime, until: datetime, *wanted: ColumnElement[bool]) -> Select[str, int]:
    return (
        select(AuditRow.what, func.count())
        .where(AuditRow.at >= since, AuditRow.at < until, *wanted)
        .group_by(AuditRow.what)
    )


def _begins_with(what: InstrumentedAttribute[str], begins: str) -> list[ColumnElement[bool]]:
    return [what.startswith(begins, autoescape=True)] if begins else []
