"""`hallpass room`: the four processes of a room, in the foreground."""

import sys
from pathlib import Path

import click

from appliance.processes import ProcessGroup, hallpass_program
from appliance.settings.load import load_settings
from appliance.settings.room import RoomSettings

PROCESSES = ("recorder", "resolver", "agent", "web")  # the recorder first: it makes the sockets' folder


@click.command()
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    default=Path("room.toml"),
    show_default=True,
    help="The room's settings.",
)
def command(config: Path) -> None:
    """Run a whole room: resolver, recorder, agent and pages. Ctrl-C stops all of them."""
    load_settings(config, RoomSettings)  # one report of the mistakes, instead of one from each process
    room = ProcessGroup(say=lambda text: click.echo(f"hallpass room: {text}", err=True))
    room.start_programs([hallpass_program(name, "--config", str(config)) for name in PROCESSES])
    sys.exit(room.run_until_signal())
