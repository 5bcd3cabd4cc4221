"""What several subcommands share."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click
import msgspec

F = TypeVar("F", bound=Callable[..., object])

BY = "command line"  # who acts, as the audit says it
CONFIG_VARIABLE = "HALLPASS_CONFIG"
# Where a machine that was set up for it has its settings; the first that is there is taken.
USUAL_PATHS = {
    "room.toml": (Path("/run/hallpass/room.toml"), Path("/etc/hallpass/room.toml")),  # /run: on a card
    "central.toml": (Path("/etc/hallpass/central.toml"),),
    "trust.toml": (Path("/etc/hallpass/trust.toml"),),
}


def find_config(default: str) -> Path:
    """Return the settings file that a command takes where none is named.

    `HALLPASS_CONFIG` where it is set; else the file in this folder; else the machine's own: so that a command of a
    technician on a card, or on central's machine, finds what the services there use.
    """
    if named := os.environ.get(CONFIG_VARIABLE):
        return Path(named)
    here = Path(default)
    if not here.exists():
        here = next((path for path in USUAL_PATHS.get(default, ()) if _is_there(path)), here)
    return here


def config_option(default: str) -> Callable[[F], F]:
    """Return the option `--config FILE`."""
    return click.option(
        "--config",
        type=click.Path(path_type=Path),
        default=lambda: find_config(default),
        show_default=f"${CONFIG_VARIABLE}, {default} here, or this machine's own",
        help="The settings file.",
    )


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
# Where a program may say so too.
json_anyway_option = click.option("--json", is_flag=True, expose_value=False, help="It is JSON in any case.")


def print_json(value: object) -> None:
    """Print a value as JSON that people can read too; times as RFC 3339."""
    click.echo(msgspec.json.format(msgspec.json.encode(value)).decode())


def is_dumb_terminal() -> bool:
    """Tell whether the terminal can only print lines: no colour, and no bar that is drawn over itself."""
    return os.environ.get("TERM") == "dumb"


def wants_no_colour() -> bool:
    """Tell whether the user has asked for text without colour (no-color.org), or their terminal has none."""
    return bool(os.environ.get("NO_COLOR")) or is_dumb_terminal()


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError:
        return True  # that it may not be read is better said than that there is no room
