"""`hallpass central incidents` and `hallpass central mail`, over the database of a prepared central."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner

from appliance.central import lookups
from appliance.central.errors import CentralError, NotFound
from appliance.central.incidents import intake
from appliance.central.service import utc_now
from appliance.commands.central import command
from appliance.protocol import Incident, LookupAnswer, LookupEntry
from tests.fakes.school import FakeSchool

Run = Callable[..., Any]
GROUP = f"{1:032x}"


@pytest.fixture
def school(tmp_path: Path) -> Iterator[FakeSchool]:
    made = FakeSchool(tmp_path / "central")
    made.enrol()
    for number, group in enumerate(("pupils", "staff"), 1):
        incident = Incident(
            id=f"{number:032x}", kind="bypass", happened_at=made.clock(), device="d1", group=group,
            evidence=("vpn.example",),
        )  # fmt: skip
        with made.store.write_session() as session:
            intake.receive_incident(session, made.clock(), made.room(), incident)
    yield made
    made.close()


@pytest.fixture
def run(tmp_path: Path, school: FakeSchool) -> Run:
    config = tmp_path / "central.toml"
    config.write_text('[central]\nschool = "Example Primary"\ndata = "central"\nlisten = "127.0.0.1:8300"\n')
    assert school.clock

    def invoke(*arguments: str) -> Any:
        found = CliRunner().invoke(command, [*arguments, "--config", str(config)])
        if found.exception is not None and not isinstance(found.exception, SystemExit):
            raise found.exception
        assert found.exit_code == 0, found.output
        return json.loads(found.output) if "--json" in arguments else found.output

    return invoke


def test_incidents_are_worked_on_from_the_command_line(run: Run) -> None:
    assert "Ways round the filter" in run("incidents", "list")
    run("incidents", "seen", GROUP)
    run("incidents", "assign", GROUP, "--to", "Ms Ofori")
    run("incidents", "refer", GROUP, "--to", "provider", "--on", "2026-11-23")
    run("incidents", "note", GROUP, "the provider answered")
    run("incidents", "hold", GROUP, "--reason", "not yet over")
    run("incidents", "close", GROUP, "--why", "blocked there")
    run("incidents", "undo", GROUP)
    shown = run("incidents", "show", GROUP, "--json")
    assert shown["incident"]["state"] == "referred"
    assert shown["incident"]["referred_on"] == "2026-11-23"
    assert shown["incident"]["held_by"] == "command line"
    assert shown["evidence"][0]["evidence"] == ["vpn.example"]
    assert "the provider answered" in run("incidents", "show", GROUP)
    run("incidents", "release", GROUP)
    assert "vpn.example" in run("incidents", "export")
    listed = run("incidents", "list", "--state", "all", "--json")
    assert [one["id"] for one in listed["incidents"]] == [GROUP]


def test_staffs_incidents_are_asked_for_by_name(run: Run) -> None:
    listed = run("incidents", "list", "--staff", "--json")
    assert [one["id"] for one in listed["incidents"]] == [f"{2:032x}"]
    with pytest.raises(NotFound):
        run("incidents", "seen", f"{2:032x}")
    run("incidents", "seen", f"{2:032x}", "--staff")


def test_the_command_line_says_where_mail_goes_and_how_it_stands(run: Run, school: FakeSchool) -> None:
    school.account("lead", "safeguarding")
    run("mail", "address", "lead", "lead@school.example.org")
    with pytest.raises(CentralError, match="no mail address"):
        run("mail", "address", "lead", "lead@school.example.org\nBcc: x@example.org")
    assert run("mail", "status", "--json")["waiting"] == 0
    assert "none is set" in run("mail", "status")


def test_a_room_is_asked_from_the_command_line(run: Run, school: FakeSchool) -> None:
    school.clock.time = utc_now()
    since, until = school.clock.time - timedelta(hours=2), school.clock.time - timedelta(hours=1)
    asked = run(
        "lookups", "ask", "Room 4", "0123456789ab", "--since", since.isoformat(), "--until", until.isoformat(),
        "--reason", "a parent asked today",
    ).strip()  # fmt: skip
    assert [one["state"] for one in run("lookups", "list", "--json")] == ["waiting"]
    entry = LookupEntry(
        second=int(until.timestamp()) - 60, name="x.example", type="A", verdict="refused", category="", count=1
    )
    with school.store.write_session() as session:
        lookups.receive_answer(
            session, utc_now(), school.central.keys, school.room(), LookupAnswer(id=asked, entries=(entry,))
        )
    assert "x.example" in run("lookups", "show", asked)
    assert run("lookups", "show", asked, "--json")["answer"]["entries"][0]["name"] == "x.example"
    run("lookups", "delete", asked)
    assert "deleted" in run("lookups", "list")
    with pytest.raises(NotFound):
        run("lookups", "delete", asked, "--staff")


def test_a_look_up_is_about_hours_of_the_schools_clock(run: Run, school: FakeSchool) -> None:
    run("settings", "set", "--timezone", "Pacific/Auckland")
    moment = utc_now().astimezone(ZoneInfo("Pacific/Auckland")).replace(second=0, microsecond=0)
    since = moment - timedelta(hours=2)
    run(
        "lookups", "ask", "Room 4", "0123456789ab", "--since", f"{since:%Y-%m-%dT%H:%M}", "--until",
        f"{moment:%Y-%m-%dT%H:%M}", "--reason", "a parent asked today",
    )  # fmt: skip
    (asked,) = run("lookups", "list", "--json")
    assert datetime.fromisoformat(asked["since"]) == since
    assert datetime.fromisoformat(asked["until"]) == moment
