"""`hallpass central profiles`, `timetable` and `delegations`, over the database of a prepared central."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from appliance.commands.central import command
from appliance.errors import HallpassError
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
    del school
    config = tmp_path / "central.toml"
    config.write_text('[central]\nschool = "Example Primary"\ndata = "central"\nlisten = "127.0.0.1:8300"\n')

    def invoke(*arguments: str) -> Any:
        needs_settings = not {"ready-made", "sets"} & {*arguments}
        where = ("--config", str(config)) if needs_settings else ()
        found = CliRunner().invoke(command, [*arguments, *where])
        if found.exception is not None and not isinstance(found.exception, SystemExit):
            raise found.exception
        assert found.exit_code == 0, found.output
        return json.loads(found.output) if "--json" in arguments else found.output

    return invoke


def test_a_profile_is_made_changed_previewed_renamed_and_undone_by_commands(run: Run, school: FakeSchool) -> None:
    assert "key stage 2" in run("profiles", "ready-made")
    run("profiles", "add", "key stage 2")
    run("profiles", "copy", "key stage 2", "year 6")
    told = run("profiles", "set", "year 6", "--open", "games", "--refusal", "page", "--dry-run")
    assert "opens 1: Games" in told
    saved = run("profiles", "set", "year 6", "--open", "games", "--youtube", "moderate", "--json")
    assert saved["profile"]["youtube"] == "moderate"
    assert "games" not in json.loads(run("profiles", "show", "year 6"))["closed"]
    assert "undone" in run("profiles", "undo", saved["change"])
    run("profiles", "rename", "year 6", "year six")
    run("profiles", "default", "year six")
    assert school.document().default_group == "year six"
    assert "year six (default)" in run("profiles", "list")
    run("profiles", "remove", "key stage 2")
    assert {one["name"] for one in run("profiles", "list", "--json")} == {"pupils", "staff", "year six"}
    with pytest.raises(HallpassError, match="no ready-made profile"):
        run("profiles", "add", "year 9")


def test_a_profile_goes_out_as_json_and_comes_back_from_a_file(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "profile.json"
    path.write_text(run("profiles", "show", "staff").replace('"null"', '"page"'))
    run("profiles", "set", "staff", "--from-file", str(path))
    assert json.loads(run("profiles", "show", "staff"))["refusal"] == "page"
    path.write_text('{"name": 3}')
    with pytest.raises(HallpassError, match="no profile"):
        run("profiles", "set", "staff", "--from-file", str(path))
    path.write_bytes(b"\xff[")
    with pytest.raises(HallpassError, match="no JSON"):
        run("profiles", "set", "staff", "--from-file", str(path))


def test_rows_terms_and_the_week_are_set_and_shown_by_commands(run: Run, school: FakeSchool) -> None:
    row = (
        "timetable",
        "add",
        "pupils",
        "--from",
        "12:00",
        "--until",
        "13:00",
        "--open",
        "games",
        "--name",
        "lunch",
    )
    assert "12:00-13:00  open: games" in run(*row, "--dry-run")
    assert run("timetable", "show", "pupils", "--json")["rows"] == []
    run(*row)
    (kept,) = run("timetable", "show", "pupils", "--json")["rows"]
    assert "lunch: school days, 12:00 to 13:00: opens games" in run("timetable", "show", "pupils")
    run("timetable", "set-week", "mon", "tue")
    run("timetable", "add-days", "terms", "2026-09-02", "2026-12-18", "--name", "autumn")
    assert "term  2026-09-02 to 2026-12-18  autumn" in run("timetable", "year")
    week = run("timetable", "week", "pupils", "--of", "2026-11-25", "--json")
    assert [len(one["stretches"]) for one in week] == [1, 1, 0, 0, 0, 0, 0]
    assert "12:00-13:00  open: games" in run("timetable", "week", "pupils", "--of", "2026-11-25")
    run("timetable", "remove-days", "terms", "2026-09-02", "2026-12-18", "--name", "autumn")
    run("timetable", "remove", "pupils", kept["id"])
    assert school.document().terms == ()
    with pytest.raises(HallpassError, match="no row"):
        run("timetable", "add", "pupils", "--from", "noon", "--until", "13:00", "--open", "games")


def test_what_harms_is_delegated_by_command_only_with_a_confirmation(run: Run) -> None:
    run("delegations", "add", "games", "--group", "staff", "--minutes", "20")
    with pytest.raises(HallpassError, match="add --confirm"):
        run("delegations", "add", "extremism")
    run("delegations", "add", "extremism", "--confirm")
    assert [(one["category"], one["group"]) for one in run("delegations", "list", "--json")] == [
        ("extremism", ""), ("games", "staff"),
    ]  # fmt: skip
    run("delegations", "end", "extremism")
    assert run("delegations", "list") == "games  staff  20 minutes, 5 times a day\n"


def test_links_of_a_plan_and_ready_made_sets_are_looked_at_before_they_are_kept(run: Run) -> None:
    looked = run("plans", "put", "Rivers", "https://rivers.example.org/a", "not a link", "--dry-run")
    assert "https://rivers.example.org/a: open" in looked
    assert "not a link" in looked
    assert run("plans", "list", "--json") == []
    first = run("lists", "sets", "--json")[0]["id"]
    assert "added: the list" in run("lists", "add-set", first, "--later")
    name = run("lists", "list", "--json")[0]["name"]
    assert "added" not in run("lists", "add-set", first, "--later"), "what is there stays"
    with pytest.raises(HallpassError, match="no set"):
        run("lists", "add-set", "none")
    for step in ("accept", "refuse"):
        with pytest.raises(HallpassError):
            run("lists", step, name)
