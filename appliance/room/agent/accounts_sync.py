"""Follows what central says of accounts: a new password, an account that ended, a role that changed.

Kept sign-ins that are over are forgotten at once; for the sessions, which are the web process's own, the states
are written down (`RoomPaths.account_states`).
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from appliance.room.account_states import read_account_states
from appliance.room.agent.backoff import Backoff
from appliance.room.agent.central_client import CentralClient
from appliance.room.agent.sign_in import apply_account_states
from appliance.room.agent.store import AgentStore
from appliance.room.agent.target_follower import TargetFollower
from appliance.room.agent.thread_pool import run_blocking
from appliance.room.paths import RoomPaths

RETRY_SECONDS = 5.0


class AccountsSync(TargetFollower[str]):
    """One room's knowledge of accounts; what is wanted is the digest that central names."""

    check_seconds = None

    def __init__(
        self, client: CentralClient, store: AgentStore, paths: RoomPaths, central_ahead: Callable[[], float]
    ) -> None:
        super().__init__(Backoff(RETRY_SECONDS, RETRY_SECONDS * 12))
        self._client = client
        self._store = store
        self._paths = paths
        self._central_ahead = central_ahead
        self._applied = read_account_states(paths.account_states).digest

    async def is_applied(self, wanted: str) -> bool:
        """Tell whether the room knows this state; a central of before names none."""
        return wanted == self._applied

    async def apply(self, wanted: str) -> None:
        """Fetch the states, forget what is over, write them down."""
        states = await self._client.fetch_account_states()
        centrals_now = datetime.now(UTC) + timedelta(seconds=self._central_ahead())  # the states have its times
        await run_blocking(
            apply_account_states, self._store, self._paths.account_states, states, wanted, centrals_now
        )
        self._applied = wanted
