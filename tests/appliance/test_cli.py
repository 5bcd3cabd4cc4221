"""`hallpass` is one command: help for each part, one clear line for each failure, never a traceback."""

import contextlib
import json
import os
import pty
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from appliance.cli import COMMANDS, main
from appliance.cli import hallpass as hallpass_group
from appliance.commands.options import USUAL_PATHS
from appliance.manual_pages import format_manual_page

COMMAND = (sys.executable, "-m", "appliance")
GROUPS = ((), ("account",), ("card",), ("image",), ("lists",), ("log",))
COLOUR = "\x1b["


def hallpass(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ | environment,
    )


@pytest.fixture(scope="module")
def central_toml(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("central") / "central.toml"
    path.write_text('[central]\nschool = "Example Primary"\ndata = "data"\n')
    assert hallpass("central", "enrol", "Room 4", "--config", str(path)).returncode == 0
    return path


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("central", "enrol", "\udcff"), 2, "no text (UTF-8)"),
        (("central", "rules", "remove", "9" * 30), 2, "a number is larger"),
    ],
)
def test_what_no_database_takes_is_one_line(
    central_toml: Path, arguments: tuple[str, ...], status: int, said: str
) -> None:
    ran = hallpass(*arguments, "--config", str(central_toml))
    assert (ran.returncode, ran.stdout) == (status, "")
    assert said in ran.stderr
    assert len(ran.stderr.splitlines()) == 1


def test_a_database_that_somebody_else_holds_is_one_line(central_toml: Path) -> None:
    with contextlib.closing(sqlite3.connect(central_toml.parent / "data" / "central.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        ran = hallpass("central", "enrol", "Room 5", "--config", str(central_toml))
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr == "hallpass: the database is busy, or cannot be used: database is locked\n"


def hallpass_on_a_terminal(*arguments: str, **environment: str) -> str:
    """Return what the command writes to a terminal."""
    ours, theirs = pty.openpty()
    there = {key: value for key, value in os.environ.items() if key not in {"NO_COLOR", "TERM"}}
    process = subprocess.Popen([*COMMAND, *arguments], stdout=theirs, stderr=theirs, env=there | environment)
    os.close(theirs)
    said = b""
    try:
        while part := os.read(ours, 65536):
            said += part
    except OSError:  # how Linux says that the other end is closed
        pass
    os.close(ours)
    process.wait(60)
    return said.decode()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_subcommand_has_help(name: str) -> None:
    result = hallpass(name, "--help")
    assert result.returncode == 0
    assert result.stdout.startswith("Usage:")
    assert result.stderr == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("room", "--nonsense"),
        ("room", "superfluous"),
        ("room", "super\nfluous"),
        ("completion",),
        ("completion", "tcsh"),
    ],
)
def test_wrong_use_exits_2_with_one_line(arguments: tuple[str, ...]) -> None:
    result = hallpass(*arguments)
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1
    assert re.search(r"[.?!] See '.* --help'\.$", result.stderr)


def leaves(group: click.Group, context: click.Context, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from leaves(command, context, (*path, name))
        else:
            yield *path, name


def test_whatever_is_mistyped_for_any_command_is_one_line_and_does_nothing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for path in leaves(hallpass_group, click.Context(hallpass_group)):
        for typed in (("--nonsense",), ("--config",), ("x",) * 9 + ("--jsn",)):
            with pytest.raises(SystemExit) as left:
                main([*path, *typed])
            said = capsys.readouterr()
            assert (left.value.code, said.out, said.err.count("\n")) == (2, "", 1), (path, typed, said)
    assert list(tmp_path.iterdir()) == []


def test_what_has_to_ask_where_nobody_can_answer_says_so_and_exits_1(tmp_path: Path) -> None:
    (tmp_path / "backup").touch()
    result = subprocess.run(
        [*COMMAND, "central", "backup-verify", str(tmp_path / "backup")],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
        start_new_session=True,  # as a timer has it: no terminal that could be asked past standard input
    )  # fmt: skip
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1].startswith("hallpass: nobody is there to answer")
    assert ".py:" not in result.stderr


@pytest.mark.parametrize("name", ["room", "resolver", "recorder", "agent", "web", "central"])
def test_a_missing_settings_file_exits_1_and_is_named(name: str, tmp_path: Path) -> None:
    result = hallpass(name, "--config", str(tmp_path / "absent.toml"))
    assert result.returncode == 1
    assert "absent.toml" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_alone_prints_its_help_and_that_is_no_failure(group: tuple[str, ...]) -> None:
    result = hallpass(*group)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("Usage: ")
    assert result.stdout == hallpass(*group, "--help").stdout


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (("docter",), "doctor"),
        (("lists", "serch"), "search"),
        (("image", "biuld"), "build"),
        (("log", "tial"), "tail"),
    ],
)
def test_a_mistyped_command_is_answered_with_the_one_that_was_meant(typed: tuple[str, ...], meant: str) -> None:
    result = hallpass(*typed)
    assert result.returncode == 2
    assert f"Did you mean '{meant}'?" in result.stderr


def every_group(command: click.Command, context: click.Context) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    if isinstance(command, click.Group):
        names = command.list_commands(context)
        yield (), names
        for name in names:
            child = command.get_command(context, name)
            assert child is not None, name
            for words, below in every_group(child, click.Context(child, info_name=name, parent=context)):
                yield (name, *words), below


def test_the_last_letters_of_any_command_are_forgotten_and_it_is_found() -> None:
    unanswered = []
    groups = list(every_group(hallpass_group, click.Context(hallpass_group, info_name="hallpass")))
    for words, names in groups:
        longest = max(names, key=len)
        said = CliRunner().invoke(hallpass_group, [*words, longest[:-1]])
        text = f"{said.output} {said.exception}"
        if said.exit_code != 2 or "Did you mean" not in text or repr(longest) not in text:
            unanswered.append((words, longest, said.output))
    assert len(groups) > 20
    assert unanswered == []


def test_a_missing_settings_file_is_no_mistake_in_it_and_what_to_do_is_said(tmp_path: Path) -> None:
    said = hallpass("resolver", "--config", str(tmp_path / "absent.toml")).stderr
    assert "mistake" not in said
    assert "No such file" in said
    assert "--config FILE" in said
    assert "HALLPASS_CONFIG" in said


def every_default_settings_file(command: click.Command, context: click.Context) -> Iterator[str]:
    """Yield the name of the settings file of each command that takes one, as its help shows it."""
    shown = " ".join(str(one.show_default) for one in command.params if isinstance(one, click.Option))
    yield from re.findall(r"(\w+\.toml) here", shown)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None, name
            yield from every_default_settings_file(child, click.Context(child, info_name=name, parent=context))


def test_the_machines_own_settings_are_found_for_every_kind_of_service() -> None:
    asked = set(every_default_settings_file(hallpass_group, click.Context(hallpass_group, info_name="hallpass")))
    assert asked == {"room.toml", "central.toml", "trust.toml"}
    assert asked == set(USUAL_PATHS)
    assert all(path.name == name for name in asked for path in USUAL_PATHS[name])


def test_settings_are_found_by_the_environment_and_the_option_goes_before_it(tmp_path: Path) -> None:
    config = tmp_path / "elsewhere.toml"
    config.write_text('[room]\nname = "Room 4"\ndata = "data"\n[dns]\nupstreams = ["192.0.2.53"]\n')
    found = hallpass("check", "--json", "example.org", HALLPASS_CONFIG=str(config))
    assert found.returncode == 0, found.stderr
    assert [one["name"] for one in json.loads(found.stdout)] == ["example.org"]
    named = hallpass(
        "check", "example.org", "--config", str(tmp_path / "absent.toml"), HALLPASS_CONFIG=str(config)
    )
    assert "absent.toml" in named.stderr


def test_colour_is_for_terminals_that_have_it_and_for_who_wants_it(tmp_path: Path) -> None:
    config = tmp_path / "room.toml"
    config.write_text('[room]\nnmae = "x"\n')
    doctor = ("doctor", "--config", str(config))
    assert COLOUR in hallpass_on_a_terminal(*doctor, TERM="xterm")
    assert COLOUR not in hallpass_on_a_terminal(*doctor, TERM="xterm", NO_COLOR="1")
    assert COLOUR not in hallpass_on_a_terminal(*doctor, TERM="dumb")
    assert COLOUR not in hallpass(*doctor).stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_is_given_what_completes_the_command(shell: str) -> None:
    script = hallpass("completion", shell)
    assert script.returncode == 0
    assert "_HALLPASS_COMPLETE" in script.stdout


def test_a_commands_name_is_completed() -> None:
    words = {"COMP_WORDS": "hallpass doc", "COMP_CWORD": "1", "_HALLPASS_COMPLETE": "bash_complete"}
    done = subprocess.run(
        [Path(sys.executable).with_name("hallpass")],
        capture_output=True, text=True, timeout=60, check=False, env=os.environ | words,
    )  # fmt: skip
    assert done.stdout.split() == ["plain,doctor"]


def test_manual_pages_are_made_from_the_help_of_every_command(tmp_path: Path) -> None:
    assert hallpass("manual", str(tmp_path)).returncode == 0
    pages = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert {f"hallpass-{name}.1" for name in COMMANDS} | {"hallpass.1", "hallpass-lists-search.1"} <= set(pages)
    doctor = pages["hallpass-doctor.1"]
    for part in (".SH NAME\nhallpass\\-doctor \\- ", ".SH OPTIONS", "\\-\\-from\\-csv", ".SH EXIT STATUS"):
        assert part in doctor
    assert "\\fBhallpass\\-doctor\\fR(1)" in pages["hallpass.1"]
    again = tmp_path / "again"
    hallpass("manual", str(again))
    assert {path.name: path.read_text() for path in again.iterdir()} == pages


def test_a_line_of_the_help_is_no_request_of_roff() -> None:
    tricky = click.Command("x", help=".TH means itself\n\n'and so does this, and a back\\slash")
    page = format_manual_page(click.Context(tricky, info_name="x"), "1.2.3")
    assert "\\&.TH means itself" in page
    assert "\\&'and so does this, and a back\\eslash" in page


def test_the_version_is_said() -> None:
    assert hallpass("--version").stdout.startswith("hallpass, version ")
