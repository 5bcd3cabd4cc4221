"""What rooms say in numbers: once however often, of no device, on both databases, for thirteen months."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import delete, func, select

from appliance.central import counts
from appliance.central.models import CountRow, RefusedSiteRow, RoomRow, SchoolCountRow
from appliance.protocol import CountedAnswers, CountedSite, HourCounts
from tests.fakes.postgres import database_url
from tests.fakes.school import MORNING, FakeSchool

LONDON = ZoneInfo("Europe/London")
NOW_HOUR = counts.to_hour(MORNING)


@pytest.fixture(params=["sqlite", "postgresql"], scope="module")
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeSchool]:
    with ExitStack() as stack:
        url = stack.enter_context(database_url(request.param))
        made = FakeSchool(tmp_path_factory.mktemp("central"), database=url)
        stack.callback(made.close)
        made.enrol("Room 4")
        made.enrol("Room 5")
        yield made


@pytest.fixture
def school(served: FakeSchool) -> FakeSchool:
    served.clock.time = MORNING
    with served.store.write_session(affects_rooms=False) as session:
        for table in (CountRow, SchoolCountRow, RefusedSiteRow):
            session.execute(delete(table))
    return served


def hour(number: int = NOW_HOUR, *, allowed: int = 100, refused: int = 7) -> HourCounts:
    return HourCounts(
        hour=number,
        answers=(
            CountedAnswers("allowed", "", allowed),
            CountedAnswers("refused", "games", refused),
            CountedAnswers("refused", "gambling", 1),
        ),
        sites=(CountedSite("games.example.org", "games", refused),),
    )


def tell(school: FakeSchool, said: HourCounts, room: str = "Room 4") -> bool:
    with school.store.write_session(affects_rooms=False) as session:
        row = session.scalars(select(RoomRow).where(RoomRow.name == room)).one()
        return counts.receive_counts(session, school.clock(), row, said)


def day_of(school: FakeSchool, days: int = 400) -> list[counts.DayCounts]:
    with school.store.read_session() as session:
        now = school.clock() + timedelta(hours=1)
        return counts.count_by_day(session, LONDON, now - timedelta(days=days), now)


def test_an_hour_that_is_told_twice_counts_once_and_the_last_word_counts(school: FakeSchool) -> None:
    for allowed in (10, 100, 100):
        assert tell(school, hour(allowed=allowed))
    assert day_of(school) == [counts.DayCounts(day=date(2026, 11, 24), answers=108, refused=8)]


def test_they_are_counted_by_category_room_hour_and_site(school: FakeSchool) -> None:
    tell(school, hour())
    tell(school, hour(NOW_HOUR - 1, refused=5), "Room 5")
    since, until = MORNING - timedelta(days=1), MORNING + timedelta(hours=1)
    with school.store.read_session() as session:
        assert counts.count_by_category(session, since, until) == [
            counts.CategoryCounts(category="games", refused=12),
            counts.CategoryCounts(category="gambling", refused=2),
        ]
        assert counts.count_by_room(session, since, until) == [
            counts.RoomCounts(room="Room 4", answers=108, refused=8),
            counts.RoomCounts(room="Room 5", answers=106, refused=6),
        ]
        assert [(one.hour, one.refused) for one in counts.count_by_hour_of_day(session, LONDON, since, until)] == [
            (8, 6),
            (9, 8),
        ]
        assert counts.list_top_refused(session, since, until) == [
            counts.SiteCounts(site="games.example.org", category="games", refused=12)
        ]
        assert counts.count_by_category(session, since, since) == []
        sums = counts.sum_by_category(session, since, until)
        assert {category: count for (verdict, category), count in sums.items() if verdict == "refused"} == {
            "games": 12,
            "gambling": 2,
        }
        assert sums.total() == sum(one.answers for one in counts.count_by_day(session, LONDON, since, until))


@pytest.mark.parametrize("number", [0, NOW_HOUR - 24 * 10, NOW_HOUR + 2, 2**31 - 1])
def test_hours_that_cannot_be_are_left_out(school: FakeSchool, number: int) -> None:
    assert not tell(school, hour(number))
    assert day_of(school) == []


def test_hours_become_days_after_a_month_and_go_after_thirteen(school: FakeSchool) -> None:
    for ago in (0, 1, 2):
        tell(school, hour(NOW_HOUR - ago))
    before = day_of(school)
    school.clock.pass_minutes(35 * 24 * 60)
    tell(school, hour(counts.to_hour(school.clock())))
    assert day_of(school)[0] == before[0]
    with school.store.read_session() as session:
        assert session.scalar(select(func.count()).where(CountRow.is_day)) == 3
        assert session.scalars(select(RefusedSiteRow.answers).where(RefusedSiteRow.is_day)).all() == [21]
    school.clock.pass_minutes(370 * 24 * 60)
    tell(school, hour(counts.to_hour(school.clock())))
    with school.store.read_session() as session:
        assert session.scalar(select(func.count()).where(CountRow.is_day)) == 3  # of the month before last
    assert len(day_of(school)) == 2


def test_a_day_is_the_schools(school: FakeSchool) -> None:
    """In summer an hour before midnight in UTC is the next day's in London."""
    school.clock.time = MORNING.replace(month=6, hour=23, minute=30)
    tell(school, hour(counts.to_hour(school.clock())))
    assert [one.day for one in day_of(school)] == [date(2026, 6, 25)]
