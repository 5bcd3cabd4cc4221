"""Every address of a trust, tried by whoever may not: strangers, ended schools, and one school as another."""

import base64
from datetime import timedelta
from typing import Any

import pytest

from appliance.central import audit
from appliance.central.room_life import hash_token
from appliance.operations.trust import TRUST_OPERATIONS, TRUST_PATH
from appliance.trust import schools
from tests.fakes.trust import FakeTrust

NUMBERS: dict[str, Any] = {
    "version": "0.1.0", "timezone": "Europe/London", "rooms": 3, "rooms_in_step": 3, "rooms_silent": 0,
    "answers": 1000, "refused": 20, "refused_by_category": [{"category": "games", "refused": 20}],
    "requests_waiting": None, "incidents_open": 0, "lists_built_at": None, "document": "",
}  # fmt: skip
BODIES = {"enrol_school": {"credential_hash": "a" * 64}, "get_document": None, "put_numbers": NUMBERS}
OF_SCHOOLS = [one for one in TRUST_OPERATIONS if one.caller == "school"]


def try_all(trust: FakeTrust, credential: str) -> set[int]:
    """Return what every operation answers to a credential."""
    answers = (
        trust.call(one.method, one.path.removeprefix(f"{TRUST_PATH}/"), credential, BODIES[one.id])
        for one in TRUST_OPERATIONS
    )
    return {answer.status_code for answer in answers}


@pytest.mark.parametrize(
    "credential", ["", "nobody's", "credential of School Three", "\N{SNOWMAN}".encode().decode("latin-1")]
)
def test_a_stranger_is_answered_nothing(trust: FakeTrust, credential: str) -> None:
    trust.enrol("School One")

    assert try_all(trust, credential) == {401}


def test_the_invitation_of_a_school_opens_nothing_but_its_enrolment(trust: FakeTrust) -> None:
    trust.register("School One")
    token = trust.invite("School One").token

    for one in OF_SCHOOLS:
        path = one.path.removeprefix(f"{TRUST_PATH}/")
        assert trust.call(one.method, path, token, BODIES[one.id]).status_code == 401


def test_a_school_gets_and_writes_its_own_and_nobody_elses(trust: FakeTrust) -> None:
    one, two = trust.enrol("School One"), trust.enrol("School Two")
    trust.lay_down("category", "School Two", category="games")

    assert trust.document(one).locked_categories == ()
    assert trust.document(two).locked_categories == ("games",)
    assert trust.call("PUT", "numbers", one, NUMBERS).status_code == 200
    with trust.store.read_session() as session:
        known = {row.name: row.numbers for row in schools.list_schools(session)}
    assert known == {"School One": NUMBERS, "School Two": None}


@pytest.mark.parametrize("query", ["?school=School+Two", "?id=1"])
def test_what_a_school_says_beside_its_credential_makes_it_no_other(trust: FakeTrust, query: str) -> None:
    one = trust.enrol("School One")
    trust.enrol("School Two")

    answer = trust.call("GET", f"document{query}", one)

    assert '\\"School One\\"' in answer.text
    assert "School Two" not in answer.text


def test_the_digest_of_another_schools_document_does_not_stand_for_ones_own(trust: FakeTrust) -> None:
    one, two = trust.enrol("School One"), trust.enrol("School Two")

    others = trust.call("GET", "document", one, **{"If-None-Match": f'"{trust.signed(two).digest}"'})
    own = trust.call("GET", "document", one, **{"If-None-Match": f'"{trust.signed(one).digest}"'})

    assert (others.status_code, own.status_code) == (200, 304)


def test_an_invitation_works_once(trust: FakeTrust) -> None:
    trust.register("School One")
    token = trust.invite("School One").token

    def enrol(credential: str) -> int:
        return trust.call("POST", "enrolment", token, {"credential_hash": hash_token(credential)}).status_code

    assert enrol("first") == 200
    assert enrol("second") == 401
    assert enrol("first") == 200, "the answer may have been lost: the same again is answered alike"


def test_an_invitation_ends(trust: FakeTrust) -> None:
    trust.register("School One")
    token = trust.invite("School One", days=1).token
    trust.clock.time += timedelta(days=1)

    assert trust.call("POST", "enrolment", token, {"credential_hash": "a" * 64}).status_code == 401


def test_a_newer_invitation_ends_the_one_before(trust: FakeTrust) -> None:
    trust.register("School One")
    before, after = trust.invite("School One").token, trust.invite("School One").token

    assert trust.call("POST", "enrolment", before, {"credential_hash": "a" * 64}).status_code == 401
    assert trust.call("POST", "enrolment", after, {"credential_hash": "a" * 64}).status_code == 200


def test_no_school_enrols_with_the_credential_of_another(trust: FakeTrust) -> None:
    one = trust.enrol("School One")
    trust.register("School Two")
    stolen = {"credential_hash": hash_token(one)}

    assert trust.call("POST", "enrolment", trust.invite("School Two").token, stolen).status_code == 401
    assert '"School One' in trust.signed(one).document


def test_a_new_machine_of_a_school_ends_what_the_old_one_had(trust: FakeTrust) -> None:
    old = trust.enrol("School One")
    token = trust.invite("School One").token
    assert trust.call("GET", "document", old).status_code == 200, "an invitation alone ends nothing"

    assert trust.call("POST", "enrolment", token, {"credential_hash": hash_token("new")}).status_code == 200

    assert trust.call("GET", "document", old).status_code == 401
    assert trust.call("GET", "document", "new").status_code == 200


def test_a_revoked_school_is_answered_nothing(trust: FakeTrust) -> None:
    one = trust.enrol("School One")
    with trust.store.write_session() as session:
        school = schools.require_school(session, "School One")
        schools.revoke_school(session, trust.clock(), school=school, by="test")

    assert {
        trust.call("GET", "document", one).status_code,
        trust.call("PUT", "numbers", one, NUMBERS).status_code,
    } == {403}
    assert "revoked" in trust.call("GET", "document", one).get_json(force=True)["detail"]


def test_a_school_that_was_let_go_hears_that_and_tells_no_more(trust: FakeTrust) -> None:
    one = trust.enrol("School One")
    trust.lay_down("category", category="games")
    with trust.store.write_session() as session:
        schools.retire_school(
            session, trust.clock(), school=schools.require_school(session, "School One"), by="test"
        )

    farewell = trust.document(one)

    assert (farewell.is_member, farewell.locked_categories) == (False, ())
    assert trust.call("PUT", "numbers", one, NUMBERS).status_code == 403


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({**NUMBERS, "rooms": -1}, 400),
        ({**NUMBERS, "refused_by_category": [{"category": str(n), "refused": 5} for n in range(300)]}, 400),
        ({**NUMBERS, "refused_by_category": [{"category": "\x1b[2J", "refused": 5}]}, 400),
        ({**NUMBERS, "version": "\x00"}, 400),
        ({**NUMBERS, "timezone": "x" * 300_000}, 413),
        ([], 400),
    ],
)
def test_numbers_that_are_none_are_refused(trust: FakeTrust, body: Any, status: int) -> None:
    assert trust.call("PUT", "numbers", trust.enrol("School One"), body).status_code == status


def test_a_document_is_what_the_trust_has_signed(trust: FakeTrust) -> None:
    signed = trust.signed(trust.enrol("School One"))

    assert len(base64.b64decode(signed.signature)) == 64
    assert signed.document.startswith('{"trust":')


def test_who_enrolled_stands_in_the_audit(trust: FakeTrust) -> None:
    trust.enrol("School One")

    with trust.store.read_session() as session:
        said = [(row.who, row.what) for row in audit.list_audit_entries(session)]
    assert ("School One", "school enrolled") in said
    assert ("test", "school invited") in said
