"""Closes in this room, at once and without central, what central opened for a request of the room.

state.db holds what was ended (on the disk, in the same transaction as the withdrawal that waits for central);
`RoomPaths.own` carries it to the resolver, which leaves such openings out of whatever policy central sends. A
closing is forgotten when central has taken the withdrawal *and* a policy that was fetched after that no longer has
the opening: a policy under way may be older than the withdrawal. One that central refuses holds for good: what its
teacher has closed stays closed in the room. No clock is asked, so none that was wrong can open anything.
"""

import logging
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from appliance.errors import HallpassError
from appliance.room import local_overrides
from appliance.room.agent.store import Memory, closing_of
from appliance.room.local_overrides import Closing, OwnDecisions
from appliance.room.paths import RoomPaths
from dns.policy.document import PolicyDocument

log = logging.getLogger("hallpass.agent")


class Closings:
    """What was ended in this room, for the agent, which alone writes it. Holds nothing: the disk does."""

    def __init__(
        self, paths: RoomPaths, memory: Memory, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._paths = paths
        self._memory = memory
        self._now = now

    def close(self, request_id: str) -> None:
        """Take a request back, or end what it opened. Raises HallpassError with what could not be done.

        Where it cannot be noted for central it is closed all the same, and the other way round.
        """
        state = self._memory.request(request_id)
        if state is None or state.state not in ("waiting", "approved"):
            return
        not_noted = not_closed = False
        try:
            self._memory.withdraw(request_id, self._now())
        except sqlite3.Error:
            log.exception("a withdrawal cannot be kept")
            not_noted = True
        try:
            local_overrides.write(self._paths.own, self.carried(self._decisions(), closing_of(state)))
        except OSError:
            log.exception("an opening cannot be closed")
            not_closed = True
        if not_closed:
            raise HallpassError("It could not be closed: this room's disk cannot be written. The room tries again")
        if not_noted:
            raise HallpassError("It is closed in this room; central is told once this room's disk can be written")

    def renew(self) -> None:
        """Bring together what state.db and the resolver's file say, where either was lost, damaged or not written.

        Raises OSError or sqlite3.Error.
        """
        decisions = self._decisions()
        kept = {one.request for one in self._memory.closings()}
        for one in decisions.closings:
            if one.request not in kept:
                self._memory.adopt(one)
        if decisions.damaged:
            log.warning("what this room had decided could not be read; what it has ended stays ended")
        renewed = self.carried(decisions)
        if renewed != decisions:
            local_overrides.write(self._paths.own, renewed)

    def carried(self, decisions: OwnDecisions, *further: Closing) -> OwnDecisions:
        """Return decisions together with every closing that anything knows of."""
        try:
            kept = self._memory.closings()
        except sqlite3.Error:
            kept = ()  # the file has them too
        known = {one.request: one for one in (*kept, *self._decisions().closings, *further)}
        return msgspec.structs.replace(decisions, closings=tuple(known.values()), damaged=False)

    def told(self) -> frozenset[str]:
        """Return the requests whose end central has taken: to be asked for before a policy is fetched."""
        return self._memory.told_closings()

    def forget(self, told: frozenset[str], document: PolicyDocument) -> None:
        """Forget those of which a policy, fetched after they were told, has no opening left. Raises OSError."""
        over = {
            one.request
            for one in self._memory.closings()
            if one.request in told and not any(one.ends(unblock) for unblock in document.unblocks)
        }
        if over:
            decisions = self._decisions()
            left = tuple(one for one in decisions.closings if one.request not in over)
            local_overrides.write(self._paths.own, msgspec.structs.replace(decisions, closings=left))
            self._memory.forget_closings(over)

    def _decisions(self) -> OwnDecisions:
        return local_overrides.remembered(self._paths.own, self._now().timestamp())
