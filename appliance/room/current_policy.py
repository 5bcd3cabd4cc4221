"""The policy that the room follows, for processes that look at it now and then."""

import time
from collections.abc import Callable

from appliance.room.file_state import state_of
from appliance.room.paths import RoomPaths
from appliance.room.policy_loader import PolicyLoader
from appliance.room.room_policy import depends_on
from appliance.settings.room import RoomSettings
from dns.policy.compiled import CompiledPolicy
from dns.policy.view import CompiledView


class PolicyInUse:
    """Keeps the room's policy as long as the files stay the same."""

    def __init__(self, settings: RoomSettings, now: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._paths = RoomPaths.of(settings)
        self._loader = PolicyLoader(settings, self._paths, now=now)
        self._states: tuple[object, ...] | None = None
        self._policy: CompiledPolicy | None = None

    def policy(self) -> CompiledPolicy:
        """Return the policy. Raises HallpassError where it cannot be read."""
        states = tuple(state_of(path) for path in depends_on(self._settings, self._paths))
        if self._policy is None or states != self._states:
            self._policy = self._loader.load()
            self._states = states
        return self._policy

    def pupils(self) -> CompiledView:
        """Return what the room's default group may see."""
        policy = self.policy()
        return policy.view_for_group(policy.document.default_group)
