"""`hallpass trust`: what its administrator does from the command line, without a server."""

import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from appliance.cli import hallpass
from appliance.commands.trust import server_arguments
from appliance.settings.central import CentralSettings
from appliance.settings.load import load_settings


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "trust.toml"
    path.write_text(
        '[central]\nschool = "Example Trust"\ndata = "trust"\nlisten = "127.0.0.1:0"\n'
        'rooms_listen = "127.0.0.1:0"\nurl = "http://127.0.0.1:1"\n'
    )
    run(path, "trust", "init")
    return path


def attempt(config: Path, *arguments: str) -> Result:
    return CliRunner().invoke(hallpass, [*arguments, "--config", str(config)])


def run(config: Path, *arguments: str) -> str:
    done = attempt(config, *arguments)
    assert done.exit_code == 0, (done.output, done.exception)
    return done.output


def listed(config: Path, *arguments: str) -> Any:
    return json.loads(run(config, "trust", *arguments, "--json"))


def why_not(config: Path, *arguments: str) -> str:
    done = attempt(config, *arguments)
    assert done.exit_code == 1
    return str(done.exception)


def test_a_school_is_registered_invited_renamed_and_let_go(config: Path, tmp_path: Path) -> None:
    added = listed(config, "schools", "add", "School One", "--timezone", "Europe/Dublin")
    assert (added["school"], len(added["id"]) > 8) == ("School One", True)
    assert added["words"].startswith("School One: registered.")
    invitation = tmp_path / "one.invitation"
    run(config, "trust", "schools", "invite", "school one", "--output", str(invitation))
    run(config, "trust", "schools", "rename", "School One", "School Two")

    assert stat.S_IMODE(invitation.stat().st_mode) == 0o600
    assert json.loads(invitation.read_bytes())["school_name"] == "School One"
    (only,) = listed(config, "schools", "list")
    assert (only["name"], only["timezone"], only["words"]) == (
        "School Two", "Europe/Dublin", "registered; an invitation waits",
    )  # fmt: skip
    run(config, "trust", "schools", "retire", "School Two")
    assert "School Two  retired" in run(config, "trust", "numbers")
    run(config, "trust", "schools", "revoke", "School Two")
    assert "is revoked already" in why_not(config, "trust", "schools", "revoke", "School Two")


def test_an_invitation_overwrites_no_file_and_leaves_none_where_it_fails(config: Path, tmp_path: Path) -> None:
    run(config, "trust", "schools", "add", "School One")
    there = tmp_path / "there"
    there.write_text("mine")

    attempt(config, "trust", "schools", "invite", "School One", "--output", str(there))
    why_not(config, "trust", "schools", "invite", "nobody", "--output", str(tmp_path / "new"))

    assert there.read_text() == "mine"
    assert not (tmp_path / "new").exists()


def test_locks_are_laid_down_taken_back_and_put_back(config: Path) -> None:
    run(config, "trust", "schools", "add", "School One")
    category = listed(config, "locks", "add", "category", "gambling")["number"]
    listed(config, "locks", "add", "name", "bad.example.org", "--school", "School One", "--note", "why")
    listed(config, "shared", "add", "rule", "block", "example.org")
    listed(config, "shared", "add", "source", "ours", "games", "https://lists.example.org/ours.txt")

    assert [one["words"] for one in listed(config, "locks", "list")] == [
        "Gambling, for all schools", "bad.example.org, for School One",
    ]  # fmt: skip
    assert [one["kind"] for one in listed(config, "shared", "list")] == ["rule", "source"]
    run(config, "trust", "locks", "remove", str(category))
    assert [one["number"] for one in listed(config, "locks", "list", "--ended")] == [category]
    run(config, "trust", "locks", "restore", str(category))
    assert len(listed(config, "locks", "list")) == 2


def test_a_trusts_database_is_no_schools_and_a_schools_no_trusts(config: Path, tmp_path: Path) -> None:
    assert "a trust's database: hallpass trust serves it" in why_not(config, "central")
    assert "a room is enrolled at its school's central" in why_not(config, "central", "enrol", "Room 4")
    assert "a trust's already" in why_not(config, "trust", "init")
    school = tmp_path / "central.toml"
    school.write_text('[central]\nschool = "School One"\ndata = "one"\n')
    assert "this is a school's database" in why_not(school, "trust", "schools", "list")
    run(school, "central", "enrol", "Room 4")
    assert "this database has rooms" in why_not(school, "trust", "init")


def test_a_school_that_belongs_to_no_trust_says_so(tmp_path: Path) -> None:
    school = tmp_path / "central.toml"
    school.write_text('[central]\nschool = "School One"\ndata = "one"\n')

    for command in ("show", "leave"):
        assert "belongs to no trust" in why_not(school, "central", "trust", command)
    assert "up to date" in run(school, "central", "trust", "sync")
    assert json.loads(run(school, "central", "trust", "numbers"))["rooms"] == 0


def test_an_invitation_is_taken_back(config: Path, tmp_path: Path) -> None:
    run(config, "trust", "schools", "add", "School One")
    run(config, "trust", "schools", "invite", "School One", "--output", str(tmp_path / "one.invitation"))
    assert listed(config, "schools", "list")[0]["words"] == "registered; an invitation waits"

    assert "of no use any more" in run(config, "trust", "schools", "uninvite", "School One")
    assert listed(config, "schools", "list")[0]["words"] == "registered, and not invited"
    assert "no invitation waits" in why_not(config, "trust", "schools", "uninvite", "School One")


def test_administrators_have_accounts_of_the_trust_and_of_no_school(config: Path, tmp_path: Path) -> None:
    made = json.loads(run(config, "account", "add", "tina", "--role", "trust_administrator", "--link", "--json"))
    assert made["link"].startswith("http://127.0.0.1:1/new-password/")
    assert "of those that there are" in why_not(
        config, "account", "add", "cora", "--role", "coordinator", "--link"
    )
    run(config, "account", "second-factor", "require", "--role", "trust_administrator", "--from", "2027-01-11")
    assert "cannot be asked of coordinator" in why_not(
        config, "account", "second-factor", "require", "--role", "coordinator", "--from", "2027-01-11"
    )
    school = tmp_path / "central.toml"
    school.write_text('[central]\nschool = "School One"\ndata = "one"\n')
    refused = why_not(school, "account", "add", "tina", "--role", "trust_administrator", "--link")
    assert "of those that there are" in refused


def test_a_trust_believes_its_proxies_as_a_central_does(config: Path) -> None:
    config.write_text(config.read_text() + 'trusted_proxies = ["192.0.2.7"]\n')
    assert "192.0.2.7/32" in server_arguments(load_settings(config, CentralSettings))


def test_a_key_for_a_program_is_made_for_an_administrator(config: Path) -> None:
    run(config, "account", "add", "tina", "--role", "trust_administrator", "--link")
    until = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()
    make = ("central", "script-keys", "add", "figures", "--owner", "tina", "--until", until, "--right")
    assert run(config, *make, "see-trust").startswith("hallpass_")
    assert "no more than tina" in why_not(config, *make, "see-rooms")
