"""`hallpass log`, as a technician types it, on a log that a recorder wrote."""

import csv
import io
import json
import os
import stat
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from appliance.commands.log import command
from appliance.errors import HallpassError
from appliance.room.paths import RoomPaths
from appliance.room.query_log.log_key import make_log_key_source
from appliance.room.query_log.pseudonyms import Pseudonyms
from appliance.room.query_log.writer import QueryLogWriter
from appliance.settings.load import load_settings
from appliance.settings.room import RoomSettings
from dns.querylog.records import QueryRecord, RecordBatch

NOW = 1_795_000_000  # 2026-11-18T08:26:40Z


def record(name: str, *, second: int = NOW, verdict: str = "allowed", device: str = "192.0.2.7") -> QueryRecord:
    category = "gambling" if verdict == "refused" else ""
    return QueryRecord(second, device, "pupils", name, 1, verdict, "list", category, "own", name, 0, 2, 0.5)


RECORDS = (
    record("example.org"),
    record("casino.example", second=NOW + 1, verdict="refused"),
    record("school.example", second=NOW + 7200, device="192.0.2.8"),
)


@pytest.fixture(params=["", '[log]\nkey_file = "log.key"\n'], ids=["plain", "encrypted"])
def config(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return make_log(tmp_path, RECORDS, request.param)


def make_log(tmp_path: Path, records: tuple[QueryRecord, ...], more: str = "") -> Path:
    config = tmp_path / "room.toml"
    (tmp_path / "log.key").write_text("ab" * 32 + "\n")
    config.write_text(
        f'[room]\nname = "Room 4"\ndata = "data"\nrun = "/tmp/hp-nobody-serves-here"\n'
        f'[dns]\nupstreams = ["192.0.2.53"]\n{more}'
    )
    settings = load_settings(config, RoomSettings)
    paths = RoomPaths.from_settings(settings)
    paths.data.mkdir()
    ledger = QueryLogWriter(
        paths.query_log,
        paths.query_log_journal,
        settings.log,
        Pseudonyms.load_or_create(paths.data),
        make_log_key_source(settings.log, paths),
    )
    ledger.write_batches([RecordBatch("w", 1, records)], NOW)
    ledger.close(NOW)
    return config


def log_command(config: Path, name: str, *arguments: str) -> Result:
    return CliRunner().invoke(command, [name, "--config", str(config), *arguments], catch_exceptions=False)


@pytest.fixture
def hallpass_log(config: Path) -> Callable[..., Result]:
    return partial(log_command, config)


def test_stats_count_the_answers(hallpass_log: Callable[..., Result]) -> None:
    found = json.loads(hallpass_log("stats", "--json").output)
    assert (found["queries"], found["refused"], found["rows"]) == (6, 2, 3)
    assert found["since"] == "2026-11-18T11:06:40Z"


def test_stats_rank_names_categories_and_devices(hallpass_log: Callable[..., Result]) -> None:
    found = json.loads(hallpass_log("stats", "--json", "--top", "2", "--since", "2026-11-01").output)
    assert found["top"]["devices"][0]["answers"] == 4
    assert {"what": "gambling", "answers": 2} in found["top"]["categories"]
    assert [hour["answers"] for hour in found["hours"]] == [4, 2]
    plain = hallpass_log("stats", "--refused").output
    assert "casino.example" in plain
    assert "192.0.2" not in plain


def test_tail_prints_the_newest_last(hallpass_log: Callable[..., Result]) -> None:
    lines = hallpass_log("tail", "-n", "2").output.splitlines()
    assert [line.split()[4] for line in lines] == ["casino.example", "school.example"]
    assert lines[0].endswith("casino.example (gambling, own) 2 times")


def test_search_finds_by_everything_that_is_asked(hallpass_log: Callable[..., Result]) -> None:
    def names(*arguments: str) -> list[str]:
        lines = hallpass_log("search", "--format", "jsonl", *arguments).output.splitlines()
        return [json.loads(line)["name"] for line in lines]

    assert names("example") == ["example.org", "casino.example", "school.example"]
    assert names("cas%no") == []
    assert names("--verdict", "refused") == ["casino.example"]
    assert names("--category", "gambling", "--type", "a") == ["casino.example"]
    assert names("--since", "2026-11-18T12:30:00+00:00") == ["school.example"]
    assert names("--until", "2026-11-18T12:30:00+00:00", "-n", "1") == ["casino.example"]
    assert names("--type", "nonsense") == []


def test_csv_has_a_head_and_a_line_for_each_entry(hallpass_log: Callable[..., Result]) -> None:
    as_json = hallpass_log("search", "--json").output
    assert as_json
    assert as_json == hallpass_log("search", "--format", "jsonl").output
    lines = hallpass_log("search", "--format", "csv").output.splitlines()
    assert lines[0] == "time,device,group,name,type,verdict,category,source,count,milliseconds"
    assert len(lines) == 4


# What a pupil may ask for: a label holds any octets.
HOSTILE = (
    '=hyperlink("https://evil.example")',
    "@sum(1+9)*cmd|'/c",
    "+1.evil.example",
    "-2+3.evil.example",
    "[/red].evil.example",
    "[red]x[/red].evil.example",
    "[link=https://evil.example]click[/link]",
    "\\027\\093",
    "%n%s.evil.example",
)


def test_whatever_a_pupil_asked_for_is_shown_as_it_was_asked_and_is_no_formula(tmp_path: Path) -> None:
    config = make_log(tmp_path, tuple(record(name) for name in HOSTILE))
    ranked = log_command(config, "stats", "--top", "20")
    assert ranked.exit_code == 0
    plain = log_command(config, "search").output
    for name in HOSTILE:
        assert f"\n{name} " in ranked.output
        assert f" {name}" in plain
    lines = list(csv.DictReader(io.StringIO(log_command(config, "search", "--format", "csv").output)))
    assert {line["name"].removeprefix("'") for line in lines} == set(HOSTILE)
    assert not [line["name"] for line in lines if line["name"].startswith(("=", "+", "-", "@", "%"))]
    assert {line["count"] for line in lines} == {"2"}


def test_export_gives_everything_about_one_device(hallpass_log: Callable[..., Result], tmp_path: Path) -> None:
    device = hallpass_log("tail", "-n", "1").output.split()[1]
    assert hallpass_log("who", "--device", device, "--reason", "lost tablet").output == "192.0.2.8\n"
    before = os.umask(0o022)  # as a process of its own would have it
    hallpass_log("export", "--device", device, "--output", str(tmp_path / "held.json"))
    os.umask(before)
    assert stat.S_IMODE((tmp_path / "held.json").stat().st_mode) == 0o600, "it is about one child"
    held = json.loads((tmp_path / "held.json").read_text())
    assert [entry["name"] for entry in held["queries"]] == ["school.example"]
    assert [look["reason"] for look in held["look_ups"]] == ["lost tablet"]


def test_purge_deletes_and_says_how_many(hallpass_log: Callable[..., Result]) -> None:
    said = hallpass_log("purge", "--everything", "--reason", "end of year", "--yes").output
    assert said == "3 rows (6 answers) were deleted\n"
    found = json.loads(hallpass_log("stats", "--json").output)
    assert found["queries"] == 0
    assert found["deleted"][0]["reason"] == "end of year"
    assert found["deleted"][0]["rows"] == 3


def test_purge_must_be_told_what(hallpass_log: Callable[..., Result]) -> None:
    assert hallpass_log("purge", "--reason", "why not", "--yes").exit_code == 2
    assert hallpass_log("purge", "--everything", "--before", "1d", "--reason", "x y z", "--yes").exit_code == 2
    assert hallpass_log("purge", "--everything", "--reason", "nobody says yes").exit_code == 1


def test_a_purge_needs_a_reason_that_says_something(hallpass_log: Callable[..., Result]) -> None:
    with pytest.raises(HallpassError, match="reason"):
        hallpass_log("purge", "--everything", "--reason", "  ", "--yes")


def test_a_time_that_is_none_is_said(hallpass_log: Callable[..., Result]) -> None:
    result = hallpass_log("stats", "--since", "yesterday-ish")
    assert result.exit_code == 2
    assert "is no time" in result.output


def test_a_log_that_is_not_there_yet_is_an_empty_one(config: Path, hallpass_log: Callable[..., Result]) -> None:
    for path in (config.parent / "data").glob("log.*"):
        path.unlink()
    assert json.loads(hallpass_log("stats", "--json").output)["queries"] == 0
    assert hallpass_log("tail").output == ""
