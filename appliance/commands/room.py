"""`hallpass room`: the four processes of a room, in the foreground."""

import importlib
import sys
from pathlib import Path

import click

from appliance.commands.options import config_option
from appliance.processes import WATCHDOG_SECONDS, ProcessGroup, Program, hallpass_program
from appliance.settings.load import load_settings
from appliance.settings.room import RoomSettings

PROCESSES = ("recorder", "resolver", "agent", "web")  # the recorder first: it makes the sockets' folder


@click.command()
@config_option("room.toml")
def command(config: Path) -> None:
    """Run a whole room: resolver, recorder, agent and pages. Ctrl-C stops all of them.

    Only wrong settings or a taken port keep it from starting. A process that ends or hangs later is replaced.
    """
    settings = load_settings(config, RoomSettings)  # one report of the mistakes, instead of one from each process
    room = ProcessGroup(
        say=lambda text: click.echo(f"hallpass room: {text}", err=True),
        is_hopeless=lambda name: _is_hopeless(name, settings),
    )
    room.start_programs([room_program(name, config) for name in PROCESSES])
    sys.exit(room.run_until_signal())


def _is_hopeless(name: str, settings: RoomSettings) -> bool:
    # Imported only where something failed: it brings along all that answers DNS.
    start_check = importlib.import_module("appliance.room.start_check")
    found: bool = start_check.is_hopeless(name, settings)
    return found


def room_program(name: str, config: Path) -> Program:
    """Return one of a room's processes, which says that it lives."""
    return hallpass_program(name, "--config", str(config), watchdog_seconds=WATCHDOG_SECONDS)
