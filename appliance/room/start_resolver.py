"""What the resolver does when it is started."""

import logging
import sys
from pathlib import Path

from appliance.files import keep_files_private
from appliance.room.resolver import run_resolver
from appliance.settings.load import load_settings
from appliance.settings.room import RoomSettings


def start(config: Path) -> None:
    """Run the resolver until it is told to stop, and leave the process. Raises HallpassError, OSError."""
    logging.basicConfig(level=logging.WARNING, format="hallpass resolver: %(message)s")
    settings = load_settings(config, RoomSettings)
    keep_files_private(settings.room.data)
    sys.exit(run_resolver(settings, config))
