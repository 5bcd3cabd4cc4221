"""What a trust's own scripts can ask, by keys of limited rights; tried by every other key and by none."""

from datetime import timedelta
from typing import Any

import pytest
from werkzeug.test import TestResponse

from appliance.central import account_management, audit, script_keys
from appliance.central.errors import NotPossible
from appliance.central.models import UserRow
from appliance.operations.trust_scripts import TRUST_SCRIPT_OPERATIONS
from appliance.rights import SCHOOL_ROLES, SCRIPT_RIGHTS, TRUST_SCRIPT_RIGHTS, Right, Scope, has_right
from appliance.trust.schools import MAX_SCHOOLS
from tests.fakes.school import FakeSchool
from tests.fakes.trust import FakeTrust
from tests.webui.trust.pages import signed_in
from tests.webui.trust.test_hostile_school import NUMBERS

BODIES: dict[str, Any] = {"add_trust_entry": {"kind": "category", "category": "games"}}


def make_key(trust: FakeTrust, *rights: Right, owner: str = "tina", days: int = 30) -> str:
    with trust.store.write_session() as session:
        return script_keys.add_key(
            session, trust.clock(), name=f"key {len(script_keys.list_keys(session))}", owner=owner, rights=rights,
            ends=trust.clock() + timedelta(days=days), by=owner,
        ).token  # fmt: skip


def try_one(trust: FakeTrust, operation: Any, key: str) -> TestResponse:
    path = operation.path.removeprefix("/trust/").replace("{number}", "1")
    return trust.call(operation.method, path, key, BODIES.get(operation.id))


@pytest.fixture
def owned(trust: FakeTrust) -> FakeTrust:
    trust.account("tina")
    return trust


def test_a_script_sees_schools_and_numbers_and_no_more(owned: FakeTrust) -> None:
    owned.call("PUT", "numbers", owned.enrol("School One"), NUMBERS)
    key = make_key(owned, Right.SEE_TRUST)

    (one,) = owned.call("GET", "schools", key).get_json()

    assert (one["name"], one["state"], one["is_silent"], one["is_behind"]) == (
        "School One",
        "enrolled",
        False,
        True,
    )
    assert one["numbers"]["requests_waiting"] is None, "under five"
    assert set(one) == {"id", "name", "state", "is_silent", "is_behind", "last_seen", "numbers"}


def test_a_script_may_name_as_many_schools_as_a_trust_has(owned: FakeTrust) -> None:
    ids = [owned.register("School One"), *(f"{number:032x}" for number in range(1, MAX_SCHOOLS))]
    key = make_key(owned, Right.LAY_DOWN)

    answer = owned.call("POST", "entries", key, {"kind": "category", "category": "games", "schools": ids})

    assert answer.status_code == 404, "it is read, and of the schools it names one is known"
    assert f"there is no school {ids[1]!r}" in answer.text


def test_a_script_lays_down_takes_back_and_puts_back(owned: FakeTrust) -> None:
    school = owned.enrol("School One")
    key = make_key(owned, Right.SEE_TRUST, Right.LAY_DOWN)

    made = owned.call("POST", "entries", key, {"kind": "name", "name": "Bad.example.org", "note": "why"})
    number = made.get_json()["number"]
    assert made.status_code == 201
    assert made.get_json()["made_by"] == "script key 0 (made by tina)"
    assert [one.name for one in owned.document(school).rules] == ["bad.example.org"]
    assert owned.call("DELETE", f"entries/{number}", key).status_code == 200
    assert owned.document(school).rules == ()
    assert [one["number"] for one in owned.call("GET", "entries?state=taken-back", key).get_json()] == [number]
    assert owned.call("POST", f"entries/{number}/restoration", key).status_code == 200
    assert [one["number"] for one in owned.call("GET", "entries", key).get_json()] == [number]
    with owned.store.read_session() as session:
        said = [(row.who, row.what) for row in audit.list_audit_entries(session)]
    assert ("script key 0 (made by tina)", "laid down: name") in said


@pytest.mark.parametrize("right", TRUST_SCRIPT_RIGHTS)
def test_a_key_for_one_right_does_nothing_of_another(owned: FakeTrust, right: Right) -> None:
    owned.lay_down("category", category="gambling")
    key = make_key(owned, right)

    for operation in TRUST_SCRIPT_OPERATIONS:
        status = try_one(owned, operation, key).status_code
        assert (status == 403) == (operation.right is not right), (operation.id, status)


def test_nobody_elses_key_or_credential_does_anything(owned: FakeTrust, tmp_path: Any) -> None:
    credential = owned.enrol("School One")
    owned.register("School Two")
    other = FakeSchool(tmp_path / "central")
    other.account("cora", "coordinator")
    with other.store.write_session() as session:
        of_school = script_keys.add_key(
            session, other.clock(), name="desk", owner="cora",
            rights=[right for right in SCRIPT_RIGHTS if has_right("coordinator", right, Scope.SCHOOL)],
            ends=other.clock() + timedelta(days=3), by="cora",
        ).token  # fmt: skip
    other.close()
    over = make_key(owned, Right.SEE_TRUST, days=1)
    taken_back = make_key(owned, Right.SEE_TRUST)
    with owned.store.write_session() as session:
        script_keys.revoke_key(session, owned.clock(), key_id=2, by="tina")
    owned.clock.time += timedelta(days=2)

    strangers = ("", "nobody's", credential, owned.invite("School Two").token, of_school, over, taken_back)
    for operation in TRUST_SCRIPT_OPERATIONS:
        assert {try_one(owned, operation, key).status_code for key in strangers} == {401}, operation.id


def test_a_key_is_no_schools_credential(owned: FakeTrust) -> None:
    key = make_key(owned, *TRUST_SCRIPT_RIGHTS)

    assert owned.call("GET", "document", key).status_code == 401
    assert owned.call("PUT", "numbers", key, NUMBERS).status_code == 401


def test_a_key_ends_with_its_makers_account_and_with_their_right(owned: FakeTrust) -> None:
    owned.account("tom")
    of_tom, of_tina = make_key(owned, Right.SEE_TRUST, owner="tom"), make_key(owned, Right.SEE_TRUST)
    with owned.store.write_session() as session:
        account_management.end_account(session, owned.clock(), username="tom", by="tina")
    assert owned.call("GET", "schools", of_tom).status_code == 401

    for role in SCHOOL_ROLES:  # no service writes one of them here
        with owned.store.write_session() as session:
            session.get_one(UserRow, "tina").roles = [role]
        assert owned.call("GET", "schools", of_tina).status_code == 401, role


@pytest.mark.parametrize("right", SCRIPT_RIGHTS)
def test_a_key_of_a_trust_has_no_right_of_a_schools(owned: FakeTrust, right: Right) -> None:
    with pytest.raises(NotPossible, match="no more than tina"):
        make_key(owned, right)


@pytest.mark.parametrize("right", TRUST_SCRIPT_RIGHTS)
def test_a_key_of_a_school_has_no_right_of_a_trusts(tmp_path: Any, right: Right) -> None:
    school = FakeSchool(tmp_path / "central")
    school.account("cora", "coordinator")
    with school.store.write_session() as session, pytest.raises(NotPossible, match="no more than cora"):
        script_keys.add_key(
            session, school.clock(), name="desk", owner="cora", rights=(right,),
            ends=school.clock() + timedelta(days=3), by="cora",
        )  # fmt: skip
    school.close()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"kind": "category", "category": "no such thing"}, 409),
        ({"kind": "category"}, 409),
        ({"kind": "name", "name": "co.uk"}, 409),
        ({"kind": "name", "name": ""}, 409),
        ({"kind": "name", "name": "x" * 300}, 400),
        ({"kind": "name", "name": "a\x00.example.org"}, 400),
        ({"kind": "rule", "name": "example.org", "action": "open"}, 400),
        ({"kind": "source", "name": "ours", "category": "games", "location": "ftp://x"}, 409),
        ({"kind": "source"}, 409),
        ({"kind": "anything"}, 400),
        ({"kind": "category", "category": "games", "schools": ["nobody"]}, 400),
        ({"kind": "category", "category": "games", "schools": ["0" * 32]}, 404),
        ({"kind": "category", "category": "games", "schools": "all"}, 400),
        ([], 400),
        ({}, 400),
    ],
)
def test_what_cannot_be_laid_down_is_refused_and_changes_nothing(owned: FakeTrust, body: Any, status: int) -> None:
    key = make_key(owned, *TRUST_SCRIPT_RIGHTS)

    answer = owned.call("POST", "entries", key, body)

    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
    assert owned.call("GET", "entries", key).get_json() == []


@pytest.mark.parametrize("path", ["entries/0", "entries/x", "entries/99999999999", "entries/5"])
def test_a_number_that_there_is_not_is_answered_with_404(owned: FakeTrust, path: str) -> None:
    assert owned.call("DELETE", path, make_key(owned, Right.LAY_DOWN)).status_code == 404


def test_keys_are_made_on_the_page_shown_once_and_taken_back(trust: FakeTrust) -> None:
    tina = signed_in(trust)
    ends = (trust.clock() + timedelta(days=30)).date().isoformat()

    page = tina.press("/script-keys", name="figures", rights=["SEE_TRUST"], ends=ends)
    key = "hallpass_" + page.partition("hallpass_")[2].partition("<")[0]
    assert trust.call("GET", "schools", key).status_code == 200
    assert key not in tina.open("/schools")

    tina.press("/script-keys/1/revoke")
    assert trust.call("GET", "schools", key).status_code == 401


def test_a_browser_acts_by_no_page_of_another_site(trust: FakeTrust) -> None:
    """What a key does, a cookie does not."""
    tina = signed_in(trust)
    answer = tina.client.post("/api/v1/trust/entries", json={"kind": "category", "category": "games"})

    assert answer.status_code == 401


@pytest.mark.parametrize(
    "address", ["entries/%0A", "entries/a%0Ab%2Fc", "%0A", "nothing", "entries/1/2/3", "entries/0x1"]
)
def test_an_address_that_there_is_none_of_is_answered_with_a_problem(trust: FakeTrust, address: str) -> None:
    answer = trust.call("DELETE", address)
    assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")


@pytest.mark.parametrize("state", ["", "taken", "in-force%0A"])
def test_a_state_that_there_is_none_of_is_refused(owned: FakeTrust, state: str) -> None:
    answer = owned.call("GET", f"entries?state={state}", make_key(owned, Right.SEE_TRUST))
    assert answer.status_code == 400
