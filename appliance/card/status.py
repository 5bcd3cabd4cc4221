"""How the room is, put together from what its processes say, for `hallpass-status.txt`."""

from appliance.card import status_file
from appliance.card.config_choice import ChosenConfig
from appliance.card.machine import Machine
from appliance.card.paths import CardPaths
from appliance.card.provisioning import write_boot_text
from appliance.room import health
from appliance.room.addresses import outbound_addresses
from appliance.room.health import Condition, ProcessHealth

_WORDS = {
    Condition.DISK_TROUBLE: "the log cannot be written",
    Condition.UPSTREAM_DOWN: "no name server outside answers; is the internet there?",
    Condition.POLICY_DAMAGED: "the school's policy was damaged; the last good one is used",
    Condition.LISTS_DAMAGED: "the lists were damaged; earlier ones, or those that Hallpass brings, are used",
    Condition.SETTINGS_WRONG: "something on this card could not be used: see hallpass-problem.txt",
    Condition.NO_LONGER_ENROLLED: "central does not know this room any more: enrol it again",
    Condition.CENTRAL_UNREACHABLE: "central cannot be reached",
    Condition.CLOCK_DIFFERS: "this room's clock and central's differ by more than a minute",
    Condition.LISTS_STALE: "the lists are old",
    Condition.STARTING: "it is starting",
}
_NEEDED = {"agent": "agent", "recorder": "recorder", "resolver-1": "resolver"}


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
    lines = [_WORDS[one] for one in Condition if one in conditions and one in _WORDS]
    lines += [f"the {one.process} has stopped" for one in healths if Condition.STOPPED in one.conditions]
    lines += [f"the {name} does not run" for process, name in _NEEDED.items() if process not in present]
    return tuple(lines)
