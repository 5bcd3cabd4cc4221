"""What lets a shell complete the command `hallpass`: its commands, options and file names (click's scripts)."""

import click
from click.shell_completion import get_completion_class

from appliance.errors import HallpassError

PROGRAM = "hallpass"
VARIABLE = "_HALLPASS_COMPLETE"  # by which a shell asks the command itself


def completion_script(shell: str) -> str:
    """Return the script for a shell: bash, zsh or fish. Raises HallpassError for another."""
    found = get_completion_class(shell)
    if found is None:
        raise HallpassError(f"{shell} is no shell that can be helped")
    return f"{found(click.Command(PROGRAM), {}, PROGRAM, VARIABLE).source()}\n"
