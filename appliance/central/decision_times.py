"""How long decisions of requests took, counted by the database in tenths of a minute: no request is fetched."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, Integer, and_, case, cast, extract, func, literal_column, select
from sqlalchemy.orm import Session

from appliance.central.models import RequestRow

Conditions = Iterable[ColumnElement[bool]]

DECIDED = ("approved", "denied", "ended")
_PARTS_OF_A_MINUTE = 10
_ALL: ColumnElement[Any] = literal_column("0")


def count_states(
    session: Session, wanted: Conditions, part: ColumnElement[Any] = _ALL
) -> Counter[tuple[Any, str]]:
    """Return how many requests there are of each state, in each part."""
    rows = session.execute(
        select(part.label("part"), RequestRow.state, func.count())
        .where(*wanted)
        .group_by("part", RequestRow.state)
    )
    return Counter({(key, state): int(count) for key, state, count in rows})


def list_minutes(session: Session, wanted: Conditions, part: ColumnElement[Any] = _ALL) -> dict[Any, list[float]]:
    """Return how many minutes each decision took, the shortest first, in each part."""
    seconds = case((RequestRow.decided_at > RequestRow.asked_at, _seconds_between(session)), else_=0)
    tenths = cast(seconds * _PARTS_OF_A_MINUTE, Integer) // 60  # a whole number
    rows = session.execute(
        select(part.label("part"), tenths.label("tenths"), func.count())
        .where(*wanted)
        .group_by("part", "tenths")  # by their labels: to PostgreSQL the same values twice are two expressions
        .order_by("tenths")
    )
    found: dict[Any, list[float]] = {}
    for key, tenth, count in rows:
        found.setdefault(key, []).extend([tenth / _PARTS_OF_A_MINUTE] * int(count))
    return found


def was_decided() -> ColumnElement[bool]:
    """Return what holds for a request that somebody has approved or denied."""
    return and_(RequestRow.decided_at.is_not(None), RequestRow.state.in_(DECIDED))


def _seconds_between(session: Session) -> ColumnElement[Any]:
    """Return the seconds from asking to deciding; PostgreSQL takes half as long for one span as for two times."""
    if session.get_bind().dialect.name == "postgresql":
        return extract("epoch", RequestRow.decided_at - RequestRow.asked_at)
    return extract("epoch", RequestRow.decided_at) - extract("epoch", RequestRow.asked_at)
