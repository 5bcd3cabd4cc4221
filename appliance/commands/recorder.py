"""`hallpass recorder`: the query log and the lamp."""

from pathlib import Path

import click

from appliance.commands.options import config_option
from appliance.room.start_recorder import start


@click.command()
@config_option("room.toml")
def command(config: Path) -> None:
    """Run the recorder: the only writer of the query log, and the lamp's hand."""
    start(config)
