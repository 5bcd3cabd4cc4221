"""What nobody decides in time ends by itself: its teacher is told, and nothing is lost or done twice."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest
from sqlalchemy import text

from appliance.central import audit, request_expiry, requests, unblocks
from appliance.central.errors import NotFound, NotPossible
from appliance.central.request_expiry import find_request_end
from appliance.protocol import UnblockRequest
from tests.appliance.central.factories import approve, sites_open, state
from tests.fakes.school import FakeSchool

pytestmark = pytest.mark.usefixtures("rooms_of_the_school")

LONDON = ZoneInfo("Europe/London")
MIDNIGHT_AFTER_TOMORROW = 39 * 60  # minutes from Tuesday, 9:00, to the end of Wednesday


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=LONDON)


def end_of(asked: str, *, days: int = 1, since: str = "", minutes: int = 45, urgent: bool = False) -> datetime:
    start = local(since) if since else None
    return find_request_end(
        local(asked), since=start, minutes=minutes, urgent=urgent, zone=LONDON, school_days=days
    ).astimezone(LONDON)


def send(school: FakeSchool, message: UnblockRequest) -> bool:
    with school.store.write_session() as session:
        return requests.submit_request(session, school.clock(), session.merge(school.room()), message)


def settle(school: FakeSchool) -> None:
    """Have central look at what is over, as its feed does."""
    school.central.targets.refresh_targets()


def reopen(school: FakeSchool, request_id: str) -> None:
    with school.store.write_session() as session:
        requests.reopen_request(session, school.clock(), request_id=request_id, by="coordinator")


@pytest.mark.parametrize(
    ("asked", "days", "end"),
    [
        ("2026-11-24T09:00", 1, "2026-11-26T00:00"),  # Tuesday: the end of Wednesday
        ("2026-11-24T23:59", 1, "2026-11-26T00:00"),
        ("2026-11-27T15:00", 1, "2026-12-01T00:00"),  # Friday: the end of Monday
        ("2026-11-28T10:00", 1, "2026-12-01T00:00"),  # Saturday: the end of Monday
        ("2026-11-24T09:00", 0, "2026-11-25T00:00"),  # the same day
        ("2026-11-29T09:00", 0, "2026-12-01T00:00"),  # Sunday has no school day of its own: Monday's end
        ("2026-11-24T09:00", 5, "2026-12-02T00:00"),
        ("2026-03-27T10:00", 1, "2026-03-31T00:00"),  # over the night that the clocks go forward
        ("2026-10-23T10:00", 1, "2026-10-27T00:00"),  # and back
    ],
)
def test_a_request_waits_until_the_end_of_the_next_school_day_or_as_long_as_the_school_says(
    asked: str, days: int, end: str
) -> None:
    assert end_of(asked, days=days) == local(end)


def test_a_request_for_a_lesson_to_come_waits_until_the_lesson_is_over() -> None:
    assert end_of("2026-11-24T09:00", since="2026-12-01T11:00") == local("2026-12-01T11:45")


def test_an_urgent_request_waits_no_longer_than_its_lesson_lasts() -> None:
    assert end_of("2026-11-24T09:00", urgent=True, minutes=10) == local("2026-11-24T10:00")
    assert end_of("2026-11-24T09:00", urgent=True, minutes=120) == local("2026-11-24T11:00")


def test_what_nobody_decided_in_time_ends_and_the_room_is_told_in_words(school: FakeSchool) -> None:
    request_id = school.request()
    before = school.room().requests_changed
    school.clock.pass_minutes(MIDNIGHT_AFTER_TOMORROW - 1)
    settle(school)
    assert state(school).state == "waiting"
    school.clock.pass_minutes(1)
    settle(school)
    told = state(school)
    assert (told.state, told.expired) == ("denied", True)  # "denied": what an older room shows is true as well
    assert "please ask again" in told.answer
    assert school.room().requests_changed > before
    with school.store.read_session() as session:
        newest = audit.list_audit_entries(session, 1)[0]
        assert requests.list_waiting_requests(session) == []
    assert (newest.who, newest.what) == ("Hallpass", "request expired")
    with pytest.raises(NotPossible, match="nobody decided in time"):
        approve(school, request_id)


def test_a_decision_at_the_very_end_counts_only_while_there_is_time(school: FakeSchool) -> None:
    request_id = school.request()
    school.clock.pass_minutes(MIDNIGHT_AFTER_TOMORROW)
    with pytest.raises(NotPossible, match="nobody decided in time"):
        approve(school, request_id)  # before anybody has looked at what is over
    assert sites_open(school) == []


def test_the_feed_knows_when_the_next_request_or_opening_is_over(school: FakeSchool) -> None:
    school.request()
    settle(school)
    assert school.central.targets.seconds_until_expiry() == MIDNIGHT_AFTER_TOMORROW * 60
    approve(school, school.request(site="other.example.org", minutes=10))
    settle(school)
    assert school.central.targets.seconds_until_expiry() == 600


def test_a_request_that_arrives_after_its_time_is_over_at_once_and_stays_one(school: FakeSchool) -> None:
    asked = school.unblock_request()
    school.clock.pass_minutes(7 * 24 * 60)
    assert send(school, asked)
    assert not send(school, asked)
    assert (state(school).expired, state(school).request) == (True, asked)
    assert school.room().requests_changed == 1


def test_a_request_sent_again_after_it_ended_stays_over(school: FakeSchool) -> None:
    asked = school.unblock_request()
    send(school, asked)
    school.clock.pass_minutes(MIDNIGHT_AFTER_TOMORROW)
    settle(school)
    assert not send(school, asked)
    assert state(school).expired


def test_a_room_whose_clock_is_ahead_gets_no_longer_time(school: FakeSchool) -> None:
    asked = school.unblock_request()
    send(school, msgspec.structs.replace(asked, asked_at=datetime(2031, 1, 1, tzinfo=UTC)))
    assert state(school).expires == school.clock() + timedelta(minutes=MIDNIGHT_AFTER_TOMORROW)


def test_a_lesson_in_another_year_is_no_lesson_to_come(school: FakeSchool) -> None:
    asked = msgspec.structs.replace(school.unblock_request(), since=school.clock() + timedelta(days=400))
    with pytest.raises(NotPossible, match="days ahead"):
        send(school, asked)


def test_a_denial_is_taken_back_and_the_request_waits_again(school: FakeSchool) -> None:
    request_id = school.request()
    with school.store.write_session() as session:
        requests.deny_request(session, school.clock(), request_id=request_id, by="coordinator", answer="no")
    reopen(school, request_id)
    assert (state(school).state, state(school).answer, state(school).decided_by) == ("waiting", "", "")
    approve(school, request_id)
    with pytest.raises(NotPossible, match="nothing to take back"):
        reopen(school, request_id)
    with pytest.raises(NotFound):
        reopen(school, "0" * 32)


def test_what_nobody_decided_can_be_decided_all_the_same_but_not_for_a_lesson_that_is_over(
    school: FakeSchool,
) -> None:
    request_id = school.request()
    lesson = msgspec.structs.replace(
        school.unblock_request(site="later.example.org"), since=school.clock() + timedelta(hours=1)
    )
    send(school, lesson)
    school.clock.pass_minutes(MIDNIGHT_AFTER_TOMORROW)
    settle(school)
    reopen(school, request_id)
    approve(school, request_id)
    with pytest.raises(NotPossible, match="lesson that this was for is over"):
        reopen(school, lesson.id)


def test_rooms_are_told_of_what_was_not_decided_over_a_weekend_and_of_what_is_open_as_long_as_it_is(
    school: FakeSchool,
) -> None:
    school.request(site="never.example.org")
    approve(school, school.request(site="week.example.org"), minutes=unblocks.MAX_UNBLOCK_MINUTES)
    school.clock.pass_minutes(MIDNIGHT_AFTER_TOMORROW)
    settle(school)
    school.clock.pass_minutes(70 * 60)
    with school.store.read_session() as session:
        told = requests.list_request_states(session, school.clock(), school.room())
    assert [one.request.site for one in told] == ["never.example.org", "week.example.org"]
    school.clock.pass_minutes(3 * 60)
    assert state(school).request.site == "week.example.org"


def test_the_school_says_how_long_requests_wait_and_that_is_in_the_audit(school: FakeSchool) -> None:
    with school.store.write_session() as session:
        request_expiry.set_request_days(session, school.clock(), days=0, by="coordinator")
    school.request()
    assert state(school).expires == school.clock() + timedelta(hours=15)
    for days in (-1, request_expiry.MAX_REQUEST_DAYS + 1):
        with pytest.raises(NotPossible), school.store.write_session() as session:
            request_expiry.set_request_days(session, school.clock(), days=days, by="coordinator")
    with school.store.read_session() as session:
        assert "time of requests" in [one.what for one in audit.list_audit_entries(session)]


def test_what_waited_when_central_was_upgraded_has_an_end_too(school: FakeSchool) -> None:
    request_id = school.request()
    with school.store.write_session() as session:
        session.execute(text("UPDATE requests SET expires_at = NULL"))
    # Between two versions something may have written without an end: it waits, and can be decided.
    settle(school)
    approve(school, request_id)
    assert sites_open(school) == ["games.example.org"]
