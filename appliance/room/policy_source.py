"""The room's policy for the workers of its resolver: as it stands on the disk, loaded anew when that changes."""

import logging
from collections.abc import Callable

from appliance.errors import HallpassError
from appliance.room.conditions import Condition
from appliance.room.file_state import FileState, read_file_state
from appliance.room.paths import RoomPaths
from appliance.room.policy_loader import PolicyLoader
from appliance.room.room_policy import policy_files
from appliance.settings.room import RoomSettings
from dns.policy.compiled_policy import CompiledPolicy

_log = logging.getLogger(__name__)

FileStates = tuple[FileState, ...]


class RoomPolicySource:
    """The room's policy as it stands on its disk (`dns.worker_config.PolicySource`)."""

    def __init__(self, settings: RoomSettings, paths: RoomPaths) -> None:
        """Load the policy. Raises HallpassError."""
        self._settings = settings
        self._paths = paths
        self._loader = PolicyLoader(settings, paths, keeps_copy=True)
        tried = self._state()
        self._policy: CompiledPolicy = self._loader.load()
        self._tried_state = (tried, self._loader.index_state())
        self.on_load: Callable[[], None] = lambda: None  # what else follows the files

    @property
    def conditions(self) -> dict[Condition, str]:
        """What is not as it should be about the files, and what is used instead."""
        return self._loader.conditions

    def current(self) -> CompiledPolicy:
        """Return the policy that was loaded last."""
        return self._policy

    @property
    def index_size(self) -> int:
        """How many entries the lists in use hold."""
        return self._loader.index_size

    def has_changed(self) -> bool:
        """Tell whether a file was put in another's place since the last attempt to load."""
        return (self._state(), self._loader.index_state()) != self._tried_state

    def load(self) -> CompiledPolicy:
        """Load the policy anew. Raises ValueError with one line that says why it cannot be used."""
        tried = self._state()
        try:
            self._policy = self._loader.load()
        except (HallpassError, OSError) as problem:
            raise ValueError(str(problem)) from problem
        finally:  # where it fails, it is not tried again until something changes
            self._tried_state = (tried, self._loader.index_state())
            self.on_load()
        return self._policy

    def is_touched(self) -> bool:
        """Tell whether somebody wrote to a file of the index in use."""
        return self._loader.is_touched()

    def is_whole(self) -> bool:
        """Read the index in use and tell whether it is what was opened. Where not, load."""
        return self._loader.is_whole()

    def load_if_changed(self) -> None:
        """Load what has changed since the last attempt; where that fails the last policy stays.

        A worker that takes the place of another begins with this process's policy, which may be hours old; and
        what ended the other one may have been an index that was damaged where it lies.
        """
        if self.has_changed() or not self.is_whole():
            try:
                self.load()
            except ValueError as problem:
                _log.warning("keeping the policy as it was: %s", problem)
            except Exception:  # a mistake of ours must not keep a worker from answering  # noqa: BLE001
                _log.exception("keeping the policy as it was")

    def _state(self) -> FileStates:
        return tuple(read_file_state(path) for path in policy_files(self._settings, self._paths))
