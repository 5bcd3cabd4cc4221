"""What the recorder does when it is started."""

import asyncio
from pathlib import Path

from appliance.allocator import freeze_heap
from appliance.files import keep_files_private
from appliance.niceness import step_aside_for_dns
from appliance.room.query_log import process
from appliance.service_log import configure_logging
from appliance.settings.load import load_settings
from appliance.settings.room import RoomSettings


def start(config: Path) -> None:
    """Run the recorder until it is told to stop. Raises HallpassError, OSError."""
    settings = load_settings(config, RoomSettings)
    step_aside_for_dns()
    configure_logging()
    keep_files_private(settings.room.data)
    freeze_heap()
    asyncio.run(process.run_query_log(settings))
