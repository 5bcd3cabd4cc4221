from datetime import date
from zoneinfo import ZoneInfo

from appliance.central import requests, statistics
from appliance.central.statistics import Month
from tests.appliance.central.factories import approve
from tests.fakes.school import FakeSchool

LONDON = ZoneInfo("Europe/London")


def decide(school: FakeSchool, *, approved: int, denied: int, waiting: int = 0) -> None:
    made = [school.request(site=f"s{number}.example.org") for number in range(approved + denied + waiting)]
    school.clock.pass_minutes(10)
    for number, request_id in enumerate(made[: approved + denied]):
        if number < approved:
            approve(school, request_id)
        else:
            with school.store.write_session() as session:
                requests.deny_request(session, school.clock(), request_id=request_id, by="cora", answer="No")


def this_month(school: FakeSchool) -> Month:
    with school.store.read_session() as session:
        return statistics.count_by_month(session, school.clock(), LONDON)[0]


def test_a_month_tells_what_was_asked_decided_and_how_soon(school: FakeSchool) -> None:
    school.enrol()
    decide(school, approved=6, denied=5)
    assert this_month(school) == Month(
        first_day=date(2026, 11, 1), requests=11, approved=6, denied=5, undecided=0, minutes_to_decision=10,
        openings=6, site_reports=0,
    )  # fmt: skip


def test_cells_under_five_are_suppressed_and_cannot_be_worked_out(school: FakeSchool) -> None:
    school.enrol()
    decide(school, approved=6, denied=2)
    month = this_month(school)
    assert (month.requests, month.approved, month.denied, month.openings) == (8, None, None, None)


def test_a_month_with_fewer_than_five_requests_tells_only_what_was_not(school: FakeSchool) -> None:
    school.enrol()
    decide(school, approved=1, denied=0)
    month = this_month(school)
    assert (month.requests, month.approved, month.denied, month.minutes_to_decision) == (None, None, 0, None)


def test_twelve_months_end_with_this_one_on_the_schools_clock(school: FakeSchool) -> None:
    with school.store.read_session() as session:
        months = statistics.count_by_month(session, school.clock(), LONDON)
    assert (months[0].first_day, months[-1].first_day) == (date(2026, 11, 1), date(2025, 12, 1))
    assert len({month.first_day for month in months}) == 12
