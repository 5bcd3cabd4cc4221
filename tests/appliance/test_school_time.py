"""The school's clock: hours that it shows twice or never, and when its days begin."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from appliance.school_time import find_midnight, read_school_time


@pytest.mark.parametrize(
    ("zone", "shown", "moment"),
    [
        ("Europe/London", "2026-06-01T09:00", "2026-06-01T08:00"),
        ("Europe/London", "2026-10-25T01:30", "2026-10-25T00:30"),  # of two, the earlier one
        ("Europe/London", "2026-10-25T02:00", "2026-10-25T02:00"),
        ("Pacific/Auckland", "2026-11-24T09:00", "2026-11-23T20:00"),
        ("Australia/Lord_Howe", "2026-04-05T01:45", "2026-04-04T14:45"),  # clocks go back by half an hour
        ("Asia/Kathmandu", "2026-11-24T09:00", "2026-11-24T03:15"),
    ],
)
def test_a_time_is_what_the_schools_clock_shows(zone: str, shown: str, moment: str) -> None:
    found = read_school_time(datetime.fromisoformat(shown), ZoneInfo(zone))
    assert found == datetime.fromisoformat(moment).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "shown"),
    [
        ("Europe/London", "2026-03-29T01:00"),
        ("Europe/London", "2026-03-29T01:59"),
        ("Asia/Beirut", "2026-03-29T00:30"),  # the day begins at one
        ("Australia/Lord_Howe", "2026-10-04T02:15"),
    ],
)
def test_an_hour_that_there_is_not_is_said_to_be_none(zone: str, shown: str) -> None:
    with pytest.raises(ValueError, match="no such hour on that day"):
        read_school_time(datetime.fromisoformat(shown), ZoneInfo(zone))


@pytest.mark.parametrize(
    ("zone", "now", "midnight"),
    [
        ("Europe/London", "2026-10-25T20:00", "2026-10-24T23:00"),  # a day of 25 hours
        ("Pacific/Auckland", "2026-11-24T11:30", "2026-11-24T11:00"),
        ("America/Los_Angeles", "2026-11-24T07:30", "2026-11-23T08:00"),
        ("Asia/Beirut", "2026-03-29T06:00", "2026-03-28T22:00"),  # there is no midnight
    ],
)
def test_a_day_begins_at_the_schools_midnight(zone: str, now: str, midnight: str) -> None:
    found = find_midnight(datetime.fromisoformat(now).replace(tzinfo=UTC), ZoneInfo(zone))
    assert found == datetime.fromisoformat(midnight).replace(tzinfo=UTC)
