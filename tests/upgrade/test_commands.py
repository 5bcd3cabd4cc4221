"""Every command and option of 0.1 is there: scripts and timers that were written for it go on."""

import click

from appliance.cli import hallpass
from tests.upgrade.old_data import OLD


def find_command(words: list[str]) -> click.Command | None:
    found: click.Command | None = hallpass
    for word in words:
        found = found.get_command(click.Context(found), word) if isinstance(found, click.Group) else None
    return found


def missing_in(line: str) -> list[str]:
    """Return what of a line of commands.txt there is not: a command, its options, "<2>" for two arguments."""
    _, *words = line.split()
    command = find_command([word for word in words if word[0] not in "-<"])
    if command is None:
        return [line]
    options = {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
    arguments = [one for one in command.params if isinstance(one, click.Argument)]
    given = next((int(word[1:-1]) for word in words if word.startswith("<")), 0)
    needed = sum(one.required for one in arguments)
    return [
        *(f"{line}: {word}" for word in words if word.startswith("-") and word not in options),
        *([] if needed <= given <= len(arguments) else [f"{line}: its arguments"]),
    ]


def test_whatever_could_be_called_before_can_be_called_still() -> None:
    lines = (OLD / "commands.txt").read_text().splitlines()
    assert len(lines) == 30
    assert [missing for line in lines for missing in missing_in(line)] == []
