"""Questions to a room about a device: reasoned, in the audit first, answered once by that room, kept for days."""

import datetime as dt
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text

from appliance.central import lookups
from appliance.central.errors import NotFound, NotPossible
from appliance.central.models import AuditRow, LookupRow
from appliance.protocol import LookupAnswer, LookupEntry
from tests.fakes.school import FakeSchool

DEVICE = "0123456789ab"
LONG_AGO = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
REASON = "a parent asked what happened"


@pytest.fixture(autouse=True)
def _rooms(rooms_of_the_school: None) -> None:
    del rooms_of_the_school


def ask(school: FakeSchool, **more: Any) -> LookupRow:
    now = school.clock()
    given: dict[str, Any] = {
        "room_id": school.room().id, "device": DEVICE, "since": now - timedelta(hours=1), "until": now,
        "reason": REASON, "by": "lead", "whose": "pupils",
    } | more  # fmt: skip
    with school.store.write_session() as session:
        row = lookups.ask_room(session, now, **given)
        session.flush()
        return row


def entry(at: dt.datetime, name: str = "games.example.org") -> LookupEntry:
    return LookupEntry(
        second=int(at.timestamp()), name=name, type="A", verdict="refused", category="games", count=1
    )


def answer(school: FakeSchool, lookup_id: str, room: str = "Room 4", **more: Any) -> bool:
    given = {"entries": (entry(school.clock() - timedelta(minutes=5)),)} | more
    with school.store.write_session() as session:
        made = LookupAnswer(id=lookup_id, **given)
        return lookups.receive_answer(session, school.clock(), school.central.keys, school.room(room), made)


def questions(school: FakeSchool, room: str = "Room 4") -> list[str]:
    with school.store.read_session() as session:
        return [one.id for one in lookups.list_questions(session, school.clock(), school.room(room).id)]


def opened(school: FakeSchool, lookup_id: str) -> LookupAnswer | None:
    with school.store.read_session() as session:
        return lookups.open_answer(school.central.keys, lookups.get_lookup(session, lookup_id, "pupils"))


def test_who_asks_why_about_which_device_and_when_stands_in_the_audit_and_the_room_hears_of_it(
    school: FakeSchool,
) -> None:
    before = school.central.targets.current_entry(school.room().id)
    asked = ask(school)
    with school.store.read_session() as session:
        line = session.scalars(select(AuditRow).where(AuditRow.what == "device looked up")).one()
    assert line.who == "lead"
    assert line.detail == f"device {DEVICE} in Room 4, 2026-11-24 08:00 to 2026-11-24 09:00 UTC: {REASON}"
    after = school.central.targets.current_entry(school.room().id)
    assert before is not None
    assert after is not None
    assert after.target.lookups == before.target.lookups + 1
    assert after.target != before.target
    assert questions(school) == [asked.id]
    assert questions(school, "Room 5") == []


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"reason": ""}, "reason"), ({"reason": "  because  "}, "says more"), ({"reason": "x" * 501}, "at most"),
        ({"reason": "a reason\nof two lines"}, "one line"), ({"reason": "a reason\0!!!"}, "control"),
        ({"device": ""}, "short name"), ({"device": "%"}, "short name"),
        ({"device": "0123456789ab'--"}, "short name"),
        ({"since": dt.datetime(2026, 11, 22, tzinfo=dt.UTC)}, "24 hours"),
        ({"since": dt.datetime(2026, 11, 25, tzinfo=dt.UTC)}, "24 hours"),
        ({"since": LONG_AGO, "until": LONG_AGO + timedelta(hours=1)}, "31 days"),
    ],
)  # fmt: skip
def test_a_question_without_a_reason_a_device_or_a_bounded_time_is_not_asked(
    school: FakeSchool, wrong: dict[str, Any], words: str
) -> None:
    with pytest.raises(NotPossible, match=words):
        ask(school, **wrong)
    assert questions(school) == []
    with pytest.raises(NotFound):
        ask(school, room_id=99)


def test_a_form_that_is_sent_twice_asks_once(school: FakeSchool) -> None:
    times = {"since": school.clock() - timedelta(hours=1), "until": school.clock() + timedelta(hours=1)}
    first, second = (ask(school, lookup_id="c" * 32, **times) for _ in range(2))
    assert first.id == second.id == "c" * 32
    assert questions(school) == ["c" * 32]
    school.clock.pass_minutes(1)  # "until now" is a minute later
    assert ask(school, lookup_id="c" * 32, **times).id == first.id


def test_a_form_that_asks_something_else_by_then_is_not_answered_with_what_it_asked_before(
    school: FakeSchool,
) -> None:
    ask(school, lookup_id="c" * 32)
    others: tuple[dict[str, Any], ...] = (
        {"device": "f" * 12}, {"reason": "Something else altogether"}, {"room_id": school.room("Room 5").id},
    )  # fmt: skip
    for other in others:
        with pytest.raises(NotPossible, match="another question"):
            ask(school, lookup_id="c" * 32, **other)
    assert questions(school) == ["c" * 32]


def test_a_room_answers_once_and_no_other_room_answers_for_it(school: FakeSchool) -> None:
    asked = ask(school)
    with pytest.raises(NotFound):
        answer(school, asked.id, room="Room 5")
    with pytest.raises(NotFound):
        answer(school, "f" * 32)
    assert answer(school, asked.id)
    assert not answer(school, asked.id, entries=())
    found = opened(school, asked.id)
    assert found is not None
    assert [one.name for one in found.entries] == ["games.example.org"]
    assert questions(school) == []


def test_more_than_was_asked_is_not_taken(school: FakeSchool) -> None:
    asked = ask(school)
    for minutes in (-61, 1):
        with pytest.raises(NotPossible, match="more than was asked"):
            answer(school, asked.id, entries=(entry(school.clock() + timedelta(minutes=minutes)),))
    assert questions(school) == [asked.id]


def test_an_answer_is_sealed_in_the_database_and_forgotten_after_some_days(school: FakeSchool) -> None:
    asked = ask(school)
    answer(school, asked.id)
    with school.store.read_session() as session:
        kept = session.execute(text("SELECT answer FROM lookups")).scalar_one()
        assert "games.example" not in kept
    school.clock.pass_minutes(7 * 24 * 60 + 1)
    with school.store.write_session() as session:
        lookups.prune_lookups(session, school.clock(), 7)
    with school.store.read_session() as session:
        row = session.get_one(LookupRow, asked.id)
        assert (row.state, row.answer) == ("deleted", None)
    assert opened(school, asked.id) is None


def test_a_room_that_is_off_is_waited_for_and_then_no_more(school: FakeSchool) -> None:
    asked = ask(school)
    school.clock.pass_minutes(3 * 24 * 60 - 1)
    assert questions(school) == [asked.id]
    school.clock.pass_minutes(1)
    assert questions(school) == []
    with pytest.raises(NotPossible, match="too long ago"):
        answer(school, asked.id)
    with school.store.write_session() as session:
        lookups.prune_lookups(session, school.clock(), 7)
    with school.store.read_session() as session:
        assert session.get_one(LookupRow, asked.id).state == "expired"


def test_a_room_is_not_asked_without_end(school: FakeSchool) -> None:
    for _ in range(lookups.MAX_WAITING):
        ask(school)
    with pytest.raises(NotPossible, match="questions of before"):
        ask(school)


def test_staffs_look_ups_are_the_heads_and_say_so_to_the_room(school: FakeSchool) -> None:
    asked = ask(school, whose="staff", by="head")
    with school.store.read_session() as session:
        (question,) = lookups.list_questions(session, school.clock(), school.room().id)
        assert question.of_staff
        assert "staff" in question.staff_groups
        with pytest.raises(NotFound):
            lookups.get_lookup(session, asked.id, "pupils")
    with pytest.raises(NotFound), school.store.write_session() as session:
        lookups.delete_answer(session, school.clock(), lookup_id=asked.id, by="lead", whose="pupils")


def test_a_question_can_be_taken_back(school: FakeSchool) -> None:
    asked = ask(school)
    with school.store.write_session() as session:
        lookups.delete_answer(session, school.clock(), lookup_id=asked.id, by="lead", whose="pupils")
    assert questions(school) == []
    assert not answer(school, asked.id)
    assert opened(school, asked.id) is None
