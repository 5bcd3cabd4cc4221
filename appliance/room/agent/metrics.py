"""What the agent knows for Prometheus (`appliance.room.metrics`): how the room stands with central."""

import contextlib
import sqlite3
from collections.abc import Iterator

from appliance.metrics.samples import Sample
from appliance.room import index_age
from appliance.room.agent.central_sync import CentralSync
from appliance.room.agent.store import AgentStore
from appliance.room.paths import RoomPaths
from appliance.settings.room import RoomSettings


class AgentMetrics:
    """One agent's figures. Its methods read files: not for an event loop."""

    def __init__(
        self, settings: RoomSettings, paths: RoomPaths, store: AgentStore, sync: CentralSync | None
    ) -> None:
        self._settings = settings
        self._paths = paths
        self._store = store
        self._sync = sync
        self._in_step_at = 0.0

    def collect_samples(self, now: float) -> tuple[Sample, ...]:
        """Return them; none where nobody reads figures."""
        return tuple(self._samples(now)) if self._settings.metrics is not None else ()

    def _samples(self, now: float) -> Iterator[Sample]:
        age = index_age.read_index_age(self._settings, self._paths, now)
        if age is not None:
            yield Sample("hallpass_index_age_seconds", round(age, 1))
        sync = self._sync
        if sync is None:
            return
        with contextlib.suppress(sqlite3.Error):  # the room says so by itself
            yield Sample("hallpass_outbox_messages", self._store.count_pending())
        is_in_step = sync.policy.is_in_step()
        yield Sample("hallpass_central_reachable", sync.is_reachable)
        yield Sample("hallpass_policy_in_step", is_in_step)
        if is_in_step and sync.is_reachable:
            self._in_step_at = now
        if self._in_step_at:
            yield Sample("hallpass_policy_in_step_timestamp_seconds", round(self._in_step_at, 1))
