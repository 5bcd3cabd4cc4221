"""`hallpass check`: what a room decides about a name, and why, for people and for scripts."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from appliance.cli import main
from appliance.commands.check import command
from blocklists import builtin_list
from dns.policy.document import Device, Group, Lesson, Period, PolicyDocument, Profile, Rule
from dns.policy.steps import STEPS
from tests.fakes.policies import minutes

ROOM = """
[room]
name = "Room 4"
data = "data"

[dns]
upstreams = ["192.0.2.53"]

[policy]
closed = ["gambling"]
"""
GAMBLING = builtin_list.builtin_names()["gambling"][0]


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("room")
    builtin_list.open_builtin_index(folder / "data" / "starter")
    file = folder / "room.toml"
    file.write_text(ROOM)
    return file


@pytest.fixture(scope="module")
def enrolled(config: Path) -> Path:
    """Return the settings of an enrolled room, with a document of central's."""
    lunch = Period(start="12:00", end="13:00", opens=("gambling",))
    document = PolicyDocument(
        version=3,
        groups=(
            Group(name="pupils", profile="pupils"),
            Group(name="staff", profile="staff", members=("198.51.100.0/24", "Whiteboard")),
        ),
        devices=(
            Device(name="Whiteboard", addresses=("00:00:5e:00:53:01",)),
            Device(name="Tablet", addresses=("192.0.2.9",)),
        ),
        profiles=(Profile(name="pupils", closed=("gambling",), timetable=(lunch,)), Profile(name="staff")),
        rules=(Rule(name="never.example", action="block", locked=True), Rule(name="no.example", action="block")),
        lessons=(Lesson(id="l", sites=("maths.example",), groups=("staff",), until=minutes(60)),),
    )
    (config.parent / "data" / "policy.json").write_bytes(msgspec.json.encode(document))
    file = config.parent / "enrolled.toml"
    central = '[central]\nurl = "https://central.school.example"\ntoken_file = "token"\n'
    file.write_text(ROOM.split("[policy]", maxsplit=1)[0] + central)
    return file


def check(config: Path, *arguments: str) -> str:
    result = CliRunner().invoke(command, [*arguments, "--config", str(config)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def as_json(config: Path, *arguments: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(check(config, *arguments, "--json"))
    return found


def test_scripts_get_a_list_with_an_object_for_each_name_in_the_order_asked(config: Path) -> None:
    found = as_json(config, f"www.{GAMBLING}", "www.example.org")

    assert [one["name"] for one in found] == [f"www.{GAMBLING}", "www.example.org"]
    refused, allowed = found
    assert {key: refused[key] for key in ("verdict", "category", "source", "entry", "step")} == {
        "verdict": "refused",
        "category": "gambling",
        "source": "hallpass-starter-gambling",
        "entry": GAMBLING,
        "step": "list",
    }
    assert (allowed["verdict"], allowed["category"], allowed["entry"]) == ("allowed", "", "")


def test_people_get_the_verdict_its_reason_and_what_would_open_it(config: Path) -> None:
    said = check(config, GAMBLING)

    assert f"{GAMBLING}: refused for pupils (list)" in said
    assert "category: gambling" in said
    assert "to open it: An unblock" in said


def test_the_walk_shows_every_step_and_marks_the_one_that_wins(config: Path) -> None:
    said = check(config, GAMBLING)

    steps = [line for line in said.splitlines() if line.lstrip("-> ")[:1].isdigit()]
    assert len(steps) == len(STEPS.order)
    assert [line for line in steps if "->" in line] == [line for line in steps if ". Lists: " in line]


def test_names_may_be_typed_as_people_type_them(config: Path) -> None:
    for typed in (f"{GAMBLING.upper()}.", f"https://{GAMBLING}/page?x=1", f"{GAMBLING}/page", f"{GAMBLING}:8443"):
        assert as_json(config, typed)[0]["name"] == GAMBLING
    assert as_json(config, "1.2.0.192.in-addr.arpa")[0]["name"] == "1.2.0.192.in-addr.arpa"


def test_the_hour_and_the_group_matter(enrolled: Path) -> None:
    assert as_json(enrolled, GAMBLING, "--at", "2026-11-23T10:00")[0]["verdict"] == "refused"
    assert as_json(enrolled, GAMBLING, "--at", "2026-11-23T12:30")[0]["verdict"] == "allowed"
    assert as_json(enrolled, GAMBLING, "--at", "2026-11-22T12:30")[0]["verdict"] == "refused"
    assert as_json(enrolled, GAMBLING, "--group", "staff", "--at", "2026-11-23T12:00")[0]["verdict"] == "allowed"


def test_a_device_is_decided_for_by_its_group(enrolled: Path) -> None:
    (found,) = as_json(enrolled, GAMBLING, "--device", "198.51.100.9", "--at", "2026-11-23T12:00")

    assert (found["group"], found["verdict"]) == ("staff", "allowed")


def test_a_device_may_be_given_by_its_name_or_its_mac_address(enrolled: Path) -> None:
    for typed in ("whiteboard", "00-00-5E-00-53-01", "Tablet"):
        (found,) = as_json(enrolled, GAMBLING, "--client", typed, "--at", "2026-11-23T12:00")
        assert found["group"] == ("pupils" if typed == "Tablet" else "staff"), typed


def test_a_locked_name_cannot_be_opened_and_a_rule_can_be_changed(enrolled: Path) -> None:
    locked, ruled = as_json(enrolled, "never.example", "no.example")

    assert locked["opens"] == "Nobody can open it."
    assert "the coordinator changes the rule for no.example" in ruled["opens"]


def test_other_types_can_be_asked_for(config: Path) -> None:
    assert as_json(config, GAMBLING, "--type", "mx")[0]["verdict"] == "refused"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["no name at all"], "is not the name of a site"),
        (["a..example"], "is not the name of a site"),
        (["javascript:alert(1)"], "is not the address of a site"),
        (["file://etc/passwd"], "is not the address of a site"),
        (["[2001:db8::1]"], "is the address of a machine"),
        ([GAMBLING, "--at", "noonish"], "no time"),
        ([GAMBLING, "--group", "ghosts"], "there are: pupils"),
        ([GAMBLING, "--group", "pupils", "--device", "192.0.2.1"], "exclude each other"),
        ([], "Missing argument"),
    ],
)
def test_wrong_use_is_one_clear_line(
    config: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(["check", *arguments, "--config", str(config)])

    assert left.value.code == 2
    line = capsys.readouterr().err
    assert said in line
    assert line.count("\n") == 1


def test_a_room_that_cannot_be_read_is_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["check", "example.org", "--config", str(tmp_path / "missing.toml")])

    assert left.value.code == 1
    assert "missing.toml" in capsys.readouterr().err


def test_an_entry_of_a_policy_by_hand_that_is_too_wide_is_named_and_opens_nothing(config: Path) -> None:
    by_hand = config.parent / "by-hand.toml"
    by_hand.write_text(
        'version = 1\ndefault_group = "pupils"\n'
        '[[profiles]]\nname = "pupils"\nclosed = ["gambling"]\n[[groups]]\nname = "pupils"\nprofile = "pupils"\n'
        '[[rules]]\nname = "com"\naction = "allow"\n[[rules]]\nname = "closed.example.org"\naction = "block"\n'
    )
    file = config.parent / "alone.toml"
    file.write_text(ROOM.replace('closed = ["gambling"]', 'document = "by-hand.toml"'))
    names = ["www.bet365.com", "closed.example.org"]
    check = [sys.executable, "-m", "appliance", "check", *names, "--config", str(file)]

    done = subprocess.run(check, capture_output=True, text=True, check=True)

    assert "the rule that opens com is left out: com is not one site" in done.stderr
    assert "www.bet365.com: refused" in done.stdout
    assert "closed.example.org: refused" in done.stdout
