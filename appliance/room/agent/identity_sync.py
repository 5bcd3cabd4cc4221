"""Gets the room its certificate, and another in time: the first with its token, each further one with the last.

It begins when central says on the feed that it signs certificates, or before anything else where the enrolment
file named central's authority. A new authority is learned the same way: the feed names it, and the room has its
key signed again. Where central refuses the certificate (it has ended; the database was put back to before it was
made) the same two ways are tried again.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable

from appliance.errors import HallpassError
from appliance.protocol import IssuedCertificate
from appliance.room.agent.central_client import CentralClient
from appliance.room.agent.central_state import CentralState
from appliance.room.agent.room_identity import RoomIdentity
from appliance.room.agent.thread_pool import run_blocking

CHECK_SECONDS = 600.0
RETRY_SECONDS = 60.0

log = logging.getLogger("hallpass.agent")


class IdentitySync:
    """The task that sees to a room's certificate."""

    def __init__(
        self,
        client: CentralClient,
        identity: RoomIdentity,
        state: CentralState,
        central_ahead_seconds: Callable[[], float],
    ) -> None:
        self._client = client
        self._identity = identity
        self._state = state
        self._central_ahead_seconds = central_ahead_seconds
        self._authority_id = ""  # that signs now; "": central has said nothing of it
        self._news = asyncio.Event()
        state.listen(self._news.set)

    def set_wanted(self, authority_id: str) -> None:
        """Say which authority signs now."""
        if authority_id != self._authority_id:
            self._authority_id = authority_id
            self._news.set()

    async def follow(self) -> None:
        """See to it, for ever."""
        while True:
            self._news.clear()
            pause = CHECK_SECONDS
            try:
                if self._is_due():
                    await self._get_certificate()
                elif not self._client.connection.is_way_current():
                    self._client.connection.reconnect()  # what opened connections on the way may be gone
            except (HallpassError, OSError) as problem:
                log.info("this room's certificate waits: %s", problem)
                pause = RETRY_SECONDS
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._news.wait()

    def _is_due(self) -> bool:
        if self._state.is_token_rejected:
            return not self._state.is_copy and bool(self._identity.authority)
        if not self._identity.has_certificate:
            return self._identity.is_bundled or bool(self._authority_id)
        return self._state.is_reachable and self._identity.is_renewal_due(
            self._authority_id, self._central_ahead_seconds()
        )

    async def _get_certificate(self) -> None:
        request = await run_blocking(self._identity.make_request)
        issued: IssuedCertificate | None = None
        if self._identity.has_certificate:
            try:
                issued = await self._client.request_certificate(request)
            except HallpassError:
                if not self._state.is_token_rejected:
                    raise
        if issued is None:
            issued = await self._client.request_certificate(request, by_token=True)
        await run_blocking(self._identity.keep, issued)
        self._client.connection.reconnect()
        self._state.retry.set()
        log.info("this room has a certificate of central's authority %s", self._identity.authority_id)
