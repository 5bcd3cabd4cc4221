"""Today's central on what 0.1 left, as a file of SQLite and as the same rows in PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest
from sqlalchemy import func, select
from werkzeug.routing import IntegerConverter

from appliance import protocol
from appliance.central import audit_verification, requests
from appliance.central.incidents.tables import IncidentGroupRow
from appliance.central.models import Base, RequestRow, SiteReportRow, UserRow
from appliance.protocol import Account
from appliance.rights import Role, Scope, has_right
from dns.policy.document import PolicyDocument
from tests.e2e.browser import Browser
from tests.fakes.postgres import database_url
from tests.fakes.signed_in import signed_in_client
from tests.upgrade import old_data
from tests.upgrade.old_data import OLD, PASSWORD, PEOPLE
from tests.webui.central.pages import press, said
from tests.webui.conftest import ServedSchool
from tests.webui.every_page import NO_PAGES
from webui.central.app import create_central_app
from webui.shared.access import find_right

LOOKED_AT: tuple[Role, ...] = ("coordinator", "safeguarding")  # whose pages `make test` looks at
NEEDS_A_FORM = {"/bundles/change"}  # shown for a site that is named in the address
WAITING, IN_ROOM_FIVE = "waiting.example.org", "room-five.example.org"


@pytest.fixture(scope="module", params=("sqlite", pytest.param("postgresql", marks=pytest.mark.exhaustive)))
def school(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedSchool]:
    folder = tmp_path_factory.mktemp("upgraded") / "central"
    old_data.lay_out_central(folder)
    with database_url(request.param) as url:
        if url:
            old_data.move_to_postgres(folder, url)
        served = ServedSchool(folder, database=url)
        served.clock.time = old_data.AFTER_IT
        yield served
        served.close()


@pytest.fixture(scope="module")
def room(school: ServedSchool) -> Iterator[httpx.Client]:
    """The old room, with the token that it has always had."""
    token = (OLD / "room" / "room.token").read_text().strip()
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=f"{school.url}/api/v1", headers=headers, timeout=20, trust_env=False) as client:
        yield client


def pages_of(school: ServedSchool, role: Role) -> Iterator[str]:
    """Give the addresses of every page that somebody may look at and that needs no example."""
    app = create_central_app(school.central)
    for rule in app.url_map.iter_rules():
        right = find_right(app, rule.endpoint)
        is_page = "GET" in (rule.methods or ()) and not rule.endpoint.startswith("api.")
        if not is_page or rule.endpoint in NO_PAGES or right is None or not has_right(role, right, Scope.SCHOOL):
            continue
        numbers = {name: 1 for name, kind in rule._converters.items() if isinstance(kind, IntegerConverter)}
        given = numbers | {name: value for name, value in examples(school).items() if name in rule.arguments}
        if not set(rule.arguments) - set(given):
            yield app.url_map.bind("localhost").build(rule.endpoint, given)


def examples(school: ServedSchool) -> dict[str, str]:
    """Return what of the old rows stands in the addresses of pages."""
    with school.store.read_session() as session:
        return {
            "request_id": session.scalars(select(RequestRow.id).order_by(RequestRow.asked_at)).first() or "",
            "report_id": session.scalars(select(SiteReportRow.id)).first() or "",
            "group_id": session.scalars(select(IncidentGroupRow.id)).first() or "",
            "username": "supply",
            "name": "pupils",
            "guide": "teacher",
        }


def test_no_row_of_any_table_is_lost(school: ServedSchool, tmp_path: Path) -> None:
    old_data.lay_out_central(tmp_path / "before")
    before = old_data.count_old_rows(tmp_path / "before")
    assert {name for name, count in before.items() if not count} == set(), "0.1 had something in every table"
    with school.store.read_session() as session:
        after = {
            name: session.scalar(select(func.count()).select_from(table)) or 0
            for name, table in Base.metadata.tables.items()
        }
    assert {name: after[name] for name in before if name in after and after[name] < before[name]} == {}
    assert set(before) - set(after) == {"alembic_version"}


def test_the_audit_of_before_is_chained_and_verifies(school: ServedSchool) -> None:
    with school.store.read_session() as session:
        found = audit_verification.verify_audit(session)
    assert found.finding is None
    assert found.entries >= 34  # of them 0.1's own


@pytest.mark.parametrize(
    "role", [one if one in LOOKED_AT else pytest.param(one, marks=pytest.mark.exhaustive) for one in PEOPLE]
)
def test_every_page_of_every_role_is_shown(school: ServedSchool, role: Role) -> None:
    app = create_central_app(school.central)
    with school.store.read_session() as session:
        user = session.get_one(UserRow, role)
        assert user.roles == [role]
    client = signed_in_client(app, Account(username=role, name=role.title(), role=role))
    seen = {path: client.get(path, follow_redirects=True).status_code for path in pages_of(school, role)}
    assert {path: status for path, status in seen.items() if status != 200 and path not in NEEDS_A_FORM} == {}
    assert seen or role == "teacher"


@pytest.mark.parametrize("role", [role for role in PEOPLE if role != "teacher"])
def test_people_of_before_sign_in_with_the_password_that_they_had(school: ServedSchool, role: Role) -> None:
    with Browser(school.url) as browser:
        browser.sign_in(role, PASSWORD)
        assert "/sign-in" not in str(browser.response.url if browser.response else "/sign-in")


def test_teachers_of_before_sign_in_in_their_room_and_who_left_does_not(room: httpx.Client) -> None:
    for username, status in (("teacher", 200), ("supply", 200), ("left", 401)):
        answer = room.post("/sign-in", json={"username": username, "password": PASSWORD})
        assert answer.status_code == status, answer.text


def test_a_request_of_before_that_waits_is_approved_and_the_room_is_told(
    school: ServedSchool, room: httpx.Client
) -> None:
    with Browser(school.url) as coordinator:
        coordinator.sign_in("coordinator", PASSWORD).open("/")
        assert WAITING in coordinator.text
        with school.store.read_session() as session:
            (asked,) = [one for one in requests.list_waiting_requests(session) if one.site == WAITING]
        press(coordinator, f"{asked.id}/decide", "approve", minutes="30")
        assert f"{WAITING} is open until" in said(coordinator)
    document = msgspec.json.decode(room.get("/policy").content, type=PolicyDocument)
    assert {"approved.example.org", WAITING} <= {one.site for one in document.unblocks}
    states = {one["request"]["site"]: one["state"] for one in room.get("/requests").json()}
    assert states[WAITING] == "approved"


def test_what_the_school_decided_before_stands_in_the_policy(room: httpx.Client) -> None:
    document = msgspec.json.decode(room.get("/policy").content, type=PolicyDocument)
    old = msgspec.json.decode((OLD / "room" / "data" / "policy.json").read_bytes(), type=PolicyDocument)
    assert document.rules == old.rules
    assert document.locked_categories == old.locked_categories
    assert (document.school, document.timezone) == (old.school, old.timezone)
    for before, now in zip(old.profiles, document.profiles, strict=True):
        assert (now.name, now.closed, now.safe_search, now.keywords) == (
            before.name, before.closed, before.safe_search, before.keywords,
        )  # fmt: skip
    assert [one.categories for one in document.delegations] == [("games",)]


def test_what_the_room_kept_before_is_taken_from_it(room: httpx.Client) -> None:
    report = protocol.SiteReport(
        id="f" * 32, site="bad.example.org", teacher="teacher", reported_at=old_data.AFTER_IT, note="why"
    )
    assert room.put(f"/reports/{report.id}", content=msgspec.json.encode(report)).status_code == 201
    assert room.get("/index/" + "0" * 64).status_code == 404


def test_the_index_that_was_published_before_is_still_given_to_rooms(room: httpx.Client) -> None:
    newest = (OLD / "room" / "data" / "index").readlink().name
    answer = room.get(f"/index/{newest}")
    assert answer.status_code == 200
    assert answer.content == (OLD / "central" / "indexes" / newest / "index.hpx").read_bytes()


@pytest.mark.exhaustive
def test_the_lists_of_before_are_compiled_again(school: ServedSchool) -> None:
    school.central.publisher.build_and_publish()
    with Browser(school.url) as coordinator:
        coordinator.sign_in("coordinator", PASSWORD).open("/lists")
    assert "our-list" in coordinator.text
    assert not school.central.publisher.state.error
