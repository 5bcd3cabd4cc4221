"""Accounts are made, changed and ended by command."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.fakes.programs import run


def test_accounts_are_added_listed_and_ended(config: Path) -> None:
    where = ("--config", str(config))
    added = run("account", "add", "ada", "--role", "teacher", "--name", "Ada", "--generate", *where)
    assert added.stdout.startswith("password of ada: ")
    assert run("account", "add", "ada", "--role", "teacher", "--generate", *where).returncode == 1
    assert run("account", "end", "nobody", *where).returncode == 1
    assert run("account", "add", "ben", "--role", "king", "--generate", *where).returncode == 2
    assert run("account", "end", "ada", *where).returncode == 0
    assert "ada" in run("account", "list", *where).stdout


def test_an_account_is_invited_changed_ended_and_returns_at_the_command_line(config: Path) -> None:
    where = ("--config", str(config), "--json")
    past = run("account", "add", "sam", "--role", "supply", "--link", "--ends", "2020-01-01", *where)
    assert (past.returncode, "that day is over" in past.stderr) == (1, True)
    ends = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()
    added = json.loads(run("account", "add", "sam", "--role", "supply", "--link", "--ends", ends, *where).stdout)
    assert (added["roles"], added["ends"][:7]) == (["supply"], ends[:7])
    assert "/new-password/" in added["link"]
    changed = run("account", "change", "sam", "--role", "head", "--role", "teacher", "--no-end", *where)
    assert json.loads(changed.stdout)["roles"] == ["teacher", "head"]
    assert json.loads(run("account", "end", "sam", *where).stdout)["ends"] is not None
    assert run("account", "link", "sam", *where).returncode == 1
    assert "/new-password/" in json.loads(run("account", "return", "sam", *where).stdout)["link"]
    assert run("account", "change", "sam", "--room", "nowhere", *where).returncode == 1


def test_a_password_may_be_typed(config: Path) -> None:
    where = ("--role", "coordinator", "--config", str(config))
    assert run("account", "add", "cora", *where, typed="a long one indeed\na long one indeed\n").returncode == 0
    short = run("account", "add", "ben", *where, typed="short\nshort\n")
    assert short.returncode == 1
    assert "10 characters" in short.stderr
