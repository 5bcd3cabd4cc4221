"""Every operation for scripts: called once as a school would, and refused to every key that may not.

The site is called in this process: there are two thousand calls.
"""

import contextlib
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from appliance import protocol
from appliance.central import script_keys
from appliance.central.incidents.intake import receive_incident
from appliance.central.models import AuditRow, SettingChangeRow
from appliance.operations import BASE_PATH, OPERATIONS, Operation
from appliance.problem_details import MEDIA_TYPE
from appliance.rights import SCRIPT_RIGHTS, Right, Role
from tests.fakes.furnished import FurnishedSchool
from tests.fakes.school import FakeSchool
from tests.webui.api.script_walk import list_calls
from webui.api.app import create_rooms_app
from webui.api.call_reading import read_value

EVERY_RIGHT: tuple[Role, ...] = ("coordinator", "safeguarding", "head")
OF_SCRIPTS = {one.id: one for one in OPERATIONS if one.caller == "script"}
# A copy is held back where a list shrank by much: tests of the lists' own try that.
_CANNOT = {"accept_list_download", "refuse_list_download"}


def find_value(kind: Any) -> str:
    """Return something that an address may have there."""
    for value in ("99", "0" * 32, "weekly", "retire"):
        with contextlib.suppress(msgspec.ValidationError):
            read_value(value, kind)
            return value
    raise AssertionError(kind)


class Caller:
    """A script, and what it was answered."""

    def __init__(self, school: FakeSchool, *rights: Right, owner: str = "ops") -> None:
        service = msgspec.structs.replace(school.central.settings.central, script_calls_per_minute=10**6)
        school.central.settings = msgspec.structs.replace(school.central.settings, central=service)
        with school.store.write_session(affects_rooms=False) as session:
            self.token = script_keys.add_key(
                session, school.clock(), name=uuid4().hex[:20], owner=owner, rights=rights or SCRIPT_RIGHTS,
                ends=school.clock() + timedelta(days=9), by="test",
            ).token  # fmt: skip
        self.client: FlaskClient = create_rooms_app(school.central).test_client()

    def call(self, operation: Operation, given: dict[str, Any], body: object = None) -> TestResponse:
        path = re.sub(
            r"\{(\w+)\}",
            lambda found: str(given.get(found[1]) or find_value(operation.parameters[found[1]])),
            operation.path,
        )
        query = {name: given[name] for name in operation.query if name in given}
        return self.client.open(
            f"{BASE_PATH}{path}", method=operation.method, query_string=query, json=body,
            headers={"Authorization": f"Bearer {self.token}"},
        )  # fmt: skip


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FurnishedSchool]:
    made = FurnishedSchool(tmp_path_factory.mktemp("scripts"))
    made.account("ops", EVERY_RIGHT)
    yield made
    made.close()


def furnish_more(school: FurnishedSchool) -> dict[str, Any]:
    """Add what the walk wants besides, and return its ids."""
    staff = uuid4().hex
    with school.store.write_session() as session:
        receive_incident(
            session, school.clock(), session.merge(school.room()),
            protocol.Incident(
                id=staff, kind="many-refusals", happened_at=school.clock(), device="e2" * 6, group="staff",
                evidence=("private.example.org",),
            ),
        )  # fmt: skip
    return {"staff incident": staff, "another": school.request(site="rivers.example.org")}


def count_rows(school: FakeSchool) -> tuple[int, int]:
    with school.store.read_session() as session:
        return tuple(
            session.scalar(select(func.count()).select_from(one)) or 0 for one in (AuditRow, SettingChangeRow)
        )  # type: ignore[return-value]  # two of them


def fill(value: Any, known: dict[str, Any]) -> Any:
    """Return a value with what earlier answers had in the place of `{name}`."""
    match value:
        case dict():
            return {name: fill(one, known) for name, one in value.items()}
        case str() if value.startswith("{"):
            return known[value.strip("{}")]
        case _:
            return value


def learn(found: Any, known: dict[str, Any], operation: str) -> None:
    """Note what later calls name."""
    if isinstance(found, dict):
        known |= {name: found[name] for name in ("id", "change", "edition") if found.get(name)}
    match operation:
        case "get_school_timetable":
            known["row"] = found["rows"][0]["id"]
        case "list_school_plans":
            known["plan"] = next(one["id"] for one in found if one["title"] == "Rivers")
        case "list_school_lists":
            known["list"] = known["held"] = next(
                one["id"] for one in found["lists"] if one["name"] == "more-games"
            )
        case "list_ready_sets":
            known["set"] = found[0]["id"]


def test_every_operation_answers_as_its_row_says_and_keeps_what_it_says(school: FurnishedSchool) -> None:
    script, known = Caller(school), furnish_more(school)
    called = list_calls(school.clock(), school.arguments)
    assert {name for name, _, _ in called} == set(OF_SCRIPTS), "each is tried"
    for name, given, body in called:
        operation = OF_SCRIPTS[name]
        school.clock.pass_minutes(1 / 60)
        before = count_rows(school)
        answer = script.call(operation, fill(given, known), fill(body, known))
        if name in _CANNOT:
            assert (answer.status_code, answer.mimetype) == (409, MEDIA_TYPE), (name, answer.text)
            continue
        ((status, described),) = operation.answers.items()
        assert answer.status_code == status, (name, answer.text)
        if described.kind is not None:
            found = msgspec.json.decode(answer.data, type=described.kind)
            assert msgspec.json.encode(found)
            learn(answer.json, known, name)
        elif status == 200:
            assert (answer.mimetype, bool(answer.data)) == (described.media_type, True), name
        noted = tuple(after - earlier for after, earlier in zip(count_rows(school), before, strict=True))
        if operation.writes != "school":
            assert noted == (int(operation.writes == "audit"), 0), name


@pytest.mark.parametrize("right", SCRIPT_RIGHTS)
def test_a_key_with_one_right_is_refused_whatever_needs_another(school: FurnishedSchool, right: Right) -> None:
    script = Caller(school, right)
    for operation in OF_SCRIPTS.values():
        if operation.right is not right:
            answer = script.call(operation, {}, {} if operation.body else None)
            assert (answer.status_code, answer.mimetype) == (403, MEDIA_TYPE), operation.id


def test_a_key_of_another_school_opens_nothing_here(school: FurnishedSchool, tmp_path: Path) -> None:
    other = FakeSchool(tmp_path / "other")
    other.account("ops", EVERY_RIGHT)
    stranger, here = Caller(other), Caller(school)
    here.token = stranger.token
    try:
        for operation in OF_SCRIPTS.values():
            assert here.call(operation, {}, {} if operation.body else None).status_code == 401, operation.id
    finally:
        other.close()


def test_each_right_that_a_key_can_have_leads_somewhere() -> None:
    assert {one.right for one in OF_SCRIPTS.values()} == set(SCRIPT_RIGHTS)
