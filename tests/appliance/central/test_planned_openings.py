"""Openings with a start, for one device, changed, made permanent, passed on: rooms are told what is so."""

from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from appliance.central import audit, permanent_openings, requests, rules, unblocks
from appliance.central.errors import NotFound, NotPossible
from appliance.central.models import UnblockRow
from dns.policy.document import ONE_DEVICE
from tests.appliance.central.factories import approve, document, sites_open, state
from tests.fakes.school import FakeSchool

pytestmark = pytest.mark.usefixtures("rooms_of_the_school")

HOUR = timedelta(hours=1)
TOKEN = "a1b2c3d4e5f6"


def ask(school: FakeSchool, **fields: Any) -> str:
    message = msgspec.structs.replace(school.unblock_request(), **fields)
    with school.store.write_session() as session:
        assert requests.submit_request(session, school.clock(), session.merge(school.room()), message)
    return message.id


def change(school: FakeSchool, unblock: UnblockRow, until: datetime, since: datetime | None = None) -> UnblockRow:
    with school.store.write_session() as session:
        return unblocks.change_unblock(
            session,
            school.clock(),
            unblock_id=unblock.id,
            by="cora",
            until=until,
            since=since,
            check_opening=school.central.preview.require_opening,
        )


def make_permanent(school: FakeSchool, request_id: str) -> None:
    with school.store.write_session() as session:
        permanent_openings.make_request_permanent(session, school.clock(), request_id=request_id, by="cora")


def newest_audit(school: FakeSchool) -> tuple[str, str]:
    with school.store.read_session() as session:
        (line,) = audit.list_audit_entries(session, 1)
        return line.what, line.detail


def test_a_lesson_to_come_is_opened_for_its_time_and_rooms_have_it_before(school: FakeSchool) -> None:
    lesson = school.clock() + 3 * HOUR
    approve(school, ask(school, since=lesson, minutes=45))
    (planned,) = document(school).unblocks
    assert (planned.since, planned.until) == (lesson, lesson + timedelta(minutes=45))
    assert (state(school).since, state(school).until) == (planned.since, planned.until)
    assert newest_audit(school) == (
        "approved", "games.example.org for 45 minutes from 2026-11-24 12:00 UTC in Room 4",
    )  # fmt: skip


def test_a_lesson_that_has_begun_is_opened_for_the_rest_of_it(school: FakeSchool) -> None:
    lesson = school.clock() + HOUR
    request_id = ask(school, since=lesson, minutes=45)
    school.clock.pass_minutes(80)
    unblock = approve(school, request_id)
    assert (unblock.since, unblock.until) == (school.clock(), lesson + timedelta(minutes=45))


@pytest.mark.parametrize(
    ("since", "minutes", "words"),
    [(-2 * HOUR, 60, "over already"), (HOUR, 0, "lasts from"), (timedelta(days=400), 30, "days ahead")],
)
def test_what_cannot_be_a_time_is_refused_in_words(
    school: FakeSchool, since: timedelta, minutes: int, words: str
) -> None:
    request_id = ask(school)
    with pytest.raises(NotPossible, match=words):
        approve(school, request_id, since=school.clock() + since, minutes=minutes)
    assert state(school).state == "waiting"


def test_for_one_device_a_room_gets_its_token_and_an_older_room_a_group_that_there_is_not(
    school: FakeSchool,
) -> None:
    approve(school, ask(school, device=TOKEN), groups=("staff",))
    (opened,) = document(school).unblocks
    assert (opened.device, opened.groups) == (f"token:{TOKEN}", (ONE_DEVICE,))
    assert state(school).for_device


def test_the_coordinator_may_give_more_than_the_device_but_not_less_than_was_asked(school: FakeSchool) -> None:
    approve(school, ask(school, device=TOKEN), scope="room")
    (opened,) = document(school).unblocks
    assert (opened.device, opened.groups, state(school).for_device) == ("", (), False)
    with pytest.raises(NotPossible, match="one device"):
        approve(school, ask(school, site="other.example.org"), scope="device")


def test_names_that_a_site_also_needs_are_granted_with_it(school: FakeSchool) -> None:
    request_id = ask(school, seen_with=("cdn.example.org", "co.uk"))
    assert state(school).request.seen_with == ("cdn.example.org",)
    approve(school, request_id, also=("cdn.example.org", "CDN.example.org.", "games.example.org"))
    assert document(school).unblocks[0].also == ("cdn.example.org",)
    with pytest.raises(NotPossible, match=r"co\.uk"):
        approve(school, ask(school, site="other.example.org"), also=("co.uk",))


def test_an_opening_is_made_longer_and_shorter_and_the_room_is_told_each_time(school: FakeSchool) -> None:
    unblock = approve(school, ask(school))
    for minutes in (90, 5):
        before = school.room().requests_changed
        until = school.clock() + timedelta(minutes=minutes)
        change(school, unblock, until)
        assert (document(school).unblocks[0].until, state(school).until) == (until, until)
        assert school.room().requests_changed > before
    assert newest_audit(school) == ("opening changed", "games.example.org for 5 minutes in Room 4")
    school.clock.pass_minutes(5)
    assert sites_open(school) == []
    with pytest.raises(NotPossible, match="closed already"):
        change(school, unblock, school.clock() + HOUR)


def test_a_planned_opening_moves_and_one_that_has_begun_keeps_its_start(
    school: FakeSchool,
) -> None:
    start = school.clock()
    unblock = approve(school, ask(school, since=start + HOUR))
    change(school, unblock, start + 4 * HOUR, since=start + 3 * HOUR)
    assert document(school).unblocks[0].since == start + 3 * HOUR
    change(school, unblock, start + 4 * HOUR, since=start - HOUR)
    assert document(school).unblocks[0].since == start  # a start that has passed is now
    school.clock.pass_minutes(1)
    change(school, unblock, start + 2 * HOUR, since=start + HOUR)
    assert document(school).unblocks[0].since == start


def test_a_change_that_makes_no_sense_changes_nothing(school: FakeSchool) -> None:
    now = school.clock()
    unblock = approve(school, ask(school, since=now + HOUR))
    for until, since, words in (
        (now + HOUR, now + 2 * HOUR, "end before it begins"),
        (now - HOUR, now - 2 * HOUR, "over already"),
        (now + timedelta(days=9), now + HOUR, "at most"),
        (now + timedelta(days=401), now + timedelta(days=400), "days ahead"),
    ):
        with pytest.raises(NotPossible, match=words):
            change(school, unblock, until, since)
    assert document(school).unblocks[0].since == now + HOUR
    with pytest.raises(NotFound):
        change(school, UnblockRow(id=999), now + HOUR)


def test_what_a_teacher_closed_is_not_opened_again_by_a_change(school: FakeSchool) -> None:
    request_id = ask(school)
    unblock = approve(school, request_id)
    with school.store.write_session() as session:
        requests.withdraw_request(session, school.clock(), session.merge(school.room()), request_id)
    with pytest.raises(NotPossible, match="closed already"):
        change(school, unblock, school.clock() + HOUR)


def test_a_request_becomes_a_rule_that_does_not_end_and_that_is_taken_back(school: FakeSchool) -> None:
    for request_id in (ask(school), ask(school, site="other.example.org", also=("cdn.example.org",))):
        make_permanent(school, request_id)
        with pytest.raises(NotPossible, match="for good already"):
            make_permanent(school, request_id)
    assert [rule.name for rule in document(school).rules] == [
        "cdn.example.org", "games.example.org", "other.example.org",
    ]  # fmt: skip
    with school.store.read_session() as session:
        told = requests.list_request_states(session, school.clock(), school.room())
    assert [(one.state, one.permanent, one.until) for one in told] == [("approved", True, None)] * 2
    with school.store.write_session() as session:
        permanent_openings.undo_permanent_request(session, school.clock(), request_id=request_id, by="cora")
    assert [rule.name for rule in document(school).rules] == ["games.example.org"]
    with pytest.raises(NotPossible, match="nothing to take back"), school.store.write_session() as session:
        permanent_openings.undo_permanent_request(session, school.clock(), request_id=request_id, by="cora")


def test_what_two_permanent_openings_need_goes_with_the_last_of_them(school: FakeSchool) -> None:
    def undo(request_id: str) -> list[str]:
        with school.store.write_session() as session:
            permanent_openings.undo_permanent_request(session, school.clock(), request_id=request_id, by="cora")
        return [rule.name for rule in document(school).rules]

    asked = []
    for site in ("a.example.org", "b.example.org"):
        asked.append(ask(school, site=site, also=("cdn.example.org",)))
        make_permanent(school, asked[-1])
        school.clock.pass_minutes(1)
    assert undo(asked[0]) == ["b.example.org", "cdn.example.org"]
    assert undo(asked[1]) == []


def test_a_rule_that_somebody_made_at_the_same_moment_is_not_a_requests(school: FakeSchool) -> None:
    request_id = ask(school)
    with school.store.write_session() as session:
        fields = rules.RuleFields(name="games.example.org", action="allow", groups=("staff",))
        rules.create_rule(session, school.clock(), fields=fields, by="cora")
    make_permanent(school, request_id)
    with school.store.write_session() as session:
        permanent_openings.undo_permanent_request(session, school.clock(), request_id=request_id, by="cora")
    assert [rule.groups for rule in document(school).rules] == [("staff",)]


def test_an_opening_becomes_permanent_and_its_end_does_not_close_it(school: FakeSchool) -> None:
    request_id = ask(school)
    approve(school, request_id)
    make_permanent(school, request_id)
    assert document(school).unblocks == ()
    with school.store.write_session() as session:
        requests.withdraw_request(session, school.clock(), session.merge(school.room()), request_id)
    assert (state(school).state, state(school).permanent) == ("approved", True)
    assert document(school).rules[0].name == "games.example.org"


def test_a_rule_that_closes_the_site_stands_against_a_permanent_opening_and_it_is_said(school: FakeSchool) -> None:
    with school.store.write_session() as session:
        rules.add_rule(session, school.clock(), name="games.example.org", action="block", by="cora")
    request_id = ask(school)
    with pytest.raises(NotPossible, match="take that away first"):
        make_permanent(school, request_id)
    assert state(school).state == "waiting"


@pytest.mark.parametrize("narrow", [{"groups": ("staff",)}, {"subdomains": False}])
def test_a_rule_for_some_or_for_one_address_alone_is_no_opening_for_everybody(
    school: FakeSchool, narrow: dict[str, Any]
) -> None:
    fields = rules.RuleFields(name="games.example.org", action="allow", **narrow)
    with school.store.write_session() as session:
        rules.create_rule(session, school.clock(), fields=fields, by="cora")
    make_permanent(school, ask(school))
    assert any(not one.groups and one.subdomains for one in document(school).rules)


def test_a_rule_that_closes_a_site_for_some_stands_against_opening_it_for_good(school: FakeSchool) -> None:
    fields = rules.RuleFields(name="games.example.org", action="block", groups=("staff",))
    with school.store.write_session() as session:
        rules.create_rule(session, school.clock(), fields=fields, by="cora")
    with pytest.raises(NotPossible, match=r"closes games\.example\.org for staff: take that away first"):
        make_permanent(school, ask(school))


def test_a_request_is_passed_on_to_a_colleague_who_may_decide_and_to_nobody_else(school: FakeSchool) -> None:
    for username, role in (("cora", "coordinator"), ("dan", "coordinator"), ("tess", "teacher")):
        school.account(username, role)  # type: ignore[arg-type]  # roles
    request_id = ask(school)

    def pass_on(to: str) -> None:
        with school.store.write_session() as session:
            requests.pass_request_on(
                session, school.clock(), request_id=request_id, by="cora", to=to, note="Is this yours?"
            )

    for to, problem in (("tess", "may not decide"), ("cora", "yours already"), ("nobody", "no account")):
        with pytest.raises((NotPossible, NotFound), match=problem):
            pass_on(to)
    pass_on(" Dan ")
    with school.store.read_session() as session:
        (waiting,) = requests.list_waiting_requests(session)
    assert (waiting.passed_to, waiting.passed_by, waiting.passed_note) == ("dan", "cora", "Is this yours?")
    assert newest_audit(school) == ("request passed on", "games.example.org to dan: Is this yours?")
    approve(school, request_id)
    with pytest.raises(NotPossible, match="approved already by coordinator"):
        pass_on("dan")


def test_a_site_that_nobody_asked_for_is_opened_for_a_room_a_group_or_a_device(
    school: FakeSchool,
) -> None:
    def open_site(**how: Any) -> UnblockRow:
        with school.store.write_session() as session:
            return unblocks.open_site(session, school.clock(), minutes=30, by="cora", **how)

    open_site(site="a.example.org", room="room  4", groups=("staff",))
    open_site(site="b.example.org", device="02:00:5e:00:53:01", since=school.clock() + HOUR)
    assert [one.site for one in document(school, "Room 5").unblocks] == ["b.example.org"]
    assert sites_open(school) == ["a.example.org", "b.example.org"]
    for how, problem in (
        ({"site": "c.example.org", "room": "Room 9"}, "no room"),
        ({"site": "c.example.org", "groups": ("nobody",)}, "no group"),
        ({"site": "co.uk"}, r"co\.uk"),
    ):
        with pytest.raises((NotPossible, NotFound), match=problem):
            open_site(**how)
