"""`hallpass agent`: what follows central."""

import asyncio
from pathlib import Path

import click

from appliance.commands.options import config_option, configure_logging
from appliance.files import keep_files_private
from appliance.room.agent import service
from appliance.settings.load import load_settings
from appliance.settings.room import RoomSettings


@click.command()
@config_option("room.toml")
def command(config: Path) -> None:
    """Run the agent: follow central, deliver requests, answer the pages."""
    settings = load_settings(config, RoomSettings)
    configure_logging()
    keep_files_private(settings.room.data)
    asyncio.run(service.run_agent(settings))
