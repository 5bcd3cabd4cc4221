"""What keeps a whole room from starting: wrong settings and taken ports. Nothing else does.

What only a person can mend is told at once to the person who starts a room. Whatever else keeps one of its
processes from starting (a damaged file, a full disk) heals or passes: that process is started again, and the
others go on.
The process itself has said what is wrong; here it is only looked at again, to tell the two apart.
"""

from collections.abc import Callable
from functools import partial

from appliance.errors import HallpassError
from appliance.ports import require_free_port
from appliance.room.local_zones import make_local_zones
from appliance.room.paths import RoomPaths
from appliance.room.policy_loader import has_last_good_policy
from appliance.room.resolver import open_listen_sockets
from appliance.room.room_policy import read_document
from appliance.settings.room import RoomSettings


def is_hopeless(process: str, settings: RoomSettings) -> bool:
    """Tell whether a process that failed at its start will fail again until a person does something."""
    checks: list[Callable[[], object]] = []
    if process == "resolver":
        checks = [
            partial(make_local_zones, settings, tuple),
            partial(_check_dns_ports, settings),
            partial(_check_document, settings),
        ]
    elif process == "web":
        checks = [partial(require_free_port, settings.web.listen)]
        if settings.web.tls is not None:
            checks.append(partial(require_free_port, settings.web.tls.listen))
    return any(map(_fails, checks))


def _fails(check: Callable[[], object]) -> bool:
    try:
        check()
    except HallpassError:
        return True
    return False


def _check_dns_ports(settings: RoomSettings) -> None:
    open_listen_sockets(settings, None).close_except(())


def _check_document(settings: RoomSettings) -> None:
    """Read a policy written by hand; once it was right, the resolver's copy takes the place of a damaged one."""
    paths = RoomPaths.from_settings(settings)
    if settings.central is None and not has_last_good_policy(settings, paths):
        read_document(settings, paths)
