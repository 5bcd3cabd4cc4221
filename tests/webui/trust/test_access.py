"""Who comes in at a trust: its administrators, and nobody with any role of a school's."""

from datetime import UTC, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient

from appliance.central import account_management, accounts
from appliance.central.errors import NotPossible
from appliance.central.models import UserRow
from appliance.protocol import Account
from appliance.rights import ANYBODY, ROLES, SCHOOL_ROLES, Right, Role, Scope, has_right
from appliance.trust.state import NoTrust, create_trust
from tests.fakes.school import FakeSchool
from tests.fakes.signed_in import signed_in_client
from tests.fakes.trust import FakeTrust
from tests.webui.trust.pages import Pages
from webui.shared.access import find_right

LATER = datetime(2100, 1, 1, tzinfo=UTC)  # also after a page that signs out everywhere
ENDS_SIGN_INS = {"own_password.sign_out_everywhere", "sign_ins.end_others"}
FILLED_IN = {"kind": "category", "how": "retire", "number": 1, "key_id": 1}


def routes(trust: FakeTrust) -> list[tuple[str, str, str]]:
    """Return the method, the address and the endpoint of everything on the site that is for who signed in."""
    with trust.app.test_request_context():
        urls = trust.app.url_map.bind("localhost")
        return [
            (
                method,
                urls.build(rule.endpoint, {one: FILLED_IN.get(one, "x") for one in rule.arguments}, method=method),
                rule.endpoint,
            )
            for rule in trust.app.url_map.iter_rules()
            for method in sorted((rule.methods or set()) & {"GET", "POST"})
            if not rule.endpoint.startswith("trust_api.")
            and not has_right(ANYBODY, find_right(trust.app, rule.endpoint) or Right.SIGN_IN, Scope.TRUST)
        ]


def forced_in(trust: FakeTrust, role: Role) -> FlaskClient:
    """Return the browser of an account that no service would have made: its row is written as it is."""
    with trust.store.write_session() as session:
        if session.get(UserRow, role) is None:
            verifier = accounts.unknown_password_verifier()
            session.add(UserRow(username=role, name=role, roles=[role], room_ids=[], password=verifier, ends=None))
    return signed_in_client(trust.app, Account(username=role, name=role, role=role))


@pytest.fixture
def open_trust(trust: FakeTrust) -> FakeTrust:
    trust.app.config["WTF_CSRF_ENABLED"] = (
        False  # or a form without its token would be refused before anything else
    )
    return trust


def test_a_stranger_is_asked_to_sign_in_on_every_page(open_trust: FakeTrust) -> None:
    stranger, found = open_trust.app.test_client(), routes(open_trust)

    assert len(found) > 30
    for method, path, _ in found:
        assert stranger.open(path, method=method).headers["Location"].startswith("/sign-in"), path


def test_no_role_of_a_school_comes_to_any_page_of_a_trust(open_trust: FakeTrust) -> None:
    for role in SCHOOL_ROLES:
        client = forced_in(open_trust, role)
        found = {client.open(path, method=method).status_code for method, path, _ in routes(open_trust)}
        assert found == {403}, role


def test_an_administrator_comes_to_every_page_of_a_trust(open_trust: FakeTrust) -> None:
    open_trust.account("tina")
    tina = Account(username="tina", name="Tina", role="trust_administrator", valid_after=LATER)
    client = signed_in_client(open_trust.app, tina)

    for method, path, endpoint in routes(open_trust):
        answer = client.open(path, method=method)
        assert answer.status_code in (200, 302), (path, answer.status_code)
        assert not answer.headers.get("Location", "").startswith("/sign-in"), path
        if endpoint in ENDS_SIGN_INS:
            client = signed_in_client(open_trust.app, tina)


def test_a_trust_makes_no_account_with_a_role_of_a_school(trust: FakeTrust) -> None:
    trust.account("tina")
    now = trust.clock()
    for role in SCHOOL_ROLES:
        with trust.store.write_session() as session, pytest.raises(NotPossible, match="of those that there are"):
            accounts.add_account(session, now, username="x", name="", roles=(role,), password=None, by="test")
        with trust.store.write_session() as session, pytest.raises(NotPossible, match="of those that there are"):
            account_management.change_account(
                session, now, username="tina", name="", roles=("trust_administrator", role), ends=None,
                room_ids=(), by="test",
            )  # fmt: skip


def test_a_school_makes_no_trusts_administrator_and_one_forced_in_may_nothing_there(tmp_path: Any) -> None:
    school = FakeSchool(tmp_path / "central")
    with pytest.raises(NotPossible, match="of those that there are"):
        school.account("tina", "trust_administrator")
    assert not any(
        has_right("trust_administrator", right, scope) for right in Right for scope in (Scope.ROOM, Scope.SCHOOL)
    )
    school.close()


def test_a_database_with_accounts_of_a_school_becomes_no_trusts(tmp_path: Any) -> None:
    school = FakeSchool(tmp_path / "central")
    school.account("cora", "coordinator")
    with school.store.write_session() as session, pytest.raises(NoTrust, match="has accounts"):
        create_trust(session, school.clock(), school.central.keys)
    school.close()


def test_the_credential_of_a_school_and_its_invitation_open_no_page(trust: FakeTrust) -> None:
    credential = trust.enrol("School One")
    trust.register("School Two")
    for token in (credential, trust.invite("School Two").token):
        for method, path, _ in routes(trust):
            answer = trust.app.test_client().open(
                path, method=method, headers={"Authorization": f"Bearer {token}"}
            )
            assert answer.status_code in (302, 400), path  # to sign in, or: a form needs its token
            assert "School" not in answer.text


def test_a_session_of_a_page_opens_nothing_of_what_schools_call(trust: FakeTrust) -> None:
    trust.account("tina")
    client = signed_in_client(trust.app, Account(username="tina", name="Tina", role="trust_administrator"))

    assert client.get("/api/v1/trust/document").status_code == 401
    assert client.put("/api/v1/trust/numbers", json={}).status_code == 401


def test_signing_in_takes_the_password_and_counts_wrong_ones(trust: FakeTrust) -> None:
    trust.account("tina")
    pages = Pages(trust.app)

    assert pages.sign_in("tina", "not that one").status_code == 401
    assert pages.sign_in("tina").headers["Location"] == "/"
    assert "at the trust's pages" in pages.open("/audit")
    guesses = [Pages(trust.app).sign_in("tina", "a guess").status_code for _ in range(12)]
    assert guesses[-1] == 429


def test_an_account_that_has_ended_is_out_with_the_next_page(trust: FakeTrust) -> None:
    trust.account("tina")
    client = signed_in_client(trust.app, Account(username="tina", name="Tina", role="trust_administrator"))
    assert client.get("/schools").status_code == 200
    with trust.store.write_session() as session:
        account_management.end_account(session, trust.clock(), username="tina", by="test")

    assert client.get("/schools").headers["Location"].startswith("/sign-in")


@pytest.mark.parametrize("role", ROLES)
def test_every_right_that_a_trust_asks_for_is_its_administrators_alone(role: Role) -> None:
    held = {right for right in Right if has_right(role, right, Scope.TRUST)}
    assert bool(held) == (role == "trust_administrator")
