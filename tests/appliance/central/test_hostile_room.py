"""What somebody with a room's token can say changes nothing but what is that room's own."""

import hashlib
from collections import Counter
from datetime import timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest
from sqlalchemy import select

from appliance.central import audit, backup, counts, mail_outbox, notices, requests, room_actions, school_reports
from appliance.central.audit_chain import DATABASE_RESTORED
from appliance.central.audit_verification import verify_audit
from appliance.central.devices import inventory, sightings
from appliance.central.errors import NotPossible
from appliance.central.incidents import intake
from appliance.central.incidents.tables import IncidentRow
from appliance.central.models import MailRow, RoomRow
from appliance.protocol import CountedAnswers, HourCounts, Incident, KeptHead, RoomAction, SeenDevice, SeenDevices
from dns.policy.site_names import reason_why_not
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


def test_more_requests_than_anybody_could_decide_are_refused_with_the_reason(school: FakeSchool) -> None:
    for number in range(requests.MAX_WAITING_OF_ROOM):
        school.request(site=f"a{number}.example.org")
    with pytest.raises(NotPossible, match="500 requests of this room wait already"):
        school.request()
    school.request(room="Room 5")  # the others go on


def test_no_room_fills_anybodys_mailbox(school: FakeSchool) -> None:
    school.account("cora", "coordinator")
    school.account("lead", "safeguarding")
    for who in ("cora", "lead"):
        with school.store.write_session() as session:
            address = f"{who}@example.org"
            mail_outbox.set_mail_address(session, school.clock(), username=who, address=address, by="test")
    with school.store.write_session() as session:
        notices.choose_notices(session, school.clock(), username="cora", on_request=True, digest="off", by="cora")
    for number in range(60):
        school.clock.pass_minutes(0.2)
        request_id = school.request()
        notice = Incident(
            id=f"{number:032x}",
            kind="told-a-grown-up",
            happened_at=school.clock(),
            device=f"d{number}",
            evidence=(),
        )
        with school.store.write_session() as session:
            found = requests.find_request(session, request_id)
            assert found is not None
            notices.notify_of_request(session, school.clock(), found)
            intake.receive_incident(session, school.clock(), school.room(), notice)
            requests.withdraw_request(session, school.clock(), school.room(), request_id)
    assert mails(school) == {"cora@example.org": 30, "lead@example.org": 10}
    with school.store.write_session() as session:
        other = msgspec.structs.replace(notice, id="f" * 32)
        intake.receive_incident(session, school.clock(), school.room("Room 5"), other)
    assert mails(school)["lead@example.org"] == 11  # what another room says is told all the same
    school.clock.pass_minutes(61)
    assert found is not None
    with school.store.write_session() as session:
        assert notices.notify_of_request(session, school.clock(), found) == 1


def mails(school: FakeSchool) -> dict[str, int]:
    with school.store.read_session() as session:
        return dict(Counter(session.scalars(select(MailRow.recipient))))


def test_no_incident_of_a_rooms_stands_in_the_way_of_one_that_central_finds(school: FakeSchool) -> None:
    day = f"192.0.2.7 {school.clock():%Y-%m-%d}"
    foreseen = hashlib.sha256(day.encode()).hexdigest()[:32]
    with school.store.write_session() as session:
        wanted = inventory.check_fields(session, name="Office laptop", addresses="00:00:5e:00:53:01, 192.0.2.7")
        inventory.add_device(session, school.clock(), wanted, by="cora")
        taken = Incident(id=foreseen, kind="bypass", happened_at=school.clock(), device="d1", evidence=())
        intake.receive_incident(session, school.clock(), school.room("Room 5"), taken)
        seen = SeenDevice(mac="00:00:5e:00:53:02", address="192.0.2.7", seconds_ago=1)
        sightings.receive_seen_devices(session, school.clock(), school.room(), SeenDevices(devices=(seen,)))
    with school.store.read_session() as session:
        kinds = set(session.scalars(select(IncidentRow.kind)))
    assert kinds == {"bypass", "imitated-device"}
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**msgspec.to_builtins(taken), "kind": "imitated-device"}, Incident)


def test_the_names_of_a_request_are_looked_up_at_once_and_not_each_by_itself(school: FakeSchool) -> None:
    also = tuple(f"a{number}.example.org" for number in range(100))
    asked = msgspec.structs.replace(school.unblock_request(), also=also, seen_with=("co.uk", "b.example.org"))
    before = reason_why_not.cache_info().misses  # each a look through the whole list of suffixes
    with school.store.write_session() as session:
        requests.submit_request(session, school.clock(), school.room(), asked)
    approve(school, asked.id)
    assert reason_why_not.cache_info().misses == before
    assert (state(school).request.also, state(school).request.seen_with) == (also, ("b.example.org",))
    wide = msgspec.structs.replace(asked, id="e" * 32, also=(*also[1:], "co.uk"))
    with school.store.write_session() as session, pytest.raises(NotPossible, match=r"co\.uk"):
        requests.submit_request(session, school.clock(), school.room(), wide)
