"""A time on a page says which day it means, on the school's clock."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from webui.shared.school_clock import SchoolClock

LONDON = ZoneInfo("Europe/London")
NOW = datetime(2026, 6, 30, 22, 30, tzinfo=UTC)  # 23:30 in London


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        (datetime(2026, 6, 30, 21, 2, tzinfo=UTC), "22:02"),
        (datetime(2026, 6, 30, 23, 10, tzinfo=UTC), "tomorrow, 00:10"),
        (datetime(2026, 6, 29, 8, 15, tzinfo=UTC), "yesterday, 09:15"),
        (datetime(2026, 7, 7, 21, 2, tzinfo=UTC), "Tuesday 7 July, 22:02"),
        (datetime(2025, 12, 1, 9, 15, tzinfo=UTC), "Monday 1 December 2025, 09:15"),
    ],
)
def test_a_moment_says_its_day_where_it_is_not_today(moment: datetime, words: str) -> None:
    assert SchoolClock(lambda: LONDON, lambda: NOW).words(moment) == words


def test_the_schools_day_begins_at_its_own_midnight() -> None:
    assert SchoolClock(lambda: LONDON, lambda: NOW).midnight() == datetime(2026, 6, 29, 23, 0, tzinfo=UTC)


def test_seconds_and_days_are_said_where_they_matter() -> None:
    clock = SchoolClock(lambda: ZoneInfo("Asia/Kolkata"), lambda: NOW)

    assert clock.words(datetime(2026, 6, 30, 22, 30, 5, tzinfo=UTC), seconds=True) == "04:00:05"
    assert clock.day(datetime(2026, 6, 30, 22, 30, tzinfo=UTC)) == "1 July 2026"
