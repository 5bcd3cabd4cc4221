"""The policy that the room follows, for processes that look at it now and then."""

import time
from collections.abc import Callable
from pathlib import Path

from appliance.room.paths import RoomPaths
from appliance.room.policy import depends_on, load_policy
from appliance.settings.room import RoomSettings
from dns.policy.compiled import CompiledPolicy
from dns.policy.view import CompiledView


class PolicyInUse:
    """Keeps the room's policy as long as the files stay the same."""

    def __init__(self, settings: RoomSettings, now: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._paths = RoomPaths.of(settings)
        self._now = now
        self._states: tuple[object, ...] | None = None
        self._policy: CompiledPolicy | None = None

    def policy(self) -> CompiledPolicy:
        """Return the policy. Raises HallpassError where it cannot be read."""
        states = tuple(_state(path) for path in depends_on(self._settings, self._paths))
        if self._policy is None or states != self._states:
            self._policy = load_policy(self._settings, self._paths, now=self._now)
            self._states = states
        return self._policy

    def pupils(self) -> CompiledView:
        """Return what the room's default group may see."""
        policy = self.policy()
        return policy.view_of(policy.document.default_group)


def _state(path: Path) -> object:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
