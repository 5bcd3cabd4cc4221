"""Follows what became of the room's requests, and sends again what a restored central has forgotten.

Each request that central takes is news of the requests, so a room that delivers a thousand of them must not fetch
the whole list a thousand times: between two fetches lies a pause, longer than the fetching took.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime

import msgspec

from appliance.room.agent.backoff import Backoff
from appliance.room.agent.central_client import CentralClient
from appliance.room.agent.central_downloads import FeedLine
from appliance.room.agent.store import AgentStore
from appliance.room.agent.target_follower import TargetFollower
from appliance.room.agent.thread_pool import run_blocking

RETRY_SECONDS = 5.0
PAUSE_PER_SECOND = 10.0  # of pause, for each second that the fetching took: it has a tenth of the time
MAX_PAUSE_SECONDS = 10.0


class WantedRequests(msgspec.Struct, frozen=True):
    """Which state of the requests the room should know."""

    revision: int
    epoch: str

    @classmethod
    def from_line(cls, line: FeedLine) -> "WantedRequests":
        """Return what a line of the feed says of requests."""
        return cls(line.requests, line.epoch)


class RequestsSync(TargetFollower[WantedRequests]):
    """One room's requests, as central sees them."""

    check_seconds = None

    def __init__(
        self,
        client: CentralClient,
        store: AgentStore,
        now: Callable[[], datetime],
        posted: Callable[[], None],
    ) -> None:
        """Know nothing yet. `posted` is called after something was put into the outbox."""
        super().__init__(Backoff(RETRY_SECONDS, RETRY_SECONDS))
        self._client = client
        self._store = store
        self._now = now
        self._on_posted = posted
        self._applied: WantedRequests | None = None
        self._sent_again: set[tuple[str, str]] = set()  # (epoch, request): once is enough
        self._not_before = 0.0

    async def is_applied(self, wanted: WantedRequests) -> bool:
        """Tell whether the room knows this state."""
        return wanted == self._applied

    async def apply(self, wanted: WantedRequests) -> None:
        """Fetch the states and keep them."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, self._not_before - loop.time()))
        wanted = self.wanted or wanted  # what became news meanwhile is in what is fetched now
        began = loop.time()
        acknowledged = await run_blocking(self._store.acknowledged_open_requests, self._now())
        states = await self._client.fetch_request_states()
        await run_blocking(self._store.save_request_states, states)
        forgotten = acknowledged - {state.request.id for state in states}
        again = sorted(one for one in forgotten if (wanted.epoch, one) not in self._sent_again)
        if again:
            await run_blocking(self._store.post_requests_again, again)
            self._sent_again |= {(wanted.epoch, one) for one in again}
            self._on_posted()
        self._applied = wanted
        took = loop.time() - began
        self._not_before = loop.time() + min(took * PAUSE_PER_SECOND, MAX_PAUSE_SECONDS)
