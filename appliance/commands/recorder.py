"""`hallpass recorder`: the query log and the lamp."""

import asyncio
from pathlib import Path

import click

from appliance.allocator import freeze_heap
from appliance.commands.options import config_option, configure_logging
from appliance.files import keep_files_private
from appliance.niceness import step_aside_for_dns
from appliance.room.query_log import process
from appliance.settings.load import load_settings
from appliance.settings.room import RoomSettings


@click.command()
@config_option("room.toml")
def command(config: Path) -> None:
    """Run the recorder: the only writer of the query log, and the lamp's hand."""
    step_aside_for_dns()
    settings = load_settings(config, RoomSettings)
    configure_logging()
    keep_files_private(settings.room.data)
    freeze_heap()
    asyncio.run(process.run_query_log(settings))
