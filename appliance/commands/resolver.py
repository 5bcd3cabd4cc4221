"""`hallpass resolver`: DNS alone, in the foreground."""

from pathlib import Path

import click

from appliance.commands.options import config_option
from appliance.room.start_resolver import start


@click.command()
@config_option("room.toml")
def command(config: Path) -> None:
    """Run DNS alone: answer, filter, hand records to the recorder. Follows its settings; Ctrl-C stops it."""
    start(config)
