"""Follows which incidents of this room somebody has dealt with, so that its teacher can know that, and no more."""

from appliance.room.agent.backoff import Backoff
from appliance.room.agent.central_client import CentralClient
from appliance.room.agent.lookups_sync import RETRY_SECONDS, RevisionInEpoch
from appliance.room.agent.store import AgentStore
from appliance.room.agent.target_follower import TargetFollower


class IncidentsSync(TargetFollower[RevisionInEpoch]):
    """One room's closed incidents; kept in memory, for central says them again."""

    check_seconds = None

    def __init__(self, client: CentralClient, store: AgentStore) -> None:
        super().__init__(Backoff(RETRY_SECONDS, RETRY_SECONDS * 12))
        self._client = client
        self._store = store
        self._applied: RevisionInEpoch | None = None

    async def is_applied(self, wanted: RevisionInEpoch) -> bool:
        """Tell whether this is known; a central of before, and one of which none was dealt with, says 0."""
        return wanted == self._applied or wanted.revision == 0

    async def apply(self, wanted: RevisionInEpoch) -> None:
        """Fetch which they are."""
        self._store.closed_incidents = tuple(await self._client.fetch_closed_incidents())
        self._store.revision += 1
        self._applied = wanted
