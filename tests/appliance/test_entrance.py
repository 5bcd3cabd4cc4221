"""A service begins without a library for command lines; what it says of itself is what the command line says."""

import subprocess
import sys
from pathlib import Path

import pytest

from appliance.cli import COMMANDS, main
from appliance.entrance import SERVICES


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_that_cannot_begin_says_so_in_the_command_lines_words(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "room.toml"
    config.write_text("[room]\nname = 4\n")
    arguments = [name, "--config", str(config)]
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    done = subprocess.run(
        [sys.executable, "-m", "appliance", *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (ended.value.code, capsys.readouterr().err)
    assert done.returncode == 1


def test_each_service_is_a_command() -> None:
    assert set(SERVICES) < set(COMMANDS)


def test_whatever_else_is_typed_is_the_command_lines() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "appliance", "recorder", "--confg"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "--config" in done.stderr


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_what_the_starter_has_closed_leads_nowhere_and_no_number_of_it_is_taken(closed: str) -> None:
    story = (
        "import socket, sys; from appliance.entrance import open_standard_files; open_standard_files();"
        "taken = socket.socket().fileno(); print('said'); sys.stdout.flush(); sys.stderr.flush();"
        "sys.exit(40 if taken > 2 else 41)"
    )
    done = subprocess.run(
        ["sh", "-c", f'exec "$@" {closed}', "sh", sys.executable, "-c", story],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 40
    assert done.stderr == ""


def test_where_nothing_more_can_be_written_that_is_said_in_words() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "appliance", "--version"],
            stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (1, "hallpass: No space left on device\n")
