"""What a newcomer's tools expect in a project is there, and agrees with what the project itself does."""

import json
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("appliance", "blocklists", "dns", "hardware", "webui")


def lint_commands() -> set[str]:
    recipe = (ROOT / "Makefile").read_text().split("\nlint:", 1)[1].split("\n\n", 1)[0]
    return set(re.findall(r"^\t\$\(VENV\)/bin/(.+?)(?: \.)?$", recipe, re.MULTILINE))


def test_the_hooks_check_what_make_lint_checks() -> None:
    text = (ROOT / ".pre-commit-config.yaml").read_text()
    hooks = set(re.findall(r"entry: \.venv/bin/(.+)$", text, re.MULTILINE))
    assert hooks == lint_commands()


def test_the_editor_and_the_linter_agree_on_the_length_of_a_line() -> None:
    ruff = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]
    assert f"max_line_length = {ruff['line-length']}\n" in (ROOT / ".editorconfig").read_text()


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_says_that_it_is_typed(package: str) -> None:
    assert (ROOT / package / "py.typed").exists()


def test_the_development_container_is_one_of_the_systems_that_the_readme_promises() -> None:
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text())
    assert container["image"] in {"debian:12", "debian:13"}


def test_the_tests_are_type_checked_as_strictly_as_what_they_test() -> None:
    mypy = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]
    assert mypy["strict"]
    assert set(mypy["packages"]) == {*PACKAGES, "tests"}
    unseen = {str(file) for file in (ROOT / "tests").rglob("*.py") if not all(map(str.isidentifier, module(file)))}
    assert not unseen, "mypy passes over what cannot be imported by its name"


def module(file: Path) -> tuple[str, ...]:
    return file.relative_to(ROOT).with_suffix("").parts


def test_whatever_is_kept_from_the_type_checker_says_why() -> None:
    files = [file for folder in (*PACKAGES, "tests") for file in (ROOT / folder).rglob("*.py")]
    lines = [(file, line) for file in files for line in file.read_text().splitlines()]
    silent = [f"{file}: {line}" for file, line in lines if re.search(r"#\s*type: ignore\[[^]]+\]\s*$", line)]
    assert not silent


def test_the_readme_says_where_to_report_a_security_problem() -> None:
    assert "SECURITY.md" in (ROOT / "README.md").read_text()


@pytest.mark.xdist_group("told_apart")
def test_a_group_of_tests_is_dealt_out_to_one_worker(request: pytest.FixtureRequest) -> None:
    """Tests of a group share what is slow to make. pytest-xdist knows a group by the end of its tests' names."""
    deals_by_group = getattr(request.config.option, "loadgroup", False)  # in a worker; a run without has no groups
    assert request.node.nodeid.endswith("@told_apart") == deals_by_group
