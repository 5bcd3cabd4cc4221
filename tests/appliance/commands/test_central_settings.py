"""`hallpass central settings`, over the database of a prepared central."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from appliance.commands.central import command
from appliance.errors import HallpassError
from tests.fakes.school import FakeSchool


def test_what_holds_in_every_room_is_set_and_undone_by_commands(tmp_path: Path) -> None:
    school = FakeSchool(tmp_path / "central")
    school.enrol()
    config = tmp_path / "central.toml"
    config.write_text('[central]\nschool = "Example Primary"\ndata = "central"\nlisten = "127.0.0.1:8300"\n')

    def run(*arguments: str) -> Any:
        found = CliRunner().invoke(command, [*arguments, "--config", str(config)])
        if found.exception is not None and not isinstance(found.exception, SystemExit):
            raise found.exception
        assert found.exit_code == 0, found.output
        return json.loads(found.output) if "--json" in arguments else found.output

    told = run(
        "settings", "set", "--lock", "extremism", "--tunnels", "close", "--many-refusals", "20",
        "--private-name", "mis.example.org", "--close-address", "203.0.113.0/24", "--category", "circumvention",
        "--dry-run",
    )  # fmt: skip
    assert "locked: Extremism" in told
    assert "how many refusals are many: 20, before: 60" in told
    assert json.loads(run("settings", "show"))["tunnels"] == "report"
    told = run("settings", "set", "--name", "Example Junior", "--timezone", "Europe/Dublin")
    assert "the school is called: Example Junior, before: Example Primary" in told
    assert (school.document().school, school.document().timezone) == ("Example Junior", "Europe/Dublin")
    for option, value, why in (
        ("--name", "", "has a name"),
        ("--name", "a\u202eb", r"U\+202E"),
        ("--timezone", "Europe/Dubln", "Europe/Dublin"),
    ):
        with pytest.raises(HallpassError, match=why):
            run("settings", "set", option, value)
    saved = run("settings", "set", "--button-pause-minutes", "15", "--close-address", "203.0.113.0/24", "--json")
    assert school.document().button_pause_minutes == 15
    assert "the pause by the room's button" in run("profiles", "undo", saved["change"])
    assert school.document().closed_addresses == ()
    with pytest.raises(HallpassError, match="add --confirm"):
        run("settings", "set", "--unlock", "malware")
    run("settings", "set", "--unlock", "malware", "--confirm")
    assert school.document().locked_categories == ("pornography",)
    file = tmp_path / "settings.json"
    file.write_text('{"tunnels": "off", "button_pause_minutes": 5}')
    run("settings", "set", "--from-file", str(file))
    assert json.loads(run("settings", "show"))["tunnels"] == "off"
    for content, why in ((b"\xff[", "no JSON"), (b'{"tunnels": 3}', "cannot be set"), (b"[]", "no JSON")):
        file.write_bytes(content)
        with pytest.raises(HallpassError, match=why):
            run("settings", "set", "--from-file", str(file))
    with pytest.raises(HallpassError, match="at most 480 minutes"):
        run("settings", "set", "--button-pause-minutes", "481")
    assert "films.example.org (new): open already" in run("bundles", "set", "vimeo.com", "films.example.org")
    assert run("bundles", "list", "--json") == [{"site": "vimeo.com", "names": ["films.example.org"]}]
    assert run("bundles", "show", "www.vimeo.com") == "films.example.org\n"
    assert "vimeo.com" in run("bundles", "remove", "vimeo.com")
    assert run("bundles", "show", "vimeo.com", "--json")["names"] == ["vimeocdn.com"]
    assert "saved: The Romans" in run("plans", "put", "The Romans", "example.org/romans", "--minutes", "45")
    (plan,) = run("plans", "list", "--json")
    assert (plan["links"], plan["minutes"]) == (["example.org/romans"], 45)
    run("plans", "put", "The Romans", "example.org", "--id", plan["id"])
    assert school.document().school_plans[0].links == ("example.org",)
    with pytest.raises(HallpassError, match="no such lesson plan"):
        run("plans", "remove", "0" * 32)
    run("plans", "remove", plan["id"])
    assert run("plans", "list") == ""
    file.write_text("bad.example.org\n")
    run("lists", "add", "ours", str(file), "--category", "games", "--allow-wide", "--later")
    assert "are opened" in run("lists", "use", "ours", "--action", "allow", "--dry-run")
    run("lists", "use", "ours", "--action", "allow", "--no-allow-wide", "--later")
    (ours,) = run("lists", "list", "--json")
    assert (ours["action"], ours["allow_wide"]) == ("allow", False)
    file.write_text("bad.example.org\nworse.example.org\n")
    told = run("lists", "replace", "ours", str(file), "--dry-run")
    assert "1 names now, 2 with the new file\n1 added: @@worse.example.org\n0 removed\n" in told
    assert run("lists", "list", "--json") == [ours]
    told = run("lists", "replace", "ours", str(file), "--later")
    assert "replaced: ours" in told
    assert run("lists", "list", "--json")[0]["location"] != ours["location"]
    run("profiles", "undo", told.partition("profiles undo ")[2].split()[0])
    assert run("lists", "list", "--json") == [ours]
    with pytest.raises(HallpassError, match="Is a directory"):
        run("lists", "replace", "ours", str(tmp_path), "--later")
    assert "no other list that closes" in run("lists", "built-in", "off", "--later")
    run("lists", "remove", "ours", "--later")
    with pytest.raises(HallpassError, match="no list 'ours'"):
        run("lists", "remove", "ours", "--later")
    told = run("rules", "add", "block", "bad.example.org", "--group", "pupils", "--exact", "--dry-run")
    assert "pupils: bad.example.org: allowed -> refused" in told
    assert "staff" not in told
    run("rules", "add", "block", "bad.example.org", "--group", "pupils", "--note", "why", "--locked")
    (rule,) = run("rules", "list", "--json")
    assert (rule["groups"], rule["locked"], rule["note"]) == (["pupils"], True, "why")
    assert "bad.example.org, for pupils, nobody can open it" in run("rules", "list")
    run("rules", "remove", str(rule["number"]))
    assert run("rules", "list", "--json") == []
    school.close()
