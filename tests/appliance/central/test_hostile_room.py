"""What somebody with a room's token can say changes nothing but what is that room's own."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest

from appliance.central import audit, backup, counts, requests, room_actions, school_reports
from appliance.central.audit_chain import DATABASE_RESTORED
from appliance.central.audit_verification import verify_audit
from appliance.central.models import RoomRow
from appliance.protocol import CountedAnswers, HourCounts, KeptHead, RoomAction
from tests.appliance.central.factories import approve, sites_open, state
from tests.fakes.school import FakeSchool

pytestmark = pytest.mark.usefixtures("rooms_of_the_school")


def act(school: FakeSchool, what: str) -> None:
    said = RoomAction(id=f"{abs(hash(what)):032x}"[-32:], who="head", what=what, happened_at=school.clock())
    with school.store.write_session(affects_rooms=False) as session:
        assert room_actions.receive_room_action(session, school.clock(), school.room(), said)


def test_a_room_cannot_say_that_a_backup_was_made(school: FakeSchool) -> None:
    act(school, backup.BACKUP_MADE)
    with school.store.read_session() as session:
        assert backup.last_backup(session) is None


def test_a_room_cannot_explain_a_changed_audit_by_a_restored_database(school: FakeSchool) -> None:
    with school.store.read_session() as session:
        known = audit.read_head(session)
    forged = KeptHead(number=known.number + 1, hash="0" * 64, at=school.clock() - timedelta(minutes=1))
    act(school, DATABASE_RESTORED)
    with school.store.read_session() as session:
        found = verify_audit(session, [forged])
    assert (found.restored, found.forks) == ((), ())
    assert found.finding is not None


def test_a_room_cannot_add_to_what_a_report_says_was_changed_at_central(school: FakeSchool) -> None:
    for what in ("rule: allow", "account added", "audit exported"):
        act(school, what)
    with school.store.read_session() as session:
        made = school_reports.make_report(
            session, school.clock() + timedelta(hours=1), ZoneInfo("Europe/London"), "annual"
        )
    (changes,) = (one for one in made.tables if one.title == "Changes of the filter")
    assert {count for _, count in changes.rows} == {0}


def test_the_largest_numbers_that_a_room_may_say_can_be_added_up(school: FakeSchool) -> None:
    most = msgspec.json.encode({"verdict": "refused", "category": "games", "answers": 2**53})
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(most, type=CountedAnswers)
    assert counts.KEPT / timedelta(hours=1) * 1000 * 300 * 10**9 < 2**63
    with school.store.write_session(affects_rooms=False) as session:
        room = session.get_one(RoomRow, school.room().id)
        hour = counts.to_hour(school.clock())
        said = HourCounts(hour=hour, answers=tuple(CountedAnswers("refused", f"c{n}", 10**9) for n in range(300)))
        assert counts.receive_counts(session, school.clock(), room, said)
    with school.store.read_session() as session:
        span = school.clock() - timedelta(days=1), school.clock() + timedelta(hours=1)
        assert counts.count_by_room(session, *span)[0].refused == 300 * 10**9


def test_a_room_ends_what_is_open_in_the_whole_school_for_itself_alone(school: FakeSchool) -> None:
    request_id = school.request()
    approve(school, request_id, scope="school")
    with school.store.write_session() as session:
        requests.withdraw_request(session, school.clock(), school.room(), request_id)
    assert sites_open(school, "Room 5") == ["games.example.org"]
    assert state(school).state == "ended"
    with school.store.read_session() as session:
        newest = audit.list_audit_entries(session)[0]
    assert (newest.room, newest.what) == ("Room 4", "ended in one room")
    assert "stays open in the other rooms" in newest.detail
