"""Answers what central asks about one device: each question once, straight to central, kept nowhere on the way.

What waits in the outbox is on the room's card for a day; an answer is not. While central is away it is made anew
for each try.
"""

import logging
from collections.abc import Callable

import msgspec

from appliance.message_check import BadMessage, check_message
from appliance.protocol import LookupAnswer, LookupQuestion
from appliance.room.agent.backoff import Backoff
from appliance.room.agent.central_client import CentralClient
from appliance.room.agent.central_errors import CentralRejected
from appliance.room.agent.target_follower import TargetFollower
from appliance.room.agent.thread_pool import run_blocking

RETRY_SECONDS = 5.0

AnswerLookup = Callable[[LookupQuestion], LookupAnswer]

log = logging.getLogger("hallpass.agent")


class RevisionInEpoch(msgspec.Struct, frozen=True):
    """Up to which change the room should know something."""

    revision: int
    epoch: str


def refuse_lookup(question: LookupQuestion) -> LookupAnswer:
    """Return what a room without a log says."""
    return LookupAnswer(id=question.id, error="this room keeps no log")


class LookupsSync(TargetFollower[RevisionInEpoch]):
    """One room's answers."""

    check_seconds = None

    def __init__(self, client: CentralClient, answer: AnswerLookup) -> None:
        super().__init__(Backoff(RETRY_SECONDS, RETRY_SECONDS * 12))
        self._client = client
        self._answer = answer
        self._applied: RevisionInEpoch | None = None

    async def is_applied(self, wanted: RevisionInEpoch) -> bool:
        """Tell whether everything until then was answered; a central of before, or without questions, says 0."""
        return wanted == self._applied or wanted.revision == 0

    async def apply(self, wanted: RevisionInEpoch) -> None:
        """Answer every question that waits."""
        for question in await self._client.fetch_lookups():
            answer = await run_blocking(self._answer_checked, question)
            try:
                await self._client.put_lookup_answer(answer)
            except CentralRejected as no:  # it is over by now, or this answer is none that central takes
                log.warning("central will not take what it asked about a device: %s", no)
        self._applied = wanted

    def _answer_checked(self, question: LookupQuestion) -> LookupAnswer:
        try:
            check_message(question)
        except BadMessage as problem:
            return LookupAnswer(id=question.id, error=f"this room does not answer that: {problem}"[:500])
        return self._answer(question)
