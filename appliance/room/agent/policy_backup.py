"""The policy once more, in state.db: its file and the resolver's copy may vanish together.

Only what its own checksum vouches for is kept, and only for the central that sent it. It is put back where there
is no policy that can be read, before central is asked: central may be away.
"""

import logging

from appliance.room.agent.store import AgentStore
from appliance.room.file_state import FileState, read_file_state
from appliance.room.paths import RoomPaths
from appliance.room.policy_file import PolicyDamaged, read_known_policy, write_policy

log = logging.getLogger("hallpass.agent")


class PolicyBackup:
    """One room's policy in state.db. For one thread at a time."""

    def __init__(self, paths: RoomPaths, store: AgentStore, central_url: str) -> None:
        self._paths = paths
        self._store = store
        self._central_url = central_url
        self._seen: tuple[FileState, FileState] | None = None

    def reconcile(self) -> None:
        """Keep the policy that stands there, or put the kept one back. Raises OSError or sqlite3.Error."""
        state = (read_file_state(self._paths.policy), read_file_state(self._paths.policy_digest))
        if state == self._seen:
            return
        try:
            found = read_known_policy(self._paths)
        except PolicyDamaged:
            found = None
        if found is None:
            self._restore()
        elif state[1] is not None:
            self._store.keep_policy(self._central_url, found.content, found.central_digest)
        self._seen = (read_file_state(self._paths.policy), read_file_state(self._paths.policy_digest))

    def _restore(self) -> None:
        kept = self._store.kept_policy(self._central_url)
        if kept is not None:
            content, digest = kept
            write_policy(self._paths, content, digest)
            log.warning("the policy could not be read: what was kept of it in state.db is used")
