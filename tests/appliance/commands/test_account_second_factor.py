"""`hallpass account second-factor` and `hallpass account sign-out`, over the database of a prepared central."""

import json
from pathlib import Path

from click.testing import CliRunner, Result

from appliance.central import accounts, second_factor
from appliance.central.models import UserRow
from appliance.central.service import utc_now
from appliance.central.sessions import CentralSessions
from appliance.commands.account import command
from tests.fakes.code_app import code_of
from tests.fakes.school import FakeSchool


def test_a_lost_phone_is_taken_off_and_a_second_factor_asked_of_roles_at_the_command_line(tmp_path: Path) -> None:
    school = FakeSchool(tmp_path / "central")
    config = tmp_path / "central.toml"
    config.write_text('[central]\nschool = "Example Primary"\ndata = "central"\nlisten = "127.0.0.1:8300"\n')

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(command, [*arguments, "--config", str(config)])

    def listed() -> dict[str, list[str]]:
        found: dict[str, list[str]] = json.loads(run("second-factor", "list", "--json").output)
        return found

    school.account("cora", "coordinator")
    school.account("tess", "teacher")
    keys, now = school.central.keys, school.clock()
    with school.store.write_session() as session:
        second_factor.begin(session, keys, now, username="cora")
        found = second_factor.find_set_up(session, keys, now, username="cora", school="Example Primary")
        assert found is not None
        second_factor.confirm(session, keys, now, username="cora", code=code_of(found.secret, now))
    assert listed()["has"] == ["cora"]
    assert run("second-factor", "require", "--role", "coordinator", "--from", "2027-01-11").exit_code == 0
    assert listed()["roles"] == ["coordinator"]
    assert listed()["missing"] == []
    assert run("second-factor", "reset", "cora").exit_code == 0
    assert listed()["missing"] == ["cora"]
    assert "has none, and needs one" in run("second-factor", "list").output
    assert run("second-factor", "require").exit_code == 0
    assert listed()["roles"] == []
    assert run("second-factor", "require", "--role", "teacher").exit_code == 2
    assert "no second step" in str(run("second-factor", "reset", "tess").exception)
    assert "no account" in str(run("second-factor", "reset", "nobody").exception)
    with school.store.read_session() as session:
        tess = accounts.to_account(session.get_one(UserRow, "tess"))
    live = CentralSessions(school.store, utc_now)
    live.start_session(tess, "Firefox on Linux", "192.0.2.7")
    assert "192.0.2.7" in run("sign-ins", "tess").output
    assert [one["device"] for one in json.loads(run("sign-ins", "tess", "--json").output)] == ["Firefox on Linux"]
    assert run("sign-out", "tess").exit_code == 0
    assert run("sign-ins", "tess").output == ""
    school.close()
