"""What rooms answered and refused in the last week, for pictures: by day, hour, category, room and site.

Made of the rooms' counts, which know no device. Cells that would tell of few people are suppressed
(`appliance.central.small_cells`), as in the reports. One pass over the school's sums of the week makes days, hours
and categories, so that a thousand rooms cost what one does.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, timedelta, tzinfo
from typing import TypeVar

import msgspec
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from appliance.central import counts
from appliance.central.models import CountRow, RoomRow, SchoolCountRow
from appliance.central.small_cells import suppress_parts, suppress_small

DAYS = 7
MOST_ROWS = 10

K = TypeVar("K", date, int)
Cell = int | None  # None: too few to be told


class AnswerFigures(msgspec.Struct, frozen=True, kw_only=True):
    """A week of answers."""

    answers: Cell
    refused: Cell
    days: tuple[tuple[date, Cell, Cell], ...]  # day, answered as asked, refused; the oldest first
    hours: tuple[tuple[int, Cell, Cell], ...]  # the same, by the hour of the school's clock, over all days
    categories: tuple[tuple[str, Cell], ...]  # what was refused, the most first
    rooms: tuple[tuple[str, Cell], ...]  # likewise
    sites: tuple[tuple[str, Cell], ...]  # likewise, where five devices or more asked within an hour


def count_answers(session: Session, now: datetime, zone: tzinfo) -> AnswerFigures:
    """Return the figures of the last days, today as the last of them."""
    midnight = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    since = (midnight - timedelta(days=DAYS - 1)).replace(hour=0)
    until = now + timedelta(hours=1)  # the hour that is not over counts
    answers: Counter[tuple[str, object]] = Counter()
    categories: Counter[str] = Counter()
    for hour, verdict, category, count in _sum_week(session, since, until):
        local = counts.from_hour(hour).astimezone(zone)
        kind = "refused" if verdict == "refused" else "answered"
        answers[kind, local.date()] += count
        answers[kind, local.hour] += count
        categories[category] += count if verdict == "refused" else 0
    days = [midnight.date() - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]
    heard = [key for _, key in answers if isinstance(key, int)]
    hours = list(range(min([8, *heard]), max([15, *heard]) + 1))
    by_count = sorted(categories.items(), key=lambda one: (-one[1], one[0]))
    top = [(name, count) for name, count in by_count[:MOST_ROWS] if count]
    refused = sum(answers["refused", day] for day in days)
    return AnswerFigures(
        answers=suppress_small(refused + sum(answers["answered", day] for day in days)),
        refused=suppress_small(refused),
        days=_pair(days, answers),
        hours=_pair(hours, answers),
        categories=_suppress([(name or "no category", count) for name, count in top]),
        rooms=_suppress(_count_rooms(session, since, until)),
        sites=tuple(
            (one.site, suppress_small(one.refused))
            for one in counts.list_top_refused(session, since, until, MOST_ROWS)
        ),
    )


def _sum_week(session: Session, since: datetime, until: datetime) -> list[tuple[int, str, str, int]]:
    rows = session.execute(
        select(SchoolCountRow.hour, SchoolCountRow.verdict, SchoolCountRow.category, SchoolCountRow.answers).where(
            SchoolCountRow.hour >= counts.to_hour(since), SchoolCountRow.hour < counts.to_hour(until)
        )
    )
    return [(hour, verdict, category, count) for hour, verdict, category, count in rows]


def _count_rooms(session: Session, since: datetime, until: datetime) -> list[tuple[str, int]]:
    of_room = (
        select(CountRow.room_id, func.sum(CountRow.answers).label("answers"))
        .where(
            CountRow.verdict == "refused",
            CountRow.hour >= counts.to_hour(since),
            CountRow.hour < counts.to_hour(until),
        )
        .group_by(CountRow.room_id)
        .subquery()  # by their ids, which is quicker than by their names
    )
    rows = session.execute(
        select(RoomRow.name, of_room.c.answers)
        .join(of_room, of_room.c.room_id == RoomRow.id)
        .order_by(of_room.c.answers.desc(), RoomRow.name)
        .limit(MOST_ROWS)
    )
    return [(name, int(count)) for name, count in rows]


def _pair(keys: Sequence[K], answers: Counter[tuple[str, object]]) -> tuple[tuple[K, Cell, Cell], ...]:
    refused = suppress_parts([answers["refused", key] for key in keys])
    return tuple(
        (key, suppress_small(answers["answered", key]), few) for key, few in zip(keys, refused, strict=True)
    )


def _suppress(found: list[tuple[str, int]]) -> tuple[tuple[str, Cell], ...]:
    hidden = suppress_parts([count for _, count in found])
    return tuple((name, few) for (name, _), few in zip(found, hidden, strict=True))
