"""`hallpass central script-keys`: a key is made, listed and taken back, and printed once."""

import json
from pathlib import Path

from click.testing import CliRunner, Result

from appliance.cli import hallpass
from tests.fakes.school import FakeSchool


def run(config: Path, *arguments: str) -> Result:
    return CliRunner().invoke(hallpass, ["central", "script-keys", *arguments, "--config", str(config)])


def test_scripts_that_call_it_by_its_former_name_go_on(tmp_path: Path) -> None:
    config = tmp_path / "central.toml"
    config.write_text(f'[central]\nschool = "Example Primary"\ndata = "{tmp_path / "central"}"\n')
    FakeSchool(tmp_path / "central").close()
    before = CliRunner().invoke(hallpass, ["central", "tokens", "list", "--config", str(config), "--json"])
    assert (before.exit_code, json.loads(before.output)) == (0, [])
    assert "tokens" not in CliRunner().invoke(hallpass, ["central", "--help"]).output


def test_a_key_is_made_listed_and_taken_back(tmp_path: Path) -> None:
    config = tmp_path / "central.toml"
    config.write_text(f'[central]\nschool = "Example Primary"\ndata = "{tmp_path / "central"}"\n')
    school = FakeSchool(tmp_path / "central")
    school.account("cora", "coordinator")
    school.close()
    may = ("--right", "see-rooms", "--right", "edit-rules")
    made = run(config, "add", "timetable", "--owner", "cora", *may, "--until", "2027-01-31")
    assert (made.exit_code, made.output[:9], len(made.output.split())) == (0, "hallpass_", 1), made.output
    (listed,) = json.loads(run(config, "list", "--json").output)
    assert (listed["name"], listed["owner"], listed["rights"]) == (
        "timetable",
        "cora",
        ["see-rooms", "edit-rules"],
    )
    assert made.output.strip() not in run(config, "list").output
    assert run(config, "revoke", "1").exit_code == 0
    assert "taken back by command line" in run(config, "list").output
    for wrong in (("revoke", "1"), ("add", "x", "--owner", "nobody", *may, "--until", "2027-01-31")):
        failed = run(config, *wrong)
        assert (failed.exit_code, "Traceback" in failed.output) == (1, False), failed.output
