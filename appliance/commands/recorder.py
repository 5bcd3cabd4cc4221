"""`hallpass recorder`: the query log and the lamp."""

import asyncio
from pathlib import Path

import click

from appliance.commands.options import config_option, say_what_happens
from appliance.room.recorder import process
from appliance.settings.load import load
from appliance.settings.room import RoomSettings


@click.command()
@config_option("room.toml")
def command(config: Path) -> None:
    """Run the recorder: the only writer of the query log, and the lamp's hand."""
    settings = load(config, RoomSettings)
    say_what_happens()
    asyncio.run(process.run(settings))
