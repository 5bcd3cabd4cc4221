"""Timetables: the school's clock decides, over midnight, through clock changes, in terms and holidays."""

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from dns.policy.compiled_policy import CompiledPolicy
from dns.policy.document import Period, PolicyDocument, Profile, Span
from dns.policy.timetable import FOREVER, Calendar, Timetable
from tests.fakes.blocked_names import FakeBlocklist
from tests.fakes.policies import GROUPS, PUPIL

LONDON = ZoneInfo("Europe/London")
LISTS = FakeBlocklist({"games.example": "games", "chat.example": "chat"})


def at(text: str, zone: Any = LONDON, fold: int = 0) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).timestamp()


def timetable(*periods: Period, closed: tuple[str, ...] = (), **fields: Any) -> Timetable:
    document = PolicyDocument(version=1, **fields)
    return Timetable(Profile(name="p", closed=closed, timetable=periods), Calendar(document))


def is_closed(made: Timetable, moment: str, category: str = "games") -> bool:
    return category in made.hours_at(at(moment)).blocked


LUNCH = Period(name="lunch", start="12:00", end="13:00", opens=("games",))
EVENING = Period(name="evening", start="21:00", end="06:30", closes=("games",), when="every-day")


def test_a_period_opens_from_its_first_minute_until_its_last() -> None:
    made = timetable(LUNCH, closed=("games",))

    assert is_closed(made, "2026-11-23T11:59:59")
    assert not is_closed(made, "2026-11-23T12:00:00")
    assert not is_closed(made, "2026-11-23T12:59:59")
    assert is_closed(made, "2026-11-23T13:00:00")


def test_a_period_is_for_its_weekdays() -> None:
    made = timetable(LUNCH, closed=("games",))

    assert is_closed(made, "2026-11-22T12:30")  # a Sunday


def test_closing_wins_where_two_periods_disagree() -> None:
    made = timetable(LUNCH, Period(start="12:30", end="14:00", closes=("games",)), closed=("games",))

    assert not is_closed(made, "2026-11-23T12:15")
    assert is_closed(made, "2026-11-23T12:45")


@pytest.mark.parametrize(
    ("moment", "closed"),
    [
        ("2026-11-23T20:59", False),
        ("2026-11-23T21:00", True),
        ("2026-11-23T23:59:59", True),
        ("2026-11-24T00:00", True),
        ("2026-11-24T06:29", True),
        ("2026-11-24T06:30", False),
        ("2026-11-28T05:00", True),  # Saturday's early hours belong to Friday
        ("2026-11-28T22:00", False),  # and Saturday has none of its own
        ("2026-11-30T05:00", False),
    ],
)
def test_a_period_over_midnight_belongs_to_the_day_on_which_it_starts(moment: str, closed: bool) -> None:
    assert is_closed(timetable(EVENING), moment) is closed


def test_a_period_may_last_until_the_end_of_the_day() -> None:
    made = timetable(Period(start="21:00", end="24:00", closes=("games",)))

    assert is_closed(made, "2026-11-23T23:59")
    assert not is_closed(made, "2026-11-24T00:00")


def test_an_hour_that_the_clock_shows_twice_counts_twice() -> None:
    made = timetable(Period(start="01:00", end="02:00", closes=("games",), days=("sun",), when="every-day"))
    first, second = at("2026-10-25T01:30"), at("2026-10-25T01:30", fold=1)

    assert second - first == 3600
    assert "games" in made.hours_at(first).blocked
    assert "games" in made.hours_at(second).blocked
    assert "games" not in made.hours_at(second + 1800).blocked


def test_an_hour_that_the_clock_leaves_out_counts_not_at_all() -> None:
    made = timetable(Period(start="01:00", end="02:00", closes=("games",), days=("sun",), when="every-day"))
    before = at("2026-03-29T00:59:59")

    assert "games" not in made.hours_at(before).blocked
    assert "games" not in made.hours_at(before + 1).blocked  # the clock shows 02:00


@pytest.mark.parametrize("day", ["2026-03-27", "2026-03-30", "2026-10-23", "2026-10-26"])
def test_lunch_stays_at_the_same_hour_of_the_schools_clock_all_year(day: str) -> None:
    made = timetable(LUNCH, closed=("games",))

    assert not is_closed(made, f"{day}T12:30")
    assert is_closed(made, f"{day}T11:30")


def test_term_dates_and_holidays_say_which_days_are_school_days() -> None:
    term = Span(name="autumn", first=date(2026, 9, 2), last=date(2026, 12, 18))
    half_term = Span(name="half-term", first=date(2026, 10, 26), last=date(2026, 10, 30))
    weekend_like = Period(start="09:00", end="18:00", opens=("games",), when="other-days")
    made = timetable(LUNCH, weekend_like, closed=("games",), terms=(term,), holidays=(half_term,))

    assert not is_closed(made, "2026-10-23T12:30")  # lunch
    assert is_closed(made, "2026-10-23T15:00")
    assert not is_closed(made, "2026-10-26T15:00")  # half-term
    assert not is_closed(made, "2026-12-21T15:00")  # after the term
    assert is_closed(made, "2026-12-18T15:00")  # its last day


def test_hours_say_how_long_they_last() -> None:
    made = timetable(LUNCH, closed=("games",))

    assert made.hours_at(at("2026-11-23T11:00")).until == at("2026-11-23T12:00")
    assert made.hours_at(at("2026-11-23T12:00")).until == at("2026-11-23T13:00")
    assert made.hours_at(at("2026-11-20T13:00")).until == at("2026-11-23T12:00")  # over the weekend
    assert timetable().hours_at(at("2026-11-23T11:00")).until == FOREVER


def test_hours_end_at_a_clock_change_too() -> None:
    made = timetable(Period(start="00:00", end="05:00", closes=("games",), when="every-day", days=("sun",)))

    assert made.hours_at(at("2026-10-25T00:30")).until == datetime(2026, 10, 25, 1, 0, tzinfo=UTC).timestamp()


@pytest.mark.parametrize("zone", ["Europe/London", "America/St_Johns", "Asia/Kathmandu", "Pacific/Auckland"])
def test_no_hour_differs_within_what_a_timetable_says_lasts(zone: str) -> None:
    made = timetable(
        LUNCH, EVENING, Period(start="00:30", end="02:30", closes=("chat",), when="every-day"), timezone=zone
    )
    for start in (at("2026-03-27T00:00"), at("2026-10-23T00:00"), at("2026-04-03T00:00"), at("2026-09-25T00:00")):
        hours = made.hours_at(start)
        for moment in range(int(start), int(start) + 4 * 86400, 900):
            if moment >= hours.until:
                hours = made.hours_at(moment)
            assert made.hours_at(moment).blocked == hours.blocked


def school(timed: tuple[Period, ...], **keywords: Any) -> CompiledPolicy:
    profiles = (Profile(name="pupils", closed=("games",), timetable=timed), Profile(name="staff"))
    return CompiledPolicy(
        PolicyDocument(version=1, groups=GROUPS, profiles=profiles, **keywords.pop("fields", {})),
        LISTS,
        **keywords,
    )


def test_without_a_trustworthy_clock_the_strictest_hours_hold_until_the_time_is_known() -> None:
    knows = False
    no_chat_at_night = Period(start="21:00", end="22:00", closes=("chat",))
    policy = school((LUNCH, no_chat_at_night), clock_trusted=lambda: knows)
    view, noon = policy.view(PUPIL), at("2026-11-23T12:30")

    for name in ("games.example", "chat.example"):
        verdict = view.decide(name, 1, noon)
        assert verdict.action.value == "refused"
        assert verdict.until is not None
    assert policy.next_change(noon) == noon + 5

    knows = True
    for name in ("games.example", "chat.example"):
        assert view.decide(name, 1, noon + 5).action.value == "allowed"


def test_a_clock_that_shows_a_time_before_the_document_was_made_is_not_believed() -> None:
    issued = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
    policy = school((LUNCH,), fields={"issued": issued})

    assert policy.view(PUPIL).decide("games.example", 1, at("2026-11-20T12:30")).action.value == "refused"
    assert policy.view(PUPIL).decide("games.example", 1, at("2026-11-23T12:30")).action.value == "allowed"


def test_a_verdict_that_the_hour_bears_on_ends_with_it_and_others_do_not() -> None:
    view, noon = school((LUNCH,)).view(PUPIL), at("2026-11-23T12:30")

    assert view.decide("games.example", 1, noon).until == at("2026-11-23T13:00")
    assert view.decide("free.example", 1, noon).until is None
