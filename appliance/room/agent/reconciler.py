"""Sees to it that what was ended in this room is closed, whatever becomes of the files that say so.

Everything is read where a file looks other than before, where state.db was written to or something could not be
brought together, and every `READ_SECONDS` besides; else the files are only looked at, which needs no thread.
"""

import logging
import sqlite3
import time
from collections.abc import Callable

from appliance.room import account_states, guarded_file
from appliance.room.agent.ended_unblocks import EndedUnblocks
from appliance.room.agent.policy_backup import PolicyBackup
from appliance.room.agent.store import AgentStore
from appliance.room.agent.thread_pool import run_in_turn
from appliance.room.file_state import read_file_state
from appliance.room.paths import RoomPaths
from appliance.room.policy_file import keep_policy_spares
from appliance.spare_file import keep_spare
from dns.coalesced_timers import sleep_coalesced

RECONCILE_SECONDS = 2.0
READ_SECONDS = 10.0

log = logging.getLogger("hallpass.agent")


class Reconciler:
    """Brings together what state.db, the resolver's file and the policy's file say."""

    def __init__(
        self,
        paths: RoomPaths,
        store: AgentStore,
        ended_unblocks: EndedUnblocks,
        backup: PolicyBackup | None,
        *,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._paths = paths
        self._store = store
        self._ended_unblocks = ended_unblocks
        self._backup = backup
        self._steady = steady
        self._seen: object = None  # None: not yet, or it could not be brought together
        self._read_at = float("-inf")

    async def reconcile_regularly(self) -> None:
        """Do it for ever."""
        while True:
            await sleep_coalesced(RECONCILE_SECONDS)
            if self.is_due():
                await run_in_turn(self.reconcile)

    def is_due(self) -> bool:
        """Tell whether everything is to be read. Cheap."""
        return (
            self._seen is None
            or self._look() != self._seen
            or self._steady() - self._read_at > READ_SECONDS - RECONCILE_SECONDS / 2
        )

    def reconcile(self) -> None:
        """Read everything, and mend what can be mended."""
        seen, self._seen = self._look(), None
        self._read_at = self._steady()
        if self._backup is not None:  # central decides here
            keep_policy_spares(self._paths)
            keep_spare(self._paths.account_states, mode=account_states.MODE)
        try:
            self._store.check_file()
            self._ended_unblocks.reconcile_stores()
            if self._backup is not None:
                self._backup.reconcile()
        except (OSError, sqlite3.Error) as problem:
            log.warning("what this room has decided cannot be written: %s", problem)
        else:
            self._seen = seen  # as it looked before: whatever changed meanwhile is read once more

    def _look(self) -> object:
        paths = self._paths
        own = paths.local_overrides
        files = (paths.agent_store, own, guarded_file.copy_path(own), paths.policy, paths.policy_digest)
        return (self._store.revision, *map(read_file_state, files))
