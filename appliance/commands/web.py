"""`hallpass web`: the teacher's pages."""

import os
import sys
from pathlib import Path

import click

from appliance.commands.options import config_option, configure_logging
from appliance.ports import require_free_port
from appliance.settings.load import load_settings
from appliance.settings.room import RoomSettings
from appliance.web_server import gunicorn_command

APP = "webui.room.app:create_app()"
THREADS = 16  # a room has a teacher or two; each open page holds one


@click.command()
@config_option("room.toml")
def command(config: Path) -> None:
    """Run the teacher's pages and the block page."""
    settings = load_settings(config, RoomSettings)
    configure_logging()
    require_free_port(settings.web.listen)
    environment = os.environ | {"HALLPASS_CONFIG": str(config.absolute())}
    os.execve(sys.executable, gunicorn_command(APP, settings.web.listen, threads=THREADS), environment)  # noqa: S606 (we become the server)
