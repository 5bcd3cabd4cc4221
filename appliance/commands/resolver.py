"""`hallpass resolver`: DNS alone, in the foreground."""

import logging
import sys
from pathlib import Path

import click

from appliance.commands.options import config_option
from appliance.files import keep_files_private
from appliance.room.resolver import run_resolver
from appliance.settings.load import load_settings
from appliance.settings.room import RoomSettings


@click.command()
@config_option("room.toml")
def command(config: Path) -> None:
    """Run DNS alone: answer, filter, hand records to the recorder. Follows its settings; Ctrl-C stops it."""
    logging.basicConfig(level=logging.WARNING, format="hallpass resolver: %(message)s")
    settings = load_settings(config, RoomSettings)
    keep_files_private(settings.room.data)
    sys.exit(run_resolver(settings, config))
