"""Holds central's feed open and hands on each target.

A line that goes dead is opened again, at first at once, then with growing, jittered pauses of at most
`MAX_PAUSE_SECONDS`, or when central said that it may be. A room that central does not know goes on as it is, and
asks once a minute whether that has changed.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from appliance.errors import HallpassError
from appliance.room.agent.backoff import Backoff
from appliance.room.agent.central_client import CentralClient
from appliance.room.agent.central_downloads import FeedLine
from appliance.room.agent.central_errors import CentralIntercepted, CopyStopped, TokenRejected
from appliance.room.agent.central_state import CentralState

FIRST_PAUSE_SECONDS = 0.2
MAX_PAUSE_SECONDS = 1.0  # central's return is noticed within it; thirty rooms cost central thirty calls a second
REJECTED_PAUSE_SECONDS = 60.0


class FeedFollower:
    """One room's feed."""

    def __init__(
        self,
        client: CentralClient,
        state: CentralState,
        publish: Callable[[FeedLine], Awaitable[None]],
        *,
        rejected_pause_seconds: float = REJECTED_PAUSE_SECONDS,
    ) -> None:
        """`publish` is given each target; while it works the feed waits."""
        self._client = client
        self._state = state
        self._publish = publish
        self._rejected_pause_seconds = rejected_pause_seconds

    async def follow(self) -> None:
        """Hold the feed open, for ever."""
        backoff = Backoff(FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS)
        while True:
            problem: HallpassError | None = None
            try:
                async for target in self._client.stream_feed():
                    backoff.reset()
                    if target is not None:
                        await self._publish(target)
                    self._state.set_reachable()
            except HallpassError as found:
                problem = found
            why = str(problem) if problem else "central closed the feed"
            self._state.set_unreachable(
                why,
                is_token_rejected=isinstance(problem, TokenRejected),
                is_copy=isinstance(problem, CopyStopped),
                is_intercepted=isinstance(problem, CentralIntercepted),
            )
            if isinstance(problem, TokenRejected):
                await self._wait_to_be_let_in()
            else:
                await asyncio.sleep(backoff.next_pause_seconds(problem))

    async def _wait_to_be_let_in(self) -> None:
        self._state.retry.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._rejected_pause_seconds):
                await self._state.retry.wait()
