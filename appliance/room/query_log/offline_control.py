"""What is asked of the log's one writer, done by the command itself while no recorder runs."""

import time

from appliance.errors import HallpassError
from appliance.room.paths import RoomPaths
from appliance.room.query_log import control, log_key
from appliance.room.query_log.database import DatabaseError
from appliance.room.query_log.pseudonyms import Pseudonyms
from appliance.room.query_log.writer import QueryLogWriter
from appliance.settings.room import RoomSettings


def handle_without_service(settings: RoomSettings, request: control.ControlRequest) -> control.ControlResponse:
    """Do what was asked while no recorder runs. Raises HallpassError."""
    paths = RoomPaths.from_settings(settings)
    now = time.time()
    writer = QueryLogWriter(
        paths.query_log,
        paths.query_log_journal,
        settings.log,
        Pseudonyms.load_or_create(paths.data),
        log_key.make_log_key_source(settings.log, paths),
    )
    try:
        response = writer.handle_control_request(request, now)
        writer.close(now)
    except (DatabaseError, OSError) as problem:
        raise HallpassError(f"{paths.query_log}: {problem}") from problem
    finally:
        writer.close_without_writing()
    if response.error:
        raise HallpassError(response.error)
    return response
