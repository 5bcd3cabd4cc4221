from datetime import datetime

import pytest

from appliance.central import audit, unblocks
from tests.appliance.central.factories import approve, sites_open, state
from tests.fakes.school import FakeSchool

pytestmark = pytest.mark.usefixtures("rooms_of_the_school")


def test_ending_now_closes_at_once_and_twice_is_once(school: FakeSchool) -> None:
    unblock = approve(school, school.request())
    for _ in range(2):
        with school.store.write_session() as session:
            unblocks.end_unblock(session, school.clock(), unblock_id=unblock.id, by="coordinator")
    assert sites_open(school) == []
    told = state(school)
    assert (told.state, told.until) == ("ended", school.clock())
    with school.store.read_session() as session:
        assert [entry.what for entry in audit.list_audit_entries(session)].count("ended") == 1


def test_what_is_over_is_ended_once(school: FakeSchool) -> None:
    unblock = approve(school, school.request(minutes=10))
    ended: list[int] = []
    for minutes in (0, 10, 10):
        school.clock.pass_minutes(minutes)
        with school.store.write_session() as session:
            unblocks.expire_unblocks(session, school.clock())
        ended.append(school.room().requests_changed)
    assert ended == [2, 3, 3]  # asked and approved; over; over still
    assert state(school).state == "ended"
    assert state(school).until == unblock.until


def test_the_next_to_end_by_itself_is_known_even_where_it_is_over(school: FakeSchool) -> None:
    assert next_expiry(school) is None
    late, soon = (approve(school, school.request(minutes=minutes)) for minutes in (20, 10))
    assert next_expiry(school) == soon.until
    school.clock.pass_minutes(15)
    assert next_expiry(school) == soon.until
    with school.store.write_session() as session:
        unblocks.expire_unblocks(session, school.clock())
    assert next_expiry(school) == late.until


def next_expiry(school: FakeSchool) -> datetime | None:
    with school.store.read_session() as session:
        return unblocks.next_expiry(session)
