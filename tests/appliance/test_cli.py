"""`hallpass` is one command: help for each part, one clear line for each failure, never a traceback."""

import subprocess
import sys
from pathlib import Path

import pytest

from appliance.cli import COMMANDS


def hallpass(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "appliance", *arguments], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_every_subcommand_has_help(name: str) -> None:
    result = hallpass(name, "--help")
    assert result.returncode == 0
    assert result.stdout.startswith("Usage:")
    assert result.stderr == ""


@pytest.mark.parametrize("arguments", [("nonsense",), ("room", "--nonsense"), ("room", "superfluous")])
def test_wrong_use_exits_2_with_one_line(arguments: tuple[str, ...]) -> None:
    result = hallpass(*arguments)
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1
    assert "--help" in result.stderr


@pytest.mark.parametrize("name", ["room", "resolver", "recorder", "agent", "web", "central"])
def test_a_missing_settings_file_exits_1_and_is_named(name: str, tmp_path: Path) -> None:
    result = hallpass(name, "--config", str(tmp_path / "absent.toml"))
    assert result.returncode == 1
    assert "absent.toml" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_version_is_said() -> None:
    assert hallpass("--version").stdout.startswith("hallpass, version ")
