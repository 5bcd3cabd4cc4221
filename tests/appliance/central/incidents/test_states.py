"""What becomes of an incident: states, undo, notes, hold; and who is told that somebody else was faster."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from appliance.central.errors import CentralError, NotFound, NotPossible
from appliance.central.incidents import retention, search, states
from appliance.central.incidents.states import StateChange
from appliance.central.models import AuditRow
from tests.appliance.central.incidents.conftest import Notice, group_row
from tests.fakes.school import FakeSchool

CLOSED = StateChange(state="closed", outcome="talked to the class")


def change(school: FakeSchool, group_id: str, to: StateChange, *, by: str = "lead", **more: Any) -> bool:
    with school.store.write_session() as session:
        whose = more.pop("whose", "pupils")
        return states.change_state(
            session, school.clock(), group_id=group_id, whose=whose, change=to, by=by, **more
        )


def history(school: FakeSchool, group_id: str) -> list[tuple[str, str]]:
    with school.store.read_session() as session:
        return [(one.who, one.text) for one in search.read_details(session, group_id, "pupils").history]


def test_an_incident_is_new_seen_with_somebody_passed_on_and_closed_with_why(
    school: FakeSchool, notice: Notice
) -> None:
    group_id = notice()
    assert group_row(school, group_id).state == "new"
    day = dt.date(2026, 11, 23)
    for to in (
        StateChange(state="seen"),
        StateChange(state="assigned", assigned_to="Ms Ofori"),
        StateChange(state="referred", referred_to="police", referred_on=day),
        CLOSED,
    ):
        assert change(school, group_id, to)
    group = group_row(school, group_id)
    assert (group.state, group.assigned_to, group.referred_to, group.referred_on) == (
        "closed", "Ms Ofori", "police", day,
    )  # fmt: skip
    assert group.outcome == "talked to the class"
    assert history(school, group_id) == [
        ("lead", "seen"), ("lead", "with Ms Ofori"), ("lead", "passed to the police on 2026-11-23"),
        ("lead", "closed: talked to the class"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "to",
    [
        StateChange(state="new"),
        StateChange(state="assigned", assigned_to="  "),
        StateChange(state="assigned", assigned_to="x" * 201),
        StateChange(state="assigned", assigned_to="a\0b"),
        StateChange(state="referred", referred_to="police"),
        StateChange(state="referred", referred_to="the press", referred_on=dt.date(2026, 11, 23)),
        StateChange(state="referred", referred_to="police", referred_on=dt.date(2026, 11, 26)),
        StateChange(state="referred", referred_to="police", referred_on=dt.date(1, 1, 1)),
        StateChange(state="closed"),
        StateChange(state="closed", outcome="x\u202e"),
    ],
)
def test_a_state_without_what_belongs_to_it_is_refused(
    school: FakeSchool, notice: Notice, to: StateChange
) -> None:
    group_id = notice()
    with pytest.raises(NotPossible):
        change(school, group_id, to)
    assert group_row(school, group_id).state == "new"


def test_every_change_of_a_state_has_an_undo_and_it_is_in_the_history(school: FakeSchool, notice: Notice) -> None:
    group_id = notice()
    change(school, group_id, StateChange(state="assigned", assigned_to="Ms Ofori"))
    change(school, group_id, CLOSED)

    def undo() -> None:
        with school.store.write_session() as session:
            states.undo_change(session, school.clock(), group_id=group_id, whose="pupils", by="deputy")

    undo()
    group = group_row(school, group_id)
    assert (group.state, group.assigned_to, group.closed_at, group.outcome) == ("assigned", "Ms Ofori", None, "")
    assert history(school, group_id)[-1] == ("deputy", "taken back: with somebody again")
    with pytest.raises(NotPossible, match="nothing to take back"):
        undo()
    new = notice("d2")
    change(school, new, StateChange(state="seen"))
    with school.store.write_session() as session:
        states.undo_change(session, school.clock(), group_id=new, whose="pupils", by="lead")
    assert (group_row(school, new).state, group_row(school, new).unseen) == ("new", 1)


def test_the_same_change_twice_is_one_and_the_later_of_two_people_is_told(
    school: FakeSchool, notice: Notice
) -> None:
    group_id = notice()
    assert change(school, group_id, StateChange(state="seen"), version=0)
    assert not change(school, group_id, StateChange(state="seen"), version=0), "a double click"
    assert len(history(school, group_id)) == 1
    with pytest.raises(NotPossible, match="lead changed this in the meantime: it is seen now"):
        change(school, group_id, CLOSED, by="deputy", version=0)


def test_what_comes_after_somebody_has_looked_is_counted_until_they_look_again(
    school: FakeSchool, notice: Notice
) -> None:
    group_id = notice()
    change(school, group_id, StateChange(state="seen"))
    notice()
    assert group_row(school, group_id).unseen == 1
    assert change(school, group_id, StateChange(state="seen")), "seen again"
    assert group_row(school, group_id).unseen == 0


def test_a_note_is_there_once_and_never_changed(school: FakeSchool, notice: Notice) -> None:
    group_id = notice()
    text = "  First line\r\nsecond, “quoted” \U0001f600 <script>\t=1+1  "
    for is_new in (True, False):
        with school.store.write_session() as session:
            added = states.add_note(
                session, school.clock(), group_id=group_id, whose="pupils", text=text, by="lead", token="f" * 32
            )
            assert added is is_new
    with school.store.write_session() as session, pytest.raises(NotPossible, match="with other words"):
        states.add_note(
            session,
            school.clock(),
            group_id=group_id,
            whose="pupils",
            text="Written on",
            by="lead",
            token="f" * 32,
        )
    assert history(school, group_id) == [("lead", text.strip())]


@pytest.mark.parametrize("text", ["", " \n ", "a\0b", "\x1b[31m", "x" * 4001, "\u2028"])
def test_a_note_of_nothing_or_of_odd_bytes_is_refused(school: FakeSchool, notice: Notice, text: str) -> None:
    group_id = notice()
    with pytest.raises(NotPossible), school.store.write_session() as session:
        states.add_note(session, school.clock(), group_id=group_id, whose="pupils", text=text, by="lead")


def every_call(school: FakeSchool, group_id: str) -> list[Callable[[Any], object]]:
    named: dict[str, Any] = {"group_id": group_id, "whose": "pupils", "by": "lead"}
    now = school.clock()
    return [
        lambda session: states.get_group(session, group_id, "pupils"),
        lambda session: states.change_state(session, now, change=CLOSED, **named),
        lambda session: states.undo_change(session, now, **named),
        lambda session: states.add_note(session, now, text="x", **named),
        lambda session: states.hold_group(session, now, reason="x", **named),
        lambda session: states.release_group(session, now, **named),
        lambda session: search.read_details(session, group_id, "pupils"),
    ]


def test_an_incident_of_staffs_is_not_there_for_whoever_sees_pupils(school: FakeSchool, notice: Notice) -> None:
    for group_id in (notice(group="staff"), "f" * 32):
        for call in every_call(school, group_id):
            with pytest.raises(NotFound), school.store.write_session() as session:
                call(session)


def test_the_audit_says_who_did_what_and_of_staff_neither_what_nor_where(
    school: FakeSchool, notice: Notice
) -> None:
    change(school, notice(), StateChange(state="seen"))
    change(school, notice(group="staff"), CLOSED, by="head", whose="staff")
    with school.store.read_session() as session:
        lines = session.scalars(select(AuditRow).where(AuditRow.what == "incident changed").order_by(AuditRow.id))
        of_pupils, of_staff = [(one.who, one.detail) for one in lines]
    assert of_pupils[0] == "lead"
    assert "Room 4" in of_pupils[1]
    assert of_staff[0] == "head"
    assert not any(word in of_staff[1] for word in ("Room", "refusals", "talked", "d1"))


def test_what_was_closed_long_ago_is_deleted_unless_it_is_held(school: FakeSchool, notice: Notice) -> None:
    held, closed, still_open = notice("d1"), notice("d2"), notice("d3")
    for one in (held, closed):
        change(school, one, CLOSED)
    with school.store.write_session() as session:
        named: dict[str, Any] = {"group_id": held, "whose": "pupils", "by": "lead"}
        assert states.hold_group(session, school.clock(), reason="the police asked", **named)
        assert not states.hold_group(session, school.clock(), reason="again", **named)
    school.clock.pass_minutes(31 * 24 * 60)

    def prune() -> int:
        with school.store.write_session() as session:
            return retention.prune_incidents(session, school.clock(), 30)

    assert (prune(), prune()) == (1, 0)
    with school.store.write_session() as session:
        states.get_group(session, held, "pupils")
        states.get_group(session, still_open, "pupils")
        with pytest.raises(CentralError):
            states.get_group(session, closed, "pupils")
        assert states.release_group(session, school.clock(), group_id=held, whose="pupils", by="lead")
    assert prune() == 1


def test_the_room_hears_of_what_was_closed_and_never_of_staffs(school: FakeSchool, notice: Notice) -> None:
    of_pupils, of_staff = notice(), notice(group="staff")

    def heard() -> tuple[int, list[str]]:
        entry = school.central.targets.current_entry(school.room().id)
        assert entry is not None
        with school.store.read_session() as session:
            found = search.list_closed_incidents(session, school.clock(), school.room().id)
        return entry.target.incidents, [one.id for one in found]

    assert heard() == (0, [])
    change(school, of_staff, CLOSED, by="head", whose="staff")
    assert heard() == (0, [])
    change(school, of_pupils, CLOSED)
    assert heard() == (1, [of_pupils])
