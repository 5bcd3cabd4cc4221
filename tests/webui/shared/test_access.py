"""Every route of every site names the right that it needs, and is closed to whoever does not have it."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from appliance.central.audit_check import take_check_lock
from appliance.central.models import UserRow
from appliance.errors import HallpassError
from appliance.operations import OPERATIONS
from appliance.protocol import Account
from appliance.rights import ROOM, SCHOOL_ROLES, Right, Role, Scope, has_right, may_teach
from appliance.settings.dns import DnsSection
from appliance.settings.room import RoomSection, RoomSettings
from appliance.settings.values import UpstreamSetting
from tests.fakes.school import FakeSchool
from tests.fakes.signed_in import signed_in_client
from webui.central.app import create_central_app
from webui.room.app import create_app
from webui.shared.access import find_right

# Written out here, so that a change of the table is seen to be one.
WHO_COMES_IN: dict[str, set[Role]] = {
    "central": set(SCHOOL_ROLES) - {"teacher", "supply"},
    "room": {"teacher", "supply", "coordinator", "deputy_coordinator"},
}
ENDS_SIGN_INS = {"own_password.sign_out_everywhere", "sign_ins.end_others"}
FOR_ANYBODY = {
    "new_password.show", "new_password.save", "new_password.show_rooms_way",
    "static", "shared.static", "shared.stylesheet", "bootstrap.static",
    "sign_in", "sign_in_code", "openid.leave", "openid.come_back",
    "languages.choose", "sign_out", "block_page.pupil_report", "block_page.ask_teacher",
    "room_sign_in.show", "room_sign_in.go_on", "sign_in_at_central.begin", "sign_in_at_central.come_back",
    "sign_in_at_central.use_ticket",
    "block_page.show_pupils", "block_page.ask_by_name",
}  # fmt: skip
FOR_SCRIPTS = {f"api.{one.id}" for one in OPERATIONS if one.caller == "script"}
LATER = datetime(2100, 1, 1, tzinfo=UTC)  # also after a page that signs out everywhere
SCOPES = {"central": Scope.SCHOOL, "room": Scope.ROOM}


@pytest.fixture
def school(tmp_path: Path) -> Iterator[FakeSchool]:
    made = FakeSchool(tmp_path / "central")
    yield made
    made.close()


@pytest.fixture(params=["central", "room"])
def site(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def app(site: str, school: FakeSchool, tmp_path: Path) -> Flask:
    if site == "central":
        made = create_central_app(school.central)
    else:
        made = create_app(
            RoomSettings(
                room=RoomSection(name="Room 4", data=tmp_path, run=Path("/tmp/hp-nobody-serves-here")),
                dns=DnsSection(upstreams=(UpstreamSetting("plain", "192.0.2.53", 53),)),
            )
        )
    take_check_lock(school.central.settings.central.shared_folder)  # as a check of the audit: no other one begins
    made.config["WTF_CSRF_ENABLED"] = False  # or a form without its token would be refused before anything else
    return made


def routes(app: Flask) -> list[tuple[str, str, str]]:
    """Return the method, the address and the endpoint of everything on a site that is for who signed in."""
    with app.test_request_context():
        urls = app.url_map.bind("localhost")
        return [
            (method, urls.build(rule.endpoint, dict.fromkeys(rule.arguments, 1), method=method), rule.endpoint)
            for rule in app.url_map.iter_rules()
            for method in sorted((rule.methods or set()) & {"GET", "POST", "PUT", "DELETE"})
            if not rule.endpoint.startswith("api.") and rule.endpoint not in FOR_ANYBODY
        ]


def signed_in(app: Flask, role: Role) -> FlaskClient:
    return signed_in_client(app, Account(username=role, name=role, role=role, valid_after=LATER))


def without_entry(app: Flask) -> list[str]:
    return [rule.endpoint for rule in app.url_map.iter_rules() if find_right(app, rule.endpoint) is None]


def test_every_route_names_its_right(app: Flask) -> None:
    assert len(list(app.url_map.iter_rules())) > 10
    assert without_entry(app) == []


def test_a_route_without_an_entry_is_found_and_open_to_nobody(app: Flask, school: FakeSchool) -> None:
    app.add_url_rule("/forgotten", "forgotten", lambda: "open")
    assert without_entry(app) == ["forgotten"]
    school.account("coordinator", "coordinator")
    assert app.test_client().get("/forgotten").status_code == 302
    assert signed_in(app, "coordinator").get("/forgotten").status_code == 403


def test_a_stranger_is_asked_to_sign_in_on_every_page_but_those_for_anybody(app: Flask) -> None:
    stranger = app.test_client()
    assert len(routes(app)) > 10
    for method, path, _ in routes(app):
        answer = stranger.open(path, method=method)
        assert answer.status_code == 302, path
        assert answer.location.partition("?")[0] == "/sign-in", path


@pytest.mark.parametrize("role", SCHOOL_ROLES)
def test_a_role_comes_to_the_pages_of_its_rights_and_to_no_others(
    app: Flask, site: str, school: FakeSchool, role: Role
) -> None:
    school.account(role, role)
    if site == "room" and role not in WHO_COMES_IN[site]:
        with pytest.raises(HallpassError, match="sign in at central"):
            signed_in(app, role)
        return
    client, opened = signed_in(app, role), 0
    for method, path, endpoint in routes(app):
        right = find_right(app, endpoint)
        assert right is not None
        answer = client.open(path, method=method)
        is_allowed = role in WHO_COMES_IN[site] and has_right(role, right, SCOPES[site])
        assert (answer.status_code != 403) == is_allowed, (path, role)
        assert answer.status_code < 500, path
        assert answer.location is None or not answer.location.startswith("/sign-in"), path
        answer.close()
        opened += is_allowed
        if endpoint in ENDS_SIGN_INS and is_allowed:
            client = signed_in(app, role)
    assert (opened > 5) == (role in WHO_COMES_IN[site])


FIRST_PAGES: dict[Role, str] = {
    "office": "/accounts",
    "deputy_coordinator": "/requests",
    "coordinator": "/requests",
    "safeguarding": "/incidents",
    "deputy_safeguarding": "/incidents",
    "head": "/staff-incidents",
    "leadership": "/statistics",
    "governor": "/statistics",
    "technician": "/rooms",
}


def test_every_role_that_signs_in_at_central_lands_on_a_page_of_its_own(school: FakeSchool) -> None:
    assert set(FIRST_PAGES) == WHO_COMES_IN["central"]
    school.enrol("Room 4")  # where there is no room yet, the coordinator is led through the first start
    app = create_central_app(school.central)
    for role, page in FIRST_PAGES.items():
        school.account(role, role)
        client = signed_in(app, role)
        assert client.get("/").location == page
        assert client.get(page).status_code == 200


def test_the_navigation_shows_each_role_what_it_may_open_and_nothing_else(
    app: Flask, site: str, school: FakeSchool
) -> None:
    shown: dict[Role, set[str]] = {}
    for role in WHO_COMES_IN[site]:
        school.account(role, role)
        page = signed_in(app, role).get("/", follow_redirects=True).get_data(as_text=True)
        shown[role] = set(re.findall(r'<a class="link-body-emphasis[^>]*href="([^"]+)"', page))
        assert shown[role], role
    for role, links in shown.items():
        client = signed_in(app, role)
        for link in set().union(*shown.values()):
            assert client.get(link).status_code == (200 if link in links else 403), (role, link)


def test_somebody_with_several_roles_may_do_what_any_of_them_may(school: FakeSchool) -> None:
    app = create_central_app(school.central)
    school.account("both", ("governor", "technician"))
    client = signed_in_client(app, Account(username="both", name="Both", role="governor"))
    assert [client.get(path).status_code for path in ("/rooms", "/statistics", "/audit")] == [200, 200, 403]


def test_a_session_does_what_the_account_may_now_and_not_what_it_might_when_it_began(school: FakeSchool) -> None:
    app = create_central_app(school.central)
    school.account("ada", ("coordinator", "governor"))
    client = signed_in_client(app, Account(username="ada", name="Ada", role="coordinator"))
    assert client.get("/audit").status_code == 200
    with school.store.write_session() as session:
        session.get_one(UserRow, "ada").roles = ["governor"]
    assert [client.get(path).status_code for path in ("/audit", "/statistics")] == [403, 200]


@pytest.mark.parametrize("role", SCHOOL_ROLES)
def test_who_may_sign_in_at_a_site_is_who_has_the_right_to(site: str, role: Role) -> None:
    may_sign_in = has_right(role, Right.SIGN_IN, Scope.SCHOOL) if site == "central" else may_teach(role)
    assert may_sign_in == (role in WHO_COMES_IN[site])


def test_a_room_has_its_rights_at_central_and_no_others(school: FakeSchool) -> None:
    app = create_central_app(school.central)
    token = {"Authorization": f"Bearer {school.enrol()}"}
    for rule in app.url_map.iter_rules():
        right = find_right(app, rule.endpoint)
        assert right is not None
        is_for_rooms = rule.endpoint.startswith("api.") and rule.endpoint not in FOR_SCRIPTS
        assert has_right(ROOM, right, Scope.ROOM) == is_for_rooms, rule
        assert not has_right(ROOM, right, Scope.SCHOOL), rule
    room = app.test_client()
    assert room.get("/api/v1/policy", headers=token).status_code == 200
    assert room.get("/api/v1/policy").status_code == 401
    assert room.get("/rules", headers=token).location.startswith("/sign-in")


def test_a_route_of_the_interface_that_is_not_for_rooms_refuses_a_rooms_token(school: FakeSchool) -> None:
    app = create_central_app(school.central)
    token = {"Authorization": f"Bearer {school.enrol()}"}
    app.add_url_rule("/api/v1/forgotten", "api.forgotten", lambda: "open")
    answer = app.test_client().get("/api/v1/forgotten", headers=token)
    assert answer.json is not None
    assert (answer.status_code, answer.json["detail"]) == (403, "this is not for rooms")
