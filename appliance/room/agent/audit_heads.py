"""What the room has kept of central's audit: its newest entries, each with the time at which central said it.

Whoever changes the audit at central changes nothing here. The newest hundred are kept, in the order in which they
came: after a restore central's numbers begin again below those that the room knows.
"""

import contextlib
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from appliance.errors import HallpassError
from appliance.message_check import check_message
from appliance.protocol import MAX_KEPT_HEADS, KeptHead
from appliance.room.agent.database import AgentDatabase
from dns.errors import DECODING_FAILED

_ALL = "SELECT number, hash, at FROM audit_heads ORDER BY position"


class AuditHeads(AgentDatabase):
    """What state.db holds of central's audit."""

    def keep_audit_head(self, head: KeptHead) -> bool:
        """Keep a head; return whether it is another one than the last."""
        newest = self._rows("SELECT number, hash FROM audit_heads ORDER BY position DESC LIMIT 1")
        if newest and tuple(newest[0]) == (head.number, head.hash):
            return False
        with self._transaction():
            self._connection.execute(
                "INSERT INTO audit_heads (number, hash, at) VALUES (?, ?, ?)",
                (head.number, head.hash, head.at.isoformat()),
            )
            self._connection.execute(
                "DELETE FROM audit_heads WHERE position <= (SELECT max(position) FROM audit_heads) - ?",
                (MAX_KEPT_HEADS,),
            )
        return True

    def audit_heads(self) -> tuple[KeptHead, ...]:
        """Return what is kept, the oldest first; what a bit that fell over made unreadable is left out."""
        return _to_heads(self._rows(_ALL))


def read_audit_heads(path: Path) -> tuple[KeptHead, ...]:
    """Return what the agent has kept in a state.db, while it runs or not. Raises HallpassError."""
    try:
        with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as reader:
            return _to_heads(reader.execute(_ALL).fetchall())
    except sqlite3.Error as problem:
        raise HallpassError(f"{path}: {problem}") from None


def _to_heads(rows: Iterable[Sequence[object]]) -> tuple[KeptHead, ...]:
    found = []
    for number, made, at in rows:
        try:
            head = msgspec.convert({"number": number, "hash": made, "at": at}, KeptHead)
            check_message(head)
        except (*DECODING_FAILED, HallpassError):
            continue
        found.append(head)
    return tuple(found)
