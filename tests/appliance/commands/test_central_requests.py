"""`hallpass central requests`, over the database of a prepared central."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from appliance.central.errors import NotPossible
from appliance.central.service import utc_now
from appliance.commands.central import command
from appliance.errors import HallpassError
from tests.appliance.central.factories import sites_open
from tests.fakes.school import FakeSchool

Run = Callable[..., Any]


@pytest.fixture
def school(tmp_path: Path) -> Iterator[FakeSchool]:
    made = FakeSchool(tmp_path / "central")
    made.enrol()
    yield made
    made.close()


@pytest.fixture
def run(tmp_path: Path, school: FakeSchool) -> Run:
    config = tmp_path / "central.toml"
    config.write_text('[central]\nschool = "Example Primary"\ndata = "central"\nlisten = "127.0.0.1:8300"\n')
    school.clock.time = utc_now()

    def invoke(*arguments: str) -> Any:
        found = CliRunner().invoke(command, [*arguments, "--config", str(config)])
        if found.exception is not None and not isinstance(found.exception, SystemExit):
            raise found.exception
        assert found.exit_code == 0, found.output
        return json.loads(found.output) if "--json" in arguments else found.output

    return invoke


def test_a_technician_lists_decides_and_takes_back(run: Run, school: FakeSchool) -> None:
    first, second = school.request(), school.request(site="maps.example.org")
    assert {one["id"] for one in run("requests", "list", "--json")} == {first, second}
    assert "maps.example.org  Room 4  teacher  30 min  For the lesson" in run("requests", "list")
    run("requests", "deny", first, "--answer", "Try the library")
    assert [one["answer"] for one in run("requests", "list", "--decided", "--json")] == ["Try the library"]
    run("requests", "reopen", first)
    run("requests", "approve", first, "--minutes", "5", "--scope", "school")
    with pytest.raises(NotPossible, match="approved already by command line"):
        run("requests", "deny", first)
    assert sites_open(school) == ["games.example.org"]
    assert len(run("openings", "list", "--json")) == 1
    run("openings", "change", "1", "--minutes", "20")
    run("openings", "end", "1")
    assert run("openings", "list") == ""
    soon = f"{utc_now() + timedelta(days=2):%Y-%m-%dT%H:%M}"
    run("openings", "open", "plans.example.org", "--from", soon, "--room", "Room 4")
    with pytest.raises(NotPossible, match="days ahead"):
        run("openings", "open", "plans.example.org", "--from", "2199-01-01T10:00")
    with pytest.raises(HallpassError, match="no such hour on that day"):
        run("openings", "open", "plans.example.org", "--from", "2027-03-28T01:30")  # the clocks go forward
    run("requests", "permanent", second)
    assert len(run("rules", "list", "--json")) == 1
    run("requests", "undo-permanent", second)
    assert run("rules", "list", "--json") == []
    run("requests", "wait", "0")
    with pytest.raises(NotPossible):
        run("requests", "wait", "999")


def test_no_command_says_open_of_what_stays_closed(run: Run, school: FakeSchool) -> None:
    run("rules", "add", "block", "games.example.org", "--locked")
    wanted = school.request(site="www.games.example.org")
    for arguments in (
        ("requests", "approve", wanted), ("requests", "permanent", wanted),
        ("openings", "open", "games.example.org"),
    ):  # fmt: skip
        with pytest.raises(NotPossible, match="stays closed"):
            run(*arguments)
    assert run("openings", "list", "--json") == []
    assert [one["id"] for one in run("requests", "list", "--json")] == [wanted], "it still waits"
