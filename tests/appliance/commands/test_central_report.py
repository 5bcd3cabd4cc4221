"""`hallpass central counts` and `hallpass central report`: the same numbers, for people and for programs."""

from pathlib import Path

import msgspec
from click.testing import CliRunner

from appliance.cli import hallpass
from tests.fakes.school import FakeSchool


def test_numbers_and_reports_are_printed_for_people_and_for_programs(tmp_path: Path) -> None:
    FakeSchool(tmp_path / "central").close()
    config = tmp_path / "central.toml"
    config.write_text('[central]\nschool = "S"\ndata = "central"\n')

    def run(*words: str) -> str:
        done = CliRunner().invoke(hallpass, ["central", *words, "--config", str(config)])
        assert done.exit_code == 0, done.output
        return done.stdout

    assert "days:" in run("counts")
    assert msgspec.json.decode(run("counts", "--since", "2026-11-01", "--json"))["sites"] == []
    assert "How our school filters the internet" in run("report", "parents")
    assert run("report", "annual", "--format", "html").startswith("<!doctype html>")
    assert run("report", "termly", "--format", "csv").startswith("part,")
    assert msgspec.json.decode(run("report", "weekly", "--json"))["kind"] == "weekly"
