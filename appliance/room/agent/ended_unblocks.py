"""Closes in this room, at once and without central, what central opened for a request of the room.

state.db holds what was ended (on the disk, in the same transaction as the withdrawal that waits for central);
`RoomPaths.local_overrides` carries it to the resolver, which leaves such openings out of whatever policy central
sends. A closing is forgotten when central has taken the withdrawal *and* a policy that was fetched after that no
longer has the opening: a policy under way may be older than the withdrawal. One that central refuses holds for
good: what its teacher has closed stays closed in the room. No clock is asked, so none that was wrong can open
anything.
"""

import logging
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from appliance.errors import HallpassError
from appliance.room import guarded_file, local_overrides
from appliance.room.agent.store import AgentStore, ended_unblock_of
from appliance.room.local_overrides import EndedUnblock, LocalOverrides, RequestDevice
from appliance.room.paths import RoomPaths
from dns.policy.document import PolicyDocument

log = logging.getLogger("hallpass.agent")


class EndedUnblocks:
    """What was ended in this room, and for which devices it asked, for the agent, which alone writes it.

    Holds nothing: the disk does.

    Each method waits for the disk, and may be called from any thread: state.db and the file change together.
    """

    def __init__(
        self, paths: RoomPaths, store: AgentStore, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._paths = paths
        self._store = store
        self._now = now

    def end_unblock(self, request_id: str, *, by: str = "") -> None:
        """Take a request back, or end what it opened. Raises HallpassError with what could not be done.

        Where it cannot be noted for central it is closed all the same, and the other way round.
        """
        with self._store.lock:
            self._end_unblock(request_id, by)

    def _end_unblock(self, request_id: str, by: str) -> None:
        state = self._store.find_request(request_id)
        if state is None or state.state not in ("waiting", "approved"):
            return
        is_unrecorded = is_still_open = False
        try:
            self._store.withdraw_request(request_id, self._now(), by=by)
        except sqlite3.Error:
            log.exception("a withdrawal cannot be kept")
            is_unrecorded = True
        try:
            local_overrides.write_overrides(
                self._paths.local_overrides,
                self.with_ended_unblocks(self._read_overrides(), ended_unblock_of(state)),
            )
        except OSError:
            log.exception("an opening cannot be closed")
            is_still_open = True
        if is_still_open:
            raise HallpassError("It could not be closed: this room's disk cannot be written. The room tries again")
        if is_unrecorded:
            raise HallpassError("It is closed in this room; central is told once this room's disk can be written")

    def reconcile_stores(self) -> None:
        """Bring together what state.db and the resolver's file say, where either was lost, damaged or not written.

        Raises OSError or sqlite3.Error.
        """
        with self._store.lock:
            path = self._paths.local_overrides
            guarded_file.repair_file(path, local_overrides.is_overrides, self._now().timestamp())
            overrides = self._read_overrides()
            kept = {one.request for one in self._store.ended_unblocks()}
            for one in overrides.closings:
                if one.request not in kept:
                    self._store.adopt_ended_unblock(one)
            if overrides.damaged:
                log.warning("what this room had decided could not be read; what it has ended stays ended")
            renewed = self.with_ended_unblocks(overrides)
            if renewed != overrides:
                local_overrides.write_overrides(self._paths.local_overrides, renewed)

    def with_ended_unblocks(self, overrides: LocalOverrides, *further: EndedUnblock) -> LocalOverrides:
        """Return decisions together with every closing that anything knows of."""
        try:
            kept = self._store.ended_unblocks()
        except sqlite3.Error:
            kept = ()  # the file has them too
        written = self._read_overrides()
        known = {one.request: one for one in (*kept, *written.closings, *further)}
        return msgspec.structs.replace(
            overrides, closings=tuple(known.values()), devices=self._request_devices(written), damaged=False
        )

    def _request_devices(self, written: LocalOverrides) -> tuple[RequestDevice, ...]:
        try:
            return self._store.request_devices(self._now())
        except sqlite3.Error:
            return written.devices

    def acknowledged_requests(self) -> frozenset[str]:
        """Return the requests whose end central has taken: to be asked for before a policy is fetched."""
        return self._store.acknowledged_ended_unblocks()

    def delete_ended(self, acknowledged: frozenset[str], document: PolicyDocument) -> None:
        """Forget those of which a policy, fetched after they were told, has no opening left. Raises OSError."""
        with self._store.lock:
            over = {
                one.request
                for one in self._store.ended_unblocks()
                if one.request in acknowledged and not any(one.is_end_of(unblock) for unblock in document.unblocks)
            }
            if over:
                overrides = self._read_overrides()
                left = tuple(one for one in overrides.closings if one.request not in over)
                local_overrides.write_overrides(
                    self._paths.local_overrides, msgspec.structs.replace(overrides, closings=left)
                )
                self._store.delete_ended_unblocks(over)

    def _read_overrides(self) -> LocalOverrides:
        return local_overrides.read_kept_overrides(self._paths.local_overrides, self._now().timestamp())
