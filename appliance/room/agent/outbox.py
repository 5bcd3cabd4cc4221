"""The outbox: what waits to be sent to central, and for a day what central has taken.

What was taken is kept because central may forget it: a service that is restored from a backup of yesterday knows
nothing of today. Ids make it safe to send anything again.

What a teacher waits for goes before everything else; the index `outbox_order` holds that order, so that the next
few are found without a look at the ten thousand behind them. Times are Unix seconds.
"""

from collections.abc import Collection, Iterable

import msgspec

from appliance.room.agent.database import AgentDatabase
from appliance.room.agent.rpc import DeadLetter, MessageKind

MAX_TRIES = 5
MIN_RETRY_SECONDS = 3600.0
BACK_OFF_SECONDS = (60.0, 300.0, 900.0, 2400.0)  # after each failure; the fifth comes an hour after the first
DEAD_LETTER_SHOWN_SECONDS = 7 * 86400.0  # for how long the pages say that a message was put aside
KEPT_SENT_SECONDS = 86400.0

_WAITING = "FROM outbox WHERE failed IS NULL"
# Not after the longest pause either: then it is the clock that was set back.
_DUE = "(next_try IS NULL OR next_try <= :now OR next_try > :now + :longest)"
# A withdrawal that overtook its request would find nothing to take back.
_AFTER_ITS_REQUEST = """NOT (kind = 'withdrawal' AND EXISTS (
    SELECT 1 FROM outbox AS other
    WHERE other.kind = 'request' AND other.id = outbox.id AND other.failed IS NULL))"""
_NOT_KNOWN = "number NOT IN (SELECT value FROM json_each(:without))"
_ORDER = "ORDER BY kind NOT IN ('request', 'withdrawal'), number"  # word for word that of the index


class OutboxMessage(msgspec.Struct, frozen=True):
    """Something that waits to be sent to central."""

    number: int
    kind: MessageKind
    id: str
    body: bytes


class Outbox(AgentDatabase):
    """What state.db holds for central."""

    def post_message(self, kind: MessageKind, id: str, body: bytes = b"") -> None:  # noqa: A002 (its name in the protocol)
        """Put something into the outbox; the same thing twice is there once."""
        with self._transaction():
            self._insert_message(kind, id, body)

    def pending_messages(self) -> list[OutboxMessage]:
        """Return what waits to be sent, in its order; what a teacher waits for before everything else."""
        return [OutboxMessage(*row) for row in self._rows(f"SELECT number, kind, id, body {_WAITING} {_ORDER}")]

    def count_pending(self) -> int:
        """Return how many messages wait to be sent."""
        return int(self._rows(f"SELECT count(*) {_WAITING}")[0][0])

    def pending_request_ids(self) -> tuple[str, ...]:
        """Return the ids of the requests that central has not got yet."""
        return tuple(row[0] for row in self._rows(f"SELECT id {_WAITING} AND kind = 'request' {_ORDER}"))

    def due_messages(self, now: float, *, limit: int = -1, without: Collection[int] = ()) -> list[OutboxMessage]:
        """Return what may be sent now, in its order: what has failed lately waits, and holds nothing up.

        At most `limit` (-1: all), none whose number is in `without`.
        """
        rows = self._rows(
            f"SELECT number, kind, id, body {_WAITING} AND {_DUE} AND {_AFTER_ITS_REQUEST} AND {_NOT_KNOWN}"
            f" {_ORDER} LIMIT :limit",
            {
                "now": now,
                "longest": BACK_OFF_SECONDS[-1],
                "without": msgspec.json.encode(sorted(without)).decode(),
                "limit": limit,
            },
        )
        return [OutboxMessage(*row) for row in rows]

    def seconds_until_due(self, now: float) -> float | None:
        """Return in how many seconds something that has failed is due again, or None."""
        found = self._rows(f"SELECT min(next_try) {_WAITING} AND next_try > ?", (now,))[0][0]
        return None if found is None else float(found) - now

    def mark_sent(self, messages: Iterable[OutboxMessage], now: float) -> None:
        """Take out what has arrived, all of it in one transaction; it is kept aside for a day."""
        numbers = [message.number for message in messages]
        with self._transaction():
            self._connection.executemany(
                "INSERT OR REPLACE INTO sent (number, kind, id, body, sent_at)"
                " SELECT number, kind, id, body, ? FROM outbox WHERE number = ?",
                [(now, number) for number in numbers],
            )
            self._connection.executemany("DELETE FROM outbox WHERE number = ?", [(number,) for number in numbers])
            # A clock that was ahead must not keep anything for ever.
            self._connection.execute(
                "DELETE FROM sent WHERE sent_at < ? OR sent_at > ?",
                (now - KEPT_SENT_SECONDS, now + KEPT_SENT_SECONDS),
            )

    def record_failure(self, message: OutboxMessage, why: str, now: float) -> bool:
        """Note that a message failed by its own fault; return whether it was put aside for that.

        That is after `MAX_TRIES` over `MIN_RETRY_SECONDS` at least. Until then it waits longer each time.
        """
        with self._transaction():
            tries, first = self._connection.execute(
                "SELECT tries + 1, ifnull(min(first_try, :now), :now) FROM outbox WHERE number = :number",
                {"now": now, "number": message.number},
            ).fetchone()
            next_try = now + BACK_OFF_SECONDS[min(tries, len(BACK_OFF_SECONDS)) - 1]
            self._connection.execute(
                "UPDATE outbox SET tries = ?, first_try = ?, next_try = ? WHERE number = ?",
                (tries, first, next_try, message.number),
            )
            over = bool(tries >= MAX_TRIES and now - first >= MIN_RETRY_SECONDS)
            if over:
                self._mark_dead_letter(message, f"tried {tries} times: {why}", now)
        return over

    def dead_letters(self, now: float) -> list[DeadLetter]:
        """Return what was put aside lately, the newest first."""
        rows = self._rows(
            "SELECT kind, id, failed FROM outbox WHERE failed IS NOT NULL AND failed_at > ?"
            " ORDER BY failed_at DESC",
            (now - DEAD_LETTER_SHOWN_SECONDS,),
        )
        return [DeadLetter(*row) for row in rows]

    def _insert_message(self, kind: MessageKind, id: str, body: bytes) -> None:  # noqa: A002 (its name in the protocol)
        self._connection.execute(
            "INSERT OR IGNORE INTO outbox (kind, id, body) VALUES (?, ?, ?)", (kind, id, body)
        )

    def _post_again(self, kind: MessageKind, ids: Iterable[str]) -> None:
        """Put what was sent back into the outbox, in the order in which it stood there."""
        for message_id in ids:
            self._connection.execute(
                "INSERT OR IGNORE INTO outbox (number, kind, id, body)"
                " SELECT number, kind, id, body FROM sent WHERE kind = ? AND id = ?",
                (kind, message_id),
            )
            self._connection.execute("DELETE FROM sent WHERE kind = ? AND id = ?", (kind, message_id))

    def _mark_dead_letter(self, message: OutboxMessage, why: str, now: float) -> None:
        self._connection.execute(
            "UPDATE outbox SET failed = ?, failed_at = ? WHERE number = ?", (why, now, message.number)
        )
