"""The policy that the room follows, for processes that look at it now and then."""

import time
from collections.abc import Callable

from appliance.room.file_state import read_file_state
from appliance.room.paths import RoomPaths
from appliance.room.policy_loader import PolicyLoader
from appliance.room.room_policy import policy_files
from appliance.settings.room import RoomSettings
from dns.policy.compiled_policy import CompiledPolicy
from dns.policy.view import CompiledView


class CurrentPolicy:
    """Keeps the room's policy as long as the files stay the same."""

    def __init__(self, settings: RoomSettings, now: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._paths = RoomPaths.from_settings(settings)
        self._loader = PolicyLoader(settings, self._paths, now=now)
        self._states: tuple[object, ...] | None = None
        self._policy: CompiledPolicy | None = None

    def load_if_changed(self) -> CompiledPolicy:
        """Return the policy. Raises HallpassError where it cannot be read."""
        states = tuple(read_file_state(path) for path in policy_files(self._settings, self._paths))
        if self._policy is None or states != self._states:
            self._policy = self._loader.load()
            self._states = states
        return self._policy

    def view_of_default_group(self) -> CompiledView:
        """Return what the room's default group may see."""
        policy = self.load_if_changed()
        return policy.view_for_group(policy.document.default_group)
