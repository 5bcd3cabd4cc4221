import pytest

from appliance.central import requests, rules
from appliance.central.models import PublicationRow
from blocklists.categories import CATEGORIES_BY_ID
from dns.policy.validation import validation_errors
from tests.appliance.central.factories import document
from tests.fakes.school import FakeSchool


@pytest.fixture(autouse=True)
def one_room(school: FakeSchool) -> None:
    school.enrol()


def test_a_new_school_starts_with_pupils_and_staff_and_sensible_categories(school: FakeSchool) -> None:
    new = document(school)
    assert (new.school, new.room, new.timezone) == ("Example Primary", "Room 4", "Europe/London")
    assert new.default_group == "pupils"
    pupils, staff = new.profiles
    assert {"social_networks", "forums", "chat", "webmail", "gambling"} < set(pupils.closed)
    assert set(staff.closed) < set(pupils.closed)
    assert pupils.safe_search
    assert all(category in CATEGORIES_BY_ID for category in (*pupils.closed, *new.locked_categories))


def test_a_policy_as_central_makes_it_holds_no_mistake(school: FakeSchool) -> None:
    request_id = school.request()
    with school.store.write_session() as session:
        requests.approve_request(
            session, school.clock(), request_id=request_id, by="coordinator", groups=("staff",)
        )
        rules.add_rule(
            session, school.clock(), name="bad.example.org", action="block", locked=True, by="coordinator"
        )
    assert list(validation_errors(document(school))) == []


def test_the_version_grows_only_when_the_content_changes(school: FakeSchool) -> None:
    assert document(school).version == 1
    school.clock.pass_minutes(5)
    assert document(school).version == 1
    with school.store.write_session() as session:
        rule = rules.add_rule(session, school.clock(), name="bad.example.org", action="block", by="coordinator")
    assert document(school).version == 2
    with school.store.write_session() as session:
        rules.remove_rule(session, school.clock(), rule_id=rule.id, by="coordinator")
    assert document(school).version == 3
    assert document(school).rules == ()


def test_an_opening_is_in_the_documents_of_the_rooms_it_is_for(school: FakeSchool) -> None:
    school.enrol("Room 5")
    request_id = school.request(minutes=10)
    with school.store.write_session() as session:
        requests.approve_request(session, school.clock(), request_id=request_id, by="coordinator")
    (unblock,) = document(school).unblocks
    assert (unblock.site, unblock.by) == ("games.example.org", "coordinator")
    assert document(school, "Room 5").unblocks == ()
    school.clock.pass_minutes(10)
    assert document(school).unblocks == ()


def test_rooms_are_told_of_the_newest_index(school: FakeSchool) -> None:
    for name in ("a" * 64, "b" * 64):
        with school.store.write_session() as session:
            session.add(PublicationRow(hash=name, built_at=school.clock(), names=1))
    entry = school.central.targets.current_entry(school.room().id)
    assert entry is not None
    assert entry.target.index == "b" * 64
