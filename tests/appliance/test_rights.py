"""The table of roles and rights, and what is said of it."""

from pathlib import Path

import pytest

from appliance.rights import (
    ANYBODY,
    GRANTS,
    ROLE_WORDS,
    ROLES,
    ROOM,
    SCHOOL_ROLES,
    TRUST_ROLES,
    Caller,
    Right,
    Role,
    Scope,
    has_right,
    may_teach,
    role_in_rooms,
    role_words,
    roles_at,
)

DOCUMENT = (Path(__file__).parents[2] / "docs" / "central.md").read_text()
OWN = {"SIGN_IN", "HEAR_NEWS", "MANAGE_OWN_SIGN_INS"}
DAILY = OWN | {
    "SEE_HOME", "DECIDE_REQUESTS", "HANDLE_REPORTS", "EDIT_RULES", "EDIT_PROFILES", "DELEGATE", "EDIT_LISTS",
    "SEE_DEVICES", "EDIT_DEVICES", "SEE_ROOMS", "ENROL_ROOMS", "MANAGE_SUPPLY_ACCOUNTS", "READ_REPORTS",
    "READ_AUDIT",
}  # fmt: skip
LEAD = OWN | {
    "HANDLE_INCIDENTS", "LOOK_UP_DEVICES", "READ_REPORTS", "READ_AUDIT", "EXPORT_AUDIT", "MAKE_SCRIPT_KEYS",
}  # fmt: skip
TEACHING = OWN | {"SEE_ROOM", "REQUEST_UNBLOCKS", "REPORT_SITES", "LEAD_LESSONS"}
# Written out again, so that a change of the table is seen to be one: what each role may do in the whole school.
AT_CENTRAL: dict[Role, set[str]] = {
    "teacher": set(),
    "supply": set(),
    "office": OWN | {"MANAGE_SUPPLY_ACCOUNTS"},
    "deputy_coordinator": DAILY,
    "coordinator": DAILY
    | {
        "SET_UP_SCHOOL",
        "EDIT_ACCOUNTS",
        "EDIT_SCHOOL",
        "EXPORT_AUDIT",
        "MAKE_SCRIPT_KEYS",
        "CONNECT_SERVICES",
    },
    "safeguarding": LEAD,
    "deputy_safeguarding": LEAD,
    "head": OWN
    | {
        "HANDLE_STAFF_INCIDENTS",
        "LOOK_UP_STAFF_DEVICES",
        "READ_REPORTS",
        "READ_AUDIT",
        "EXPORT_AUDIT",
        "MAKE_SCRIPT_KEYS",
    },
    "leadership": OWN | {"READ_REPORTS"},
    "governor": OWN | {"READ_REPORTS"},
    "technician": OWN | {"SEE_ROOMS", "ENROL_ROOMS", "SEE_DEVICES"},
    "trust_administrator": set(),
}
AT_TRUST: dict[Role, set[str]] = {
    "trust_administrator": {
        "SIGN_IN", "MANAGE_OWN_SIGN_INS", "SEE_TRUST", "MANAGE_SCHOOLS", "LAY_DOWN", "EDIT_ACCOUNTS",
        "MANAGE_SUPPLY_ACCOUNTS", "READ_AUDIT", "EXPORT_AUDIT", "MAKE_SCRIPT_KEYS",
        "CONNECT_SERVICES",
    },
}  # fmt: skip
WHO_TEACHES: set[Role] = {"teacher", "supply", "coordinator", "deputy_coordinator"}


@pytest.mark.parametrize("role", ROLES)
def test_every_right_of_every_role_is_its_own_and_no_other_roles(role: Role) -> None:
    in_rooms = AT_CENTRAL[role] | (TEACHING if role in WHO_TEACHES else set())
    for right in Right:
        assert has_right(role, right, Scope.SCHOOL) == (right.name in AT_CENTRAL[role]), (role, right)
        assert has_right(role, right, Scope.ROOM) == (right.name in in_rooms), (role, right)
        assert has_right(role, right, Scope.TRUST) == (right.name in AT_TRUST.get(role, set())), (role, right)


@pytest.mark.parametrize("role", ROLES)
def test_two_roles_may_do_what_either_may_and_nothing_else(role: Role) -> None:
    for other in ROLES:
        for right in Right:
            either = has_right(role, right, Scope.SCHOOL) or has_right(other, right, Scope.SCHOOL)
            assert has_right((role, other), right, Scope.SCHOOL) == either


def test_a_lead_or_head_leads_a_lesson_only_where_they_are_a_teacher_too() -> None:
    assert {role for role in ROLES if may_teach((role,))} == WHO_TEACHES
    assert may_teach(("head", "teacher"))
    assert not may_teach(("head", "safeguarding"))
    assert not may_teach(())


def test_a_room_is_told_of_no_role_but_whether_somebody_teaches() -> None:
    told = {role: role_in_rooms((role,)) for role in ROLES}
    assert {role for role, said in told.items() if said == "teacher"} == WHO_TEACHES
    assert {said for role, said in told.items() if role not in WHO_TEACHES} == {"governor"}


def test_every_right_is_somebodys_and_every_role_has_its_row() -> None:
    assert {right for rights in GRANTS.values() for right in rights} == set(Right)
    assert set(GRANTS) == {*ROLES, ANYBODY, ROOM, "school", "invited"}  # the last two: at a trust
    assert set(ROLE_WORDS) == set(ROLES)
    assert role_words(("head", "teacher")) == "Teacher, Headteacher"


def test_a_right_in_the_whole_school_holds_in_a_room_and_not_the_other_way_round() -> None:
    assert has_right("coordinator", Right.SIGN_IN, Scope.SCHOOL)
    assert has_right("coordinator", Right.SIGN_IN, Scope.ROOM)
    assert has_right("teacher", Right.SIGN_IN, Scope.ROOM)
    assert not has_right("teacher", Right.SIGN_IN, Scope.SCHOOL)


def test_who_has_no_account_has_these_rights_and_no_others() -> None:
    written: dict[Caller, dict[Scope, set[str]]] = {
        ANYBODY: {key: {"VISIT"} for key in (Scope.ROOM, Scope.SCHOOL, Scope.TRUST)},
        ROOM: {Scope.ROOM: {"FOLLOW_SCHOOL", "DELIVER_MESSAGES", "CHECK_PASSWORDS"}},
        "school": {Scope.TRUST: {"FOLLOW_TRUST"}},
        "invited": {Scope.TRUST: {"ENROL_AT_TRUST"}},
    }
    assert {*written, *ROLES} == set(GRANTS)
    for caller, held in written.items():
        for scope in (Scope.ROOM, Scope.SCHOOL, Scope.TRUST):
            assert {right.name for right in Right if has_right(caller, right, scope)} == held.get(scope, set()), (
                caller, scope,
            )  # fmt: skip


def test_a_trust_has_roles_of_its_own_and_none_of_a_schools() -> None:
    assert (roles_at(Scope.TRUST), roles_at(Scope.SCHOOL)) == (TRUST_ROLES, SCHOOL_ROLES)
    assert not {*TRUST_ROLES} & {*SCHOOL_ROLES}
    callers: tuple[Caller, ...] = ("school", "invited")
    for caller in callers:
        assert not any(has_right(caller, right, Scope.SCHOOL) for right in Right)
    assert all(has_right(ANYBODY, Right.VISIT, scope) for scope in (Scope.ROOM, Scope.SCHOOL, Scope.TRUST))


def test_a_role_that_nobody_knows_has_no_rights() -> None:
    assert not any(has_right("caretaker", right, Scope.ROOM) for right in Right)  # type: ignore[arg-type]  # it is none


@pytest.mark.parametrize("role", ROLES)
def test_every_role_is_documented(role: str) -> None:
    assert f"`{role}`" in DOCUMENT
