"""What the agent does when it is started."""

import asyncio
from pathlib import Path

from appliance.allocator import freeze_heap
from appliance.files import keep_files_private
from appliance.room.agent import service
from appliance.service_log import configure_logging
from appliance.settings.load import load_settings
from appliance.settings.room import RoomSettings


def start(config: Path) -> None:
    """Run the agent until it is told to stop. Raises HallpassError, OSError."""
    settings = load_settings(config, RoomSettings)
    configure_logging()
    keep_files_private(settings.room.data)
    freeze_heap()
    asyncio.run(service.run_agent(settings))
