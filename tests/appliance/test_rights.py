"""The table of roles and rights, and what is said of it."""

from pathlib import Path

import pytest

from appliance.rights import ANYBODY, GRANTS, ROLES, ROOM, Right, Scope, has_right

DOCUMENT = (Path(__file__).parents[2] / "docs" / "central.md").read_text()


def test_every_right_is_somebodys_and_every_role_has_its_row() -> None:
    assert {right for rights in GRANTS.values() for right in rights} == set(Right)
    assert set(GRANTS) == {*ROLES, ANYBODY, ROOM}


def test_a_right_in_the_whole_school_holds_in_a_room_and_not_the_other_way_round() -> None:
    assert has_right("coordinator", Right.SIGN_IN, Scope.SCHOOL)
    assert has_right("coordinator", Right.SIGN_IN, Scope.ROOM)
    assert has_right("teacher", Right.SIGN_IN, Scope.ROOM)
    assert not has_right("teacher", Right.SIGN_IN, Scope.SCHOOL)


def test_a_role_that_nobody_knows_has_no_rights() -> None:
    assert not any(has_right("caretaker", right, Scope.ROOM) for right in Right)  # type: ignore[arg-type]  # it is none


@pytest.mark.parametrize("role", ROLES)
def test_every_role_is_documented(role: str) -> None:
    assert f"`{role}`" in DOCUMENT
