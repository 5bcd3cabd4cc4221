"""Makes the room a witness of central's audit: keeps the head that each answer names, and tells central of them.

It is told at most once in `TELL_SECONDS`, which is enough for a change of the audit to be noticed while the room
still keeps what contradicts it. What goes wrong here keeps nothing else from working.
"""

import logging
import sqlite3
import time
from datetime import UTC, datetime

import msgspec

from appliance.errors import HallpassError
from appliance.message_check import check_message
from appliance.protocol import HealthReceived, KeptHead
from appliance.room.agent.central_client import CentralClient
from appliance.room.agent.store import AgentStore
from appliance.room.agent.thread_pool import run_blocking
from dns.errors import DECODING_FAILED

TELL_SECONDS = 3600.0

log = logging.getLogger("hallpass.agent")


class AuditWitness:
    """One room's memory of central's audit."""

    def __init__(self, client: CentralClient, store: AgentStore) -> None:
        self._client = client
        self._store = store
        self._delivered_at: float | None = None

    async def handle_answer(self, answer: HealthReceived) -> None:
        """Keep the head that central has named. Never raises."""
        if not answer.audit_number:
            return  # a central of before, or one that has written nothing yet
        try:
            await run_blocking(self._store.keep_audit_head, to_kept_head(answer))
            if self._delivered_at is None or time.monotonic() - self._delivered_at >= TELL_SECONDS:
                await self._client.put_audit_heads(await run_blocking(self._store.audit_heads))
                self._delivered_at = time.monotonic()
        except (HallpassError, OSError, sqlite3.Error, *DECODING_FAILED, ValueError, OverflowError) as problem:
            log.info("of central's audit nothing was kept or told: %s", problem)


def to_kept_head(answer: HealthReceived) -> KeptHead:
    """Return what an answer says of the audit. Raises ValueError, OverflowError or what decoding raises."""
    at = datetime.fromtimestamp(answer.audit_time, UTC)
    head = msgspec.convert({"number": answer.audit_number, "hash": answer.audit_hash, "at": at}, KeptHead)
    check_message(head)
    return head
