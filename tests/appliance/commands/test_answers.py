"""`--json` of commands that change something: one object, for a program and with the words for a person."""

import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

import click
import pytest
from click.testing import CliRunner

from appliance.central.incidents import intake
from appliance.central.service import utc_now
from appliance.cli import hallpass
from appliance.commands.answers import AnsweringGroup, add_to_answer
from appliance.protocol import Incident
from tests.fakes.school import FakeSchool

Answer = Callable[..., Any]
FILES = "what it prints is a file: CSV"
WITHOUT = {
    "central devices export": FILES,
    "central incidents export": FILES,
    "central openapi": "what it prints is JSON, and a document of its own",
    "trust openapi": "of the same",
}
INCIDENT = f"{1:032x}"


def leaves(group: click.Group, words: tuple[str, ...]) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        assert found is not None
        if isinstance(found, click.Group):
            yield from leaves(found, (*words, name))
        else:
            yield " ".join((*words, name)), found


def test_every_command_of_central_a_trust_and_accounts_answers_programs() -> None:
    found = [
        one
        for name in ("central", "trust", "account")
        for one in leaves(hallpass.get_command(click.Context(hallpass), name), (name,))  # type: ignore[arg-type]  # each of them is a group
    ]
    assert len(found) > 140
    without = {path for path, one in found if not any("--json" in option.opts for option in one.params)}
    assert without == set(WITHOUT)


@click.group(cls=AnsweringGroup)
def trial() -> None:
    """Stand in for a group of commands."""


@trial.group("inner")
def inner() -> None:
    """Stand in for a group within it."""


@inner.command()
@click.argument("how")
def work(how: str) -> None:
    """Do something."""
    add_to_answer(number=7)
    click.echo("done: É")
    sys.stdout.write("and more\n")
    click.echo("mind this", err=True)
    if how == "status":
        sys.exit(3)
    if how == "fail":
        raise click.ClickException("it cannot be")


@pytest.mark.parametrize(("how", "status"), [("well", 0), ("status", 3)])
def test_all_that_a_command_writes_is_in_its_one_answer(how: str, status: int) -> None:
    said = CliRunner().invoke(trial, ["inner", "work", how, "--json"])
    assert (said.exit_code, json.loads(said.stdout)) == (status, {"number": 7, "words": "done: É\nand more"})
    assert said.stderr == "mind this\n"
    said = CliRunner().invoke(trial, ["inner", "work", how])
    assert (said.exit_code, said.stdout) == (status, "done: É\nand more\n")


def test_what_fails_is_no_answer() -> None:
    said = CliRunner().invoke(trial, ["inner", "work", "fail", "--json"])
    assert (said.exit_code, said.stdout) == (1, "")


@pytest.fixture(scope="module")
def answer(tmp_path_factory: pytest.TempPathFactory) -> Answer:
    folder = tmp_path_factory.mktemp("answers")
    config = folder / "central.toml"
    config.write_text('[central]\nschool = "Example Primary"\ndata = "central"\nlisten = "127.0.0.1:8300"\n')
    school = FakeSchool(folder / "central")
    school.clock.time = utc_now()
    school.enrol()
    school.account("cora", "coordinator")
    ids = {name: school.request(site=f"{name}.example.org") for name in ("approve", "deny", "permanent")}
    with school.store.write_session() as session:
        happened = Incident(
            id=INCIDENT, kind="bypass", happened_at=school.clock(), device="d1", evidence=("x.example",)
        )
        intake.receive_incident(session, school.clock(), school.room(), happened)
    school.close()

    def invoke(*arguments: str) -> Any:
        filled = [
            ids.get(one.removeprefix("id of "), one) if one.startswith("id of ") else one for one in arguments
        ]
        said = CliRunner().invoke(hallpass, [*filled, "--json", "--config", str(config)])
        assert said.exit_code == 0, (said.output, said.exception)
        return json.loads(said.stdout)

    return invoke


def test_a_decision_is_answered_with_what_became_of_the_request(answer: Answer) -> None:
    opened = answer("central", "requests", "approve", "id of approve", "--minutes", "10")["opening"]
    assert (opened["site"], opened["room"]) == ("approve.example.org", "Room 4")
    longer = answer("central", "openings", "change", str(opened["id"]), "--minutes", "20")["opening"]
    assert longer["until"] > opened["until"]
    ended = answer("central", "openings", "end", str(opened["id"]))
    assert answer("central", "profiles", "undo", ended["change"])["words"].startswith("undone: the opening")
    assert answer("central", "openings", "end", str(opened["id"]))["change"] not in ("", ended["change"])
    for step, state in (("deny", "denied"), ("permanent", "approved")):
        assert answer("central", "requests", step, f"id of {step}")["request"]["state"] == state
    assert answer("central", "requests", "reopen", "id of deny")["request"]["state"] == "waiting"


def test_what_was_made_is_answered_with_the_number_by_which_it_is_known(answer: Answer) -> None:
    number = answer("central", "devices", "add", "Laptop É", "02:00:5e:00:53:01")["device"]
    assert answer("central", "devices", "move", "Laptop É", "--group", "staff")["moved"] == 1
    assert answer("central", "devices", "remove", "Laptop É")["device"] == number
    assert answer("central", "devices", "restore", str(number))["words"].startswith("back: Laptop É")
    secret = answer("central", "webhooks", "add", "https://192.0.2.1/", "--event", "request.created", "--inside")
    assert secret["secret"] == secret["words"]
    made = answer("central", "enrol", "Room 5")
    assert (made["rooms"], made["token"]) == (["Room 5"], made["words"])
    assert answer("central", "room", "retire", "room 5") == {"room": "Room 5", "state": "retired", "words": ""}


def test_a_setting_is_answered_with_the_change_that_can_be_undone(answer: Answer) -> None:
    rule = answer("central", "rules", "add", "block", "video.example.org")["change"]
    (listed,) = [one for one in answer("central", "rules", "list") if one["name"] == "video.example.org"]
    removed = answer("central", "rules", "remove", str(listed["number"]))["change"]
    changes = [
        answer("central", "timetable", "set-week", "mon", "tue")["change"],
        answer("central", "delegations", "add", "games")["change"],
        answer("central", "plans", "put", "Romans", "https://romans.example.org/")["change"],
    ]
    assert all(changes)
    assert rule != removed
    assert answer("central", "timetable", "set-week", "mon", "tue")["change"] == "", "it was so already"


def test_an_incident_is_answered_as_it_is_by_then(answer: Answer) -> None:
    assert answer("central", "incidents", "seen", INCIDENT)["incident"]["state"] == "seen"
    noted = answer("central", "incidents", "hold", INCIDENT, "--reason", "asked for by the police")
    assert noted["incident"]["held_by"] == "command line"
    assert answer("central", "incidents", "undo", INCIDENT)["incident"]["state"] == "new"


def test_what_prints_json_in_any_case_takes_the_option_too(answer: Answer) -> None:
    assert answer("central", "profiles", "show", "pupils")["name"] == "pupils"
    assert answer("central", "settings", "show")["school"] == "Example Primary"


def test_a_password_that_is_made_is_in_the_answer(answer: Answer) -> None:
    made = answer("account", "password", "cora", "--generate")
    assert made["words"] == f"password of cora: {made['password']}"
