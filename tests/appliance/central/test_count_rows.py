"""The sums of the school's counts are those of its rooms' rows, whatever was told, folded and pruned."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, create_engine, func, select
from sqlalchemy.orm import Session

from appliance.central import answer_figures, count_rows, counts
from appliance.central.models import Base, CountRow, RoomRow, SchoolCountRow
from appliance.central.schema_migration import MIGRATIONS
from appliance.protocol import CountedAnswers, HourCounts
from tests.fakes.postgres import database_url

ROOMS = (1, 2, 3)
ZONES = tuple(map(ZoneInfo, ("UTC", "Europe/London", "Asia/Kolkata", "Pacific/Chatham", "America/St_Johns")))
BEGIN = datetime(2026, 10, 20, 9, 30, tzinfo=UTC)  # a week before clocks in London go back
KEYS = (SchoolCountRow.hour, SchoolCountRow.is_day, SchoolCountRow.verdict, SchoolCountRow.category)

CELL = st.builds(
    CountedAnswers,
    st.sampled_from(("allowed", "refused")),
    st.sampled_from(("", "games", "chat")),
    st.integers(0, 9) | st.integers(0, 10**9),
)
TOLD = st.tuples(
    st.sampled_from(ROOMS),
    st.integers(-1, 30) | st.integers(-1, 9 * 24),  # hours ago
    st.lists(CELL, max_size=4),
    st.sampled_from((0, 0, 0, 1, 30, 24 * 12, 24 * 35, 24 * 200)),  # hours that pass after that
)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def served(request: pytest.FixtureRequest) -> Iterator[Engine]:
    with database_url(request.param) as url, with_rooms(url or "sqlite://") as engine:
        yield engine


@pytest.fixture(scope="module")
def here() -> Iterator[Engine]:
    with with_rooms("sqlite://") as engine:
        yield engine


@contextmanager
def with_rooms(url: str) -> Iterator[Engine]:
    engine = create_engine(url)
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        for number in ROOMS:
            name = f"Room {number}"
            session.add(
                RoomRow(id=number, name=name, name_key=name, token_hash=name, log_key="", enrolled_at=BEGIN)
            )
        session.commit()
    yield engine
    engine.dispose()


def tell(session: Session, now: datetime, room: int, ago: int, cells: list[CountedAnswers]) -> None:
    said = HourCounts(hour=counts.to_hour(now) - ago, answers=tuple(cells))
    assert counts.receive_counts(session, now, session.get_one(RoomRow, room), said)


def kept(session: Session) -> list[tuple[object, ...]]:
    found = session.execute(select(*KEYS, SchoolCountRow.answers, SchoolCountRow.rooms).order_by(*KEYS))
    return [tuple(row) for row in found]


def added_up(session: Session) -> list[tuple[object, ...]]:
    key = [getattr(CountRow, column.key) for column in KEYS]
    found = session.execute(select(*key, func.sum(CountRow.answers), func.count()).group_by(*key).order_by(*key))
    return [tuple(row) for row in found]


def days_of_rows(
    session: Session, zone: ZoneInfo, since: datetime, until: datetime
) -> list[tuple[date, int, int]]:
    """Return the days as they would be counted from every row."""
    answers: Counter[date] = Counter()
    refused: Counter[date] = Counter()
    for row in session.scalars(select(CountRow)):
        if counts.to_hour(since) <= row.hour < counts.to_hour(until):
            day = counts.from_hour(row.hour).astimezone(zone).date()
            answers[day] += row.answers
            refused[day] += row.answers if row.verdict == "refused" else 0
    return [(day, answers[day], refused[day]) for day in sorted(answers)]


@given(
    told=st.lists(TOLD, max_size=12),
    zone=st.sampled_from(ZONES),
    back=st.integers(0, 9000),
    to=st.integers(0, 300),
)
def test_the_sums_are_those_of_the_rows_whatever_was_told_and_pruned(
    here: Engine, told: list[tuple[int, int, list[CountedAnswers], int]], zone: ZoneInfo, back: int, to: int
) -> None:
    now = BEGIN
    with Session(here) as session:  # which is taken back
        for room, ago, cells, passed in told:
            tell(session, now, room, ago, cells)
            assert kept(session) == added_up(session)
            now += timedelta(hours=passed)
        until = now - timedelta(hours=to)
        since = until - timedelta(hours=back)
        found = counts.count_by_day(session, zone, since, until)
        assert [(one.day, one.answers, one.refused) for one in found] == days_of_rows(session, zone, since, until)
        refused = {one.category: one.refused for one in counts.count_by_category(session, since, until)}
        by_rows = session.execute(
            select(CountRow.category, func.sum(CountRow.answers))
            .where(CountRow.verdict == "refused")
            .where(CountRow.hour >= counts.to_hour(since), CountRow.hour < counts.to_hour(until))
            .group_by(CountRow.category)
        )
        assert refused == {category: int(count) for category, count in by_rows}


def test_the_same_with_each_database(served: Engine) -> None:
    with Session(served) as session:
        now = BEGIN
        for step in range(40):
            cells = [CountedAnswers("refused", "games", step % 7), CountedAnswers("allowed", "", 10**9)]
            tell(session, now, ROOMS[step % 3], step % 5, cells[: step % 3])
            now += timedelta(days=5) if step % 4 == 3 else timedelta(minutes=5)
            assert kept(session) == added_up(session)
        assert len({is_day for _, is_day, *_ in kept(session)}) == 2
        count_rows.prune_rows(session, counts.to_hour(now))
        assert kept(session) == added_up(session)
        counts.prune_counts(session, now + timedelta(days=500))
        assert kept(session) == []


def test_what_a_room_takes_back_is_in_no_picture_and_no_sum(served: Engine) -> None:
    with Session(served) as session:
        for room in ROOMS:
            tell(session, BEGIN, room, 0, [CountedAnswers("refused", "games", 3)])
        tell(session, BEGIN, 1, 0, [])
        found = answer_figures.count_answers(session, BEGIN, ZONES[1])
        assert (found.refused, dict(found.rooms)) == (6, {"Room 2": None, "Room 3": None})
        tell(session, BEGIN, 1, 0, [CountedAnswers("refused", "chat", 6)])
        found = answer_figures.count_answers(session, BEGIN, ZONES[1])
        assert [name for name, _ in found.categories] == ["chat", "games"], "as many of each: by their names"
        assert [name for name, _ in found.rooms] == ["Room 1", "Room 2", "Room 3"]
        for room in ROOMS:
            tell(session, BEGIN, room, 0, [])
        assert kept(session) == []


def test_a_database_of_before_gets_the_sums_of_what_it_has(served: Engine) -> None:
    (path,) = (MIGRATIONS / "versions").glob("*_sums_of_the_school.py")
    migration = ScriptDirectory(str(MIGRATIONS)).get_revision(path.name[:4])
    assert migration is not None
    with served.connect() as connection, Session(connection) as session:  # all of it is taken back
        for room in ROOMS:
            tell(
                session,
                BEGIN,
                room,
                0,
                [CountedAnswers("refused", "games", room), CountedAnswers("allowed", "", 9)],
            )
            tell(session, BEGIN + timedelta(days=60), room, 0, [CountedAnswers("allowed", "", 10**9)])
        before = kept(session)
        with Operations.context(MigrationContext.configure(connection)):
            migration.module.downgrade()
            migration.module.upgrade()
        assert kept(session) == added_up(session) == before
        assert {(is_day, rooms) for _, is_day, *_, rooms in before} == {(True, 3), (False, 3)}
        tell(session, BEGIN + timedelta(days=60), 1, 0, [])
        assert kept(session) == added_up(session) != before
