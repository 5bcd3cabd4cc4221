from datetime import timedelta

import pytest
from sqlalchemy import select

from appliance.central import audit, requests, unblocks
from appliance.central.errors import NotFound, NotPossible
from appliance.central.models import AuditRow, UnblockRow
from tests.appliance.central.factories import approve, sites_open, state
from tests.fakes.school import FakeSchool

pytestmark = pytest.mark.usefixtures("rooms_of_the_school")


def test_a_request_waits_until_somebody_decides(school: FakeSchool) -> None:
    school.request()
    assert state(school).state == "waiting"
    with school.store.read_session() as session:
        assert [one.site for one in requests.list_waiting_requests(session)] == ["games.example.org"]


def test_the_same_request_twice_is_one_request(school: FakeSchool) -> None:
    asked = school.unblock_request()
    with school.store.write_session() as session:
        assert requests.submit_request(session, school.clock(), school.room(), asked)
    with school.store.write_session() as session:
        assert not requests.submit_request(session, school.clock(), school.room(), asked)
    assert state(school).request == asked


def test_the_site_is_kept_as_a_name(school: FakeSchool) -> None:
    school.request(site="Games.Example.ORG.")
    assert state(school).request.site == "games.example.org"


def test_what_is_no_name_is_refused(school: FakeSchool) -> None:
    with pytest.raises(NotPossible, match="not the name of a site"):
        school.request(site="not a name!")


def test_an_approval_opens_the_site_in_this_room_only_until_its_time_is_over(school: FakeSchool) -> None:
    request_id = school.request(minutes=30)
    approve(school, request_id, answer="Enjoy")
    assert sites_open(school) == ["games.example.org"]
    assert sites_open(school, "Room 5") == []
    told = state(school)
    assert (told.state, told.decided_by, told.answer) == ("approved", "coordinator", "Enjoy")
    assert told.until == school.clock() + timedelta(minutes=30)
    school.clock.pass_minutes(30)
    assert sites_open(school) == []


def test_the_coordinator_may_give_another_time_and_the_whole_school(school: FakeSchool) -> None:
    unblock = approve(school, school.request(), minutes=5, scope="school")
    assert unblock.until == school.clock() + timedelta(minutes=5)
    assert sites_open(school, "Room 5") == ["games.example.org"]


def test_the_coordinator_may_open_it_to_one_group(school: FakeSchool) -> None:
    assert approve(school, school.request(), groups=("staff",)).groups == ["staff"]
    with pytest.raises(NotFound, match="nobody-here"):
        approve(school, school.request(), groups=("nobody-here",))


@pytest.mark.parametrize("minutes", [0, -1, unblocks.MAX_UNBLOCK_MINUTES + 1])
def test_an_opening_has_an_end(school: FakeSchool, minutes: int) -> None:
    with pytest.raises(NotPossible, match="an opening lasts"):
        approve(school, school.request(), minutes=minutes)


def test_a_denial_comes_with_words(school: FakeSchool) -> None:
    request_id = school.request()
    with school.store.write_session() as session:
        requests.deny_request(
            session, school.clock(), request_id=request_id, by="coordinator", answer="Try the other one"
        )
    assert (state(school).state, state(school).answer) == ("denied", "Try the other one")
    assert sites_open(school) == []


def test_what_was_decided_cannot_be_decided_again(school: FakeSchool) -> None:
    request_id = school.request()
    approve(school, request_id)
    with pytest.raises(NotPossible, match="approved already"):
        approve(school, request_id)
    with pytest.raises(NotFound):
        approve(school, "0" * 32)


def test_a_teacher_takes_a_waiting_request_back(school: FakeSchool) -> None:
    request_id = school.request()
    with school.store.write_session() as session:
        requests.withdraw_request(session, school.clock(), school.room(), request_id)
    assert state(school).state == "withdrawn"
    with pytest.raises(NotPossible, match="withdrawn already"):
        approve(school, request_id)


def test_a_teacher_closes_again_what_was_opened(school: FakeSchool) -> None:
    request_id = school.request()
    approve(school, request_id)
    with school.store.write_session() as session:
        requests.withdraw_request(session, school.clock(), school.room(), request_id, by="tess")
    assert state(school).state == "ended"
    assert sites_open(school) == []
    with school.store.read_session() as session:
        last = session.scalars(select(AuditRow).order_by(AuditRow.id.desc())).first()
        assert last is not None
        assert (last.room, last.who, last.what) == ("Room 4", "tess", "ended")


def test_no_room_can_take_back_the_request_of_another(school: FakeSchool) -> None:
    request_id = school.request("Room 4")
    with school.store.write_session() as session, pytest.raises(NotPossible, match="another room"):
        requests.withdraw_request(session, school.clock(), school.room("Room 5"), request_id)
    assert state(school).state == "waiting"


def test_every_change_of_a_request_moves_the_rooms_number(school: FakeSchool) -> None:
    seen = [school.room().requests_changed]
    request_id = school.request()
    seen.append(school.room().requests_changed)
    unblock = approve(school, request_id)
    seen.append(school.room().requests_changed)
    with school.store.write_session() as session:
        unblocks.end_unblock(session, school.clock(), unblock_id=unblock.id, by="coordinator")
    seen.append(school.room().requests_changed)
    assert seen == sorted(set(seen))
    assert school.room("Room 5").requests_changed == 0


def test_a_waiting_request_is_shown_however_old_a_decided_one_for_a_day(school: FakeSchool) -> None:
    school.request(site="old.example.org")
    approve(school, school.request(site="decided.example.org"))
    school.clock.pass_minutes(25 * 60)
    assert state(school).request.site == "old.example.org"


def test_every_decision_is_in_the_audit_with_who_and_what(school: FakeSchool) -> None:
    approve(school, school.request(minutes=10))
    with school.store.read_session() as session:
        newest = audit.list_audit_entries(session, 1)[0]
        assert len(session.scalars(select(UnblockRow)).all()) == 1
    assert (newest.who, newest.what, newest.at) == ("coordinator", "approved", school.clock())
    assert newest.detail == "games.example.org for 10 minutes in Room 4"
