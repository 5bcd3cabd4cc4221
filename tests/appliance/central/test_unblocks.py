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
    approve(school, school.request(minutes=10))
    with school.store.write_session() as session:
        assert not unblocks.expire_unblocks(session, school.clock())
    school.clock.pass_minutes(10)
    with school.store.write_session() as session:
        assert unblocks.expire_unblocks(session, school.clock())
    assert state(school).state == "ended"
    with school.store.write_session() as session:
        assert not unblocks.expire_unblocks(session, school.clock())
