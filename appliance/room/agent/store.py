"""What the agent must not forget, in state.db: what waits to be sent, what became of requests, who signed in here.

Each change is one transaction and is on the disk before anybody is told (`appliance.room.agent.database`).
"""

import contextlib
import logging
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

import msgspec

from appliance.protocol import ClosedIncident, RequestState
from appliance.room.agent.account_cache import AccountCache
from appliance.room.agent.audit_heads import AuditHeads
from appliance.room.agent.counted_hours import CountedHours
from appliance.room.agent.outbox import Outbox, OutboxMessage
from appliance.room.agent.plan_table import PlanTable
from appliance.room.agent.pupil_ask_table import PupilAskTable
from appliance.room.local_overrides import EndedUnblock, RequestDevice
from dns.errors import DECODING_FAILED

_encode = msgspec.json.encode
DEVICE_KEPT = timedelta(days=1)  # after the end of an opening: central may make it longer in its last minute
SHOWN_HOURS = 24  # how long a teacher sees what is over
EXPIRED_SHOWN_HOURS = 72  # and what nobody decided in time
OLDEST_DAYS = 120  # older than any that may wait: a lesson is planned for this term

log = logging.getLogger("hallpass.agent")


class AgentStore(Outbox, AccountCache, CountedHours, AuditHeads, PupilAskTable, PlanTable):
    """The agent's database: outbox, accounts, audit heads, asks, plans, requests and what was ended of them."""

    closed_incidents: tuple[ClosedIncident, ...] = ()  # in memory: central says it again after a start

    def save_and_post_request(self, state: RequestState, device: str = "") -> None:
        """Keep a request of this room and put it into the outbox, in one transaction.

        `device`: the one that it is for, written like a member of a group.
        """
        with self._transaction():
            self._save_request(state)
            if device:
                self._connection.execute(
                    "INSERT OR REPLACE INTO request_devices VALUES (?, ?)", (state.request.id, device)
                )
            self._insert_message("request", state.request.id, _encode(state.request))

    def save_request(self, state: RequestState) -> None:
        """Keep a request that was decided in the room: central is not asked."""
        with self._transaction():
            self._save_request(state)

    def reject_message(self, message: OutboxMessage, why: str, now: float) -> None:
        """Put aside what central will never take, with its words; a request then shows them as its answer."""
        with self._transaction():
            self._mark_dead_letter(message, why, now)
            if message.kind == "request" and (state := self._load_request(message.id)) is not None:
                self._save_request(msgspec.structs.replace(state, state="denied", answer=why))

    def save_request_states(self, states: Iterable[RequestState]) -> None:
        """Keep what central says of requests; those that it does not know yet stay as they are."""
        with self._transaction():
            withdrawn = self._connection.execute("SELECT id FROM outbox WHERE kind = 'withdrawal'")
            withdrawn_ids = {row[0] for row in withdrawn}
            for state in states:
                if state.request.id not in withdrawn_ids:  # central has not heard of it yet
                    self._save_if_changed(state)
                self._connection.execute(
                    "DELETE FROM outbox WHERE kind = 'request' AND id = ? AND failed IS NOT NULL",
                    (state.request.id,),  # it had arrived, and only the answer was trouble
                )

    def list_current_requests(self, now: datetime, central_ahead_seconds: float = 0.0) -> list[RequestState]:
        """Return what waits or is open, and the rest for a day, the newest first; times as in `list_requests`."""
        found = self.list_requests(now - timedelta(days=OLDEST_DAYS), central_ahead_seconds)
        return [state for state in found if _is_current(state, now)]

    def list_requests(self, since: datetime, central_ahead_seconds: float = 0.0) -> list[RequestState]:
        """Return this room's requests since a time, the newest first.

        `central_ahead_seconds` is taken off what central's clock stamped: what is returned is the room's time.
        """
        rows = self._rows(
            "SELECT state, from_central FROM requests WHERE asked_at >= ? ORDER BY asked_at DESC",
            (since.isoformat(),),
        )
        ahead = timedelta(seconds=central_ahead_seconds)
        found = []
        for content, from_central in rows:
            if (state := _decode_state(content)) is None:
                continue
            if from_central:
                with contextlib.suppress(OverflowError):  # a time at the end of the calendar stays there
                    state = _in_room_time(state, ahead)
            found.append(state)
        return found

    def find_request(self, request_id: str) -> RequestState | None:
        """Return one request, or None."""
        with self.lock:
            return self._load_request(request_id)

    def withdraw_request(self, request_id: str, now: datetime, *, by: str = "") -> None:
        """Take a request back, or end what it opened: shown so, closed in this room, and on its way to central.

        One that is over or was denied stays as it is.
        """
        with self._transaction():
            state = self._load_request(request_id)
            if state is None or state.state not in ("waiting", "approved"):
                return
            if state.state == "waiting":
                self._save_request(msgspec.structs.replace(state, state="withdrawn"))
            else:
                self._save_request(msgspec.structs.replace(state, state="ended", until=now))
            self._insert_ended_unblock(ended_unblock_of(state), by)

    def ended_unblocks(self) -> tuple[EndedUnblock, ...]:
        """Return what was ended in this room and has to stay closed in it."""
        rows = self._rows("SELECT request, site, until FROM closings ORDER BY rowid")
        return tuple(
            EndedUnblock(request=row[0], site=row[1], until=datetime.fromisoformat(row[2]) if row[2] else None)
            for row in rows
        )

    def adopt_ended_unblock(self, ended: EndedUnblock) -> None:
        """Keep a closing that is in force but not kept here, and tell central, perhaps once more."""
        with self._transaction():
            self._insert_ended_unblock(ended)

    def request_devices(self, now: datetime) -> tuple[RequestDevice, ...]:
        """Return the devices that requests are for, as long as those wait or are open; forget the others."""
        rows = self._rows("SELECT request, device FROM request_devices ORDER BY rowid")
        if not rows:
            return ()
        with self.lock:
            over = [request for request, _ in rows if not self._is_open(request, now - DEVICE_KEPT)]
        if over:
            with self._transaction():
                self._connection.executemany(
                    "DELETE FROM request_devices WHERE request = ?", [(one,) for one in over]
                )
        return tuple(RequestDevice(request=row[0], device=row[1]) for row in rows if row[0] not in over)

    def acknowledged_ended_unblocks(self) -> frozenset[str]:
        """Return the requests whose end central has taken."""
        rows = self._rows(
            "SELECT request FROM closings WHERE request NOT IN (SELECT id FROM outbox WHERE kind = 'withdrawal')"
        )
        return frozenset(row[0] for row in rows)

    def delete_ended_unblocks(self, requests: Collection[str]) -> None:
        """Forget closings that have nothing left to close."""
        with self._transaction():
            self._connection.executemany("DELETE FROM closings WHERE request = ?", [(one,) for one in requests])

    def keep_policy(self, origin: str, content: bytes, digest: str) -> None:
        """Keep the policy of the central at `origin`, which knows it by `digest`, unless it is kept already."""
        if self.kept_policy(origin) == (content, digest):
            return
        with self._transaction():
            self._connection.execute("DELETE FROM kept_policy")
            self._connection.execute("INSERT INTO kept_policy VALUES (?, ?, ?)", (origin, digest, content))

    def kept_policy(self, origin: str) -> tuple[bytes, str] | None:
        """Return the policy that was kept, and its digest; None: none of the central at `origin` was."""
        rows = self._rows("SELECT content, digest FROM kept_policy WHERE origin = ?", (origin,))
        return (rows[0][0], rows[0][1]) if rows else None

    def links(self) -> tuple[str, str]:
        """Return the link that central took last, and the one offered since; "" where there is none."""
        rows = self._rows("SELECT taken, offered FROM links")
        return (rows[0][0], rows[0][1]) if rows else ("", "")

    def keep_links(self, taken: str, offered: str) -> None:
        """Keep both."""
        with self._transaction():
            self._connection.execute("DELETE FROM links")
            self._connection.execute("INSERT INTO links VALUES (?, ?)", (taken, offered))

    def adopt_epoch(self, epoch: str, now: datetime) -> bool:
        """Note in which epoch central's database is; return whether it is another one than before.

        Then central was restored from a backup, and what it took since that was made may be gone: what it took
        today is sent again, but for requests that are over. What was ended in this room is closed here anew.
        """
        with self._transaction():
            known = [row[0] for row in self._connection.execute("SELECT epoch FROM central")]
            if known == [epoch]:
                return False
            self._connection.execute("DELETE FROM central")
            self._connection.execute("DELETE FROM counted_hours")  # told again, of a week
            self._connection.execute("INSERT INTO central (epoch) VALUES (?)", (epoch,))
            if not known:
                return False
            sent = self._connection.execute("SELECT kind, id FROM sent ORDER BY number").fetchall()
            withdrawn = {message_id for kind, message_id in sent if kind == "withdrawal"}
            for kind, message_id in sent:
                if kind == "request" and message_id not in withdrawn and not self._is_open(message_id, now):
                    continue
                if kind == "withdrawal" and (state := self._load_request(message_id)) is not None:
                    self._insert_closing(ended_unblock_of(state))
                self._post_again(kind, (message_id,))
        return True

    def acknowledged_open_requests(self, now: datetime) -> frozenset[str]:
        """Return the requests that central has taken within the day and that are not over."""
        sent = self._rows("SELECT id FROM sent WHERE kind = 'request'")
        with self.lock:
            return frozenset(row[0] for row in sent if self._is_open(row[0], now))

    def post_requests_again(self, request_ids: Collection[str]) -> None:
        """Put requests that central has forgotten back into the outbox."""
        with self._transaction():
            self._post_again("request", request_ids)

    def _is_open(self, request_id: str, now: datetime) -> bool:
        state = self._load_request(request_id)
        if state is None or state.state not in ("waiting", "approved"):
            return False
        return state.until is None or state.until > now

    def _load_request(self, request_id: str) -> RequestState | None:
        row = self._connection.execute("SELECT state FROM requests WHERE id = ?", (request_id,)).fetchone()
        return _decode_state(row[0]) if row else None

    def _save_if_changed(self, state: RequestState) -> None:
        """Keep what central says of a request: a list of a thousand is mostly what is there already."""
        row = self._connection.execute(
            "SELECT state FROM requests WHERE id = ? AND from_central", (state.request.id,)
        ).fetchone()
        if row is None or row[0] != _encode(state):
            self._save_request(state, from_central=True)

    def _save_request(self, state: RequestState, *, from_central: bool = False) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO requests (id, asked_at, state, from_central) VALUES (?, ?, ?, ?)",
            (state.request.id, state.request.asked_at.isoformat(), _encode(state), from_central),
        )

    def _insert_ended_unblock(self, ended: EndedUnblock, by: str = "") -> None:
        self._insert_closing(ended)
        self._connection.execute("DELETE FROM sent WHERE kind = 'withdrawal' AND id = ?", (ended.request,))
        self._insert_message("withdrawal", ended.request, by.encode())

    def _insert_closing(self, ended: EndedUnblock) -> None:
        until = ended.until.isoformat() if ended.until else None
        self._connection.execute(
            "INSERT OR IGNORE INTO closings VALUES (?, ?, ?)", (ended.request, ended.site, until)
        )


def _in_room_time(state: RequestState, ahead: timedelta) -> RequestState:
    times = {name: getattr(state, name) for name in ("since", "until", "expires", "decided_at")}
    moved = {name: moment - ahead for name, moment in times.items() if moment is not None}
    return msgspec.structs.replace(state, **moved)


def _is_current(state: RequestState, now: datetime) -> bool:
    """Tell whether a teacher still has to see a request. One that nobody decided in time, over a weekend."""
    if state.state == "waiting" or (state.state == "approved" and state.until is not None and state.until > now):
        return True
    last = max(state.request.asked_at, state.decided_at or state.request.asked_at)
    return last >= now - timedelta(hours=EXPIRED_SHOWN_HOURS if state.expired else SHOWN_HOURS)


def _decode_state(content: bytes) -> RequestState | None:
    """Return a request as it was kept; None: a bit of it fell over, and central's list will say it again."""
    try:
        return msgspec.json.decode(content, type=RequestState)
    except DECODING_FAILED:
        log.exception("a request that was kept cannot be read")
        return None


def ended_unblock_of(state: RequestState) -> EndedUnblock:
    """Return what ends what was, or may have been, opened for a request."""
    until = state.until if state.state == "approved" else None
    return EndedUnblock(request=state.request.id, site=state.request.site, until=until)
