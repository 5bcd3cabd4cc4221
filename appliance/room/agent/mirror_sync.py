"""Follows the lists while central is away: what a mirror has of central's signatures says which index to have.

Central signs one index, the published one, so that whatever is signed there is what central itself would name; it
is never older than what the room has seen. As soon as central can be reached, its word alone counts.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Callable

from appliance.errors import HallpassError
from appliance.room.agent import installer
from appliance.room.agent.central_state import CentralState
from appliance.room.agent.index_sync import IndexSync
from appliance.room.agent.list_mirrors import ListMirrors
from appliance.room.agent.thread_pool import run_blocking
from appliance.room.index_age import note_signed_index
from appliance.room.paths import RoomPaths
from dns.coalesced_timers import sleep_coalesced

AWAY_SECONDS = 60.0  # so long central must have been away
LOOK_SECONDS, CHECK_SECONDS = 900.0, 5.0  # so often a mirror is looked at; so often, whether central is away

log = logging.getLogger("hallpass.agent")


class MirrorSync:
    """One room's way of following mirrors."""

    def __init__(
        self,
        mirrors: ListMirrors,
        index: IndexSync,
        state: CentralState,
        paths: RoomPaths,
        now: Callable[[], float],
    ) -> None:
        self.away_seconds = AWAY_SECONDS
        self._mirrors = mirrors
        self._index = index
        self._state = state
        self._paths = paths
        self._now = now

    @property
    def has_any(self) -> bool:
        """Whether there are mirrors."""
        return bool(self._mirrors)

    async def follow(self) -> None:
        """Follow, for ever."""
        while True:
            if self._is_central_away():
                try:
                    await self.look()
                except (HallpassError, OSError, sqlite3.Error) as problem:
                    log.warning("the room keeps the lists that it has: %s", problem)
                await asyncio.sleep(LOOK_SECONDS)
            await sleep_coalesced(CHECK_SECONDS)

    def _is_central_away(self) -> bool:
        """Tell whether nobody says which lists to have. A central that refuses this room is not away."""
        state = self._state
        is_silent = not state.is_reachable and not state.is_token_rejected
        return is_silent and self._now() - state.unreachable_since >= self.away_seconds

    async def look(self) -> None:
        """Look once what a mirror has. Raises HallpassError, OSError."""
        base = await run_blocking(installer.base_version, self._paths)
        terms = await self._mirrors.find_terms(base=base)
        if terms is None:
            return
        if terms.version == await run_blocking(installer.installed_index_version, self._paths):
            await run_blocking(note_signed_index, self._paths, terms.version, terms.signed_at)
        if not self._state.is_reachable:  # central may have come back meanwhile
            self._index.set_wanted(terms.version)
