"""A clock that jumps ends no request and no opening; where it was set right, they end an hour later."""

from datetime import timedelta

import pytest

from appliance import protocol
from appliance.central import requests, unblocks
from appliance.central.clock_guard import FILE_NAME, HOLD_SECONDS, CentralClockGuard
from appliance.central.feed import Feed
from tests.appliance.central.factories import approve, document, state
from tests.fakes.school import FakeSchool

pytestmark = pytest.mark.usefixtures("rooms_of_the_school")

FOUR_MONTHS, A_DAY, MINUTE = timedelta(days=120), timedelta(days=1), timedelta(minutes=1)
HOLD = HOLD_SECONDS / 60


def look(school: FakeSchool, minutes: float = 0) -> None:
    """Let time pass, and have central look at what is over, as its feed does."""
    school.clock.pass_minutes(minutes)
    school.central.targets.refresh_targets()


def plan(school: FakeSchool, in_days: float) -> str:
    """Open a site for a lesson to come; return it."""
    lesson = school.clock() + timedelta(days=in_days)
    with school.store.write_session() as session:
        opened = unblocks.open_site(
            session, school.clock(), site=f"lesson{in_days}.example.org".replace(".5", "half"), minutes=45,
            since=lesson, room="Room 4", by="cora",
        )  # fmt: skip
    return opened.site


def sites(school: FakeSchool) -> set[str]:
    return {one.site for one in document(school).unblocks}


def waiting(school: FakeSchool) -> int:
    with school.store.read_session() as session:
        return len(requests.list_waiting_requests(session))


@pytest.mark.parametrize("jump", [FOUR_MONTHS, 3 * A_DAY, timedelta(days=3650)], ids=str)
def test_what_waits_and_what_is_open_outlives_a_clock_that_jumps_and_comes_back(
    school: FakeSchool, jump: timedelta
) -> None:
    asked = school.request()
    open_now = approve(school, school.request(site="now.example.org", minutes=240)).site
    planned = {plan(school, in_days) for in_days in (0.5, 2, 7)}
    look(school)
    school.clock.jump(jump)
    look(school, 0.2)
    with school.store.write_session() as session:  # something for which every policy is made anew
        requests.submit_request(
            session, school.clock(), session.merge(school.room("Room 5")), school.unblock_request("x.example.org")
        )
    look(school)
    school.clock.jump(-jump)
    look(school)
    assert sites(school) == {open_now, *planned}, "and rooms are told so without another change"
    approve(school, asked)
    assert state_of(school, open_now).state == "approved"


def state_of(school: FakeSchool, site: str) -> protocol.RequestState:
    with school.store.read_session() as session:
        states = requests.list_request_states(session, school.clock(), school.room())
    return next(one for one in states if one.request.site == site)


def test_after_a_clock_was_set_right_things_end_an_hour_later(school: FakeSchool) -> None:
    school.request()
    school.clock.jump(3 * A_DAY)
    look(school)
    look(school, HOLD - 1)
    assert waiting(school) == 1
    wait = school.central.targets.seconds_until_expiry()
    assert wait == 60, "nobody turns in circles meanwhile"
    look(school, 1)
    assert (waiting(school), state(school).expired) == (0, True)


def test_what_is_granted_after_a_jump_ends_at_its_time_for_rooms(school: FakeSchool) -> None:
    school.clock.jump(3 * A_DAY)
    look(school)
    approve(school, school.request(minutes=10))
    assert len(sites(school)) == 1
    look(school, 10)
    assert school.central.targets.seconds_until_expiry() == HOLD_SECONDS - 600
    (left,) = document(school).unblocks
    assert left.until <= school.clock(), "a room closes by its own clock"
    look(school, HOLD - 10)
    assert sites(school) == set()
    assert state(school).state == "ended"


def test_a_small_step_holds_nothing_back(school: FakeSchool) -> None:
    school.request(minutes=10)
    school.clock.jump(MINUTE)
    look(school, 39 * 60)
    assert waiting(school) == 0


def test_a_start_long_after_the_last_look_ends_nothing_for_an_hour(school: FakeSchool) -> None:
    folder = school.central.settings.central.data
    school.request()
    CentralClockGuard(folder / FILE_NAME, school.clock.running_seconds).check_clock(school.clock(), None)
    school.clock.pass_minutes(3 * 24 * 60)
    school.close()
    again = FakeSchool(folder, prepared=True, clock=school.clock)
    look(again)
    assert waiting(again) == 1
    look(again, HOLD)
    assert waiting(again) == 0
    again.close()


def test_the_feed_hears_of_a_jump_by_itself(school: FakeSchool) -> None:
    feed = Feed(school.store, school.central.targets, school.clock)
    plan(school, 2)
    look(school)
    feed.start()
    try:
        stream = feed.watch_targets(school.room().id)
        first = next(one for one in stream if one)
        school.clock.jump(FOUR_MONTHS)
        closed = next(one for one in stream if one)
        assert closed.policy_digest != first.policy_digest
        school.clock.jump(-FOUR_MONTHS)
        opened = next(one for one in stream if one)
        assert opened.policy_digest == first.policy_digest
    finally:
        feed.stop()
