"""How the room is, put together from what its processes say, for `hallpass-status.txt`."""

from appliance.card import status_file
from appliance.card.config_choice import ChosenConfig
from appliance.card.machine import Machine
from appliance.card.paths import CardPaths
from appliance.card.provisioning import write_boot_text
from appliance.room import health
from appliance.room.addresses import outbound_addresses
from appliance.room.conditions import Condition
from appliance.room.health import ProcessHealth


def write_status(paths: CardPaths, machine: Machine, config: ChosenConfig, version: str, now: float) -> None:
    """Write how the room is, where that is not what stands there; and note the time for the next boot."""
    healths = health.read_health(paths.runtime / "health", now)
    status = status_file.CardStatus(
        room=config.room_name,
        host=config.host_name,
        version=version,
        waits_for=config.waits_for,
        troubles=list_troubles(healths),
        addresses=outbound_addresses(),
    )
    write_boot_text(paths, machine, paths.status_file, status_file.status_text(status))
    machine.touch_file(paths.last_clock)


def list_troubles(healths: tuple[ProcessHealth, ...]) -> tuple[str, ...]:
    """Return what is wrong with a room, one line each, the most urgent first."""
    present = {one.process for one in healths}
    conditions = {condition for one in healths for condition in one.conditions}
    lines = [one.row.words for one in Condition if one in conditions and one.row.in_status_file]
    lines += [f"the {one.process} has stopped" for one in healths if Condition.STOPPED in one.conditions]
    missing = (process for process in health.NEEDED_PROCESSES if process not in present)
    lines += [f"the {process.partition('-')[0]} does not run" for process in missing]
    return tuple(lines)
