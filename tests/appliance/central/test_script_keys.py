"""A key for a script is worth no more than whoever made it, and its name fits wherever a name stands."""

from datetime import timedelta

import pytest

from appliance.central import script_keys
from appliance.central.errors import NotFound, NotPossible
from appliance.central.models import UserRow
from appliance.central.script_keys import describe_actor
from appliance.rights import Right, Role
from tests.fakes.furnished import OF_COORDINATORS
from tests.fakes.school import FakeSchool


def add(
    school: FakeSchool, *, name: str = "x", owner: str = "cora", rights: tuple[Right, ...] = (Right.SEE_ROOMS,)
) -> str:
    with school.store.write_session(affects_rooms=False) as session:
        made = script_keys.add_key(
            session, school.clock(), name=name, owner=owner, rights=rights,
            ends=school.clock() + timedelta(days=1), by="command line",
        )  # fmt: skip
    return made.token


def test_only_what_scripts_can_do_and_the_owner_may_can_be_given(school: FakeSchool) -> None:
    school.account("cora", "coordinator")
    school.account("dora", ("deputy_coordinator", "technician"))
    school.account("lena", "safeguarding")
    assert add(school, rights=OF_COORDINATORS)
    assert add(school, owner="lena", name="concerns", rights=(Right.HANDLE_INCIDENTS, Right.LOOK_UP_DEVICES))
    for owner, rights, words in (
        ("cora", (Right.EDIT_ACCOUNTS,), "no more than cora"),
        ("cora", (Right.HANDLE_INCIDENTS, Right.SEE_ROOMS), "no more than cora"),
        ("cora", (), "what the script may do"),
        ("lena", (Right.HANDLE_STAFF_INCIDENTS,), "no more than lena"),
        ("dora", (Right.SEE_ROOMS,), "dora may make no keys"),
    ):
        with pytest.raises(NotPossible, match=words):
            add(school, name="other", owner=owner, rights=rights)
    with pytest.raises(NotFound, match="no account"):
        add(school, name="other", owner="nobody\x00")


@pytest.mark.parametrize("name", ["", " ", "a\x00b", "a\u202eb", "x" * 25, "\u200b", "x (made by head)", "x)"])
def test_a_name_is_one_short_line(school: FakeSchool, name: str) -> None:
    school.account("cora", "coordinator")
    with pytest.raises(NotPossible, match="a script's name"):
        add(school, name=name)


def test_whoever_acts_is_named_in_the_length_that_there_is() -> None:
    assert describe_actor("timetable", "cora") == "script timetable (made by cora)"
    longest = describe_actor("x" * 24, "y" * 64)
    assert len(longest) == 64
    assert longest.startswith("script xxxxxxxxxxxxxxxxxxxxxxxx (made by yyyy")


def test_that_a_key_was_used_is_written_down_every_few_minutes_and_not_at_each_call(school: FakeSchool) -> None:
    school.account("cora", "coordinator")
    token = add(school)
    with school.store.write_session(affects_rooms=False) as session:
        caller = script_keys.find_caller(session, school.clock(), token)
        assert caller is not None
        assert script_keys.is_use_news(caller, school.clock())
        script_keys.note_used(session, school.clock(), caller.key_id)
    with school.store.read_session() as session:
        again = script_keys.find_caller(session, school.clock(), token)
    assert again is not None
    assert not script_keys.is_use_news(again, school.clock())
    school.clock.pass_minutes(6)
    assert script_keys.is_use_news(again, school.clock())


@pytest.mark.parametrize(
    ("roles", "left"),
    [
        (("coordinator",), {Right.SEE_ROOMS, Right.DECIDE_REQUESTS}),
        (("deputy_coordinator",), set()),  # who may do both, and make no key
        (("head", "technician"), {Right.SEE_ROOMS}),
        (("head",), set()),
        (("teacher",), set()),
    ],
)
def test_a_key_can_do_at_each_moment_what_its_maker_may(
    school: FakeSchool, roles: tuple[Role, ...], left: set[Right]
) -> None:
    school.account("cora", "coordinator")
    token = add(school, rights=(Right.SEE_ROOMS, Right.DECIDE_REQUESTS))
    with school.store.write_session() as session:
        session.get_one(UserRow, "cora").roles = [*roles]
    with school.store.read_session() as session:
        caller = script_keys.find_caller(session, school.clock(), token)
        assert (caller.rights if caller is not None else set()) == left
        session.get_one(UserRow, "cora").ends = school.clock()
        assert script_keys.find_caller(session, school.clock(), token) is None
