"""What pupils asked for, in state.db: it outlives a restart, and not the day (`appliance.room.pupil_asks`)."""

from typing import Literal

from appliance.room import pupil_asks
from appliance.room.agent.database import AgentDatabase
from appliance.room.pupil_asks import AskOutcome, PupilAsk

_COLUMNS = "device, site, asked_at, times, answer, by, answered_at, request"


class PupilAskTable(AgentDatabase):
    """The asks of pupils, one for each device and site. Times are Unix seconds."""

    def insert_ask(self, device: str, site: str, now: float) -> AskOutcome:
        """Take an ask, if this device may have one more; say what becomes of it."""
        with self._transaction():
            self._forget_old_asks(now)
            known = self._connection.execute(
                "SELECT times FROM pupil_asks WHERE device = ? AND site = ? AND asked_at BETWEEN ? AND ?",
                (device, site, now - pupil_asks.MERGE_SECONDS, now),
            ).fetchone()
            if known is not None:
                if known[0] < pupil_asks.MAX_TIMES:
                    self._connection.execute(
                        "UPDATE pupil_asks SET times = times + 1 WHERE device = ? AND site = ?", (device, site)
                    )
                return "again"
            if not self._may_ask_more(device, now):
                return "enough"
            no = self._connection.execute(
                "SELECT by, answered_at FROM pupil_asks WHERE site = ? AND answer = 'no'"
                " AND answered_at BETWEEN ? AND ? ORDER BY answered_at DESC",
                (site, now - pupil_asks.MERGE_SECONDS, now),
            ).fetchone()
            answer, by, answered_at = ("no", *no) if no is not None else ("", "", 0.0)
            self._connection.execute(
                f"INSERT OR REPLACE INTO pupil_asks ({_COLUMNS}) VALUES (?, ?, ?, 1, ?, ?, ?, '')",  # noqa: S608 (ours)
                (device, site, now, answer, by, answered_at),
            )
        return "asked"

    def list_asks(self, now: float, *, device: str = "") -> list[PupilAsk]:
        """Return what was asked for within the half hour and what still waits of the day, the oldest first."""
        rows = self._rows(
            f"SELECT {_COLUMNS} FROM pupil_asks WHERE ? IN ('', device) AND asked_at BETWEEN ? AND ?"  # noqa: S608 (ours)
            " AND (answer = '' OR max(asked_at, answered_at) > ?) ORDER BY asked_at, device",
            (device, now - pupil_asks.KEPT_SECONDS, now, now - pupil_asks.MERGE_SECONDS),
        )
        return [
            PupilAsk(
                device=row[0], site=row[1], asked_at=row[2], times=row[3], answer=row[4], by=row[5],
                answered_at=row[6], request=row[7],
            )
            for row in rows
        ]  # fmt: skip

    def answer_asks(
        self,
        site: str,
        answer: Literal["yes", "no"],
        *,
        by: str,
        now: float,
        request: str = "",
        device: str = "",
    ) -> int:
        """Answer whoever waits for a site (or this device alone); return how many did."""
        if not self._rows("SELECT 1 FROM pupil_asks WHERE site = ? AND answer = ''", (site,)):
            return 0
        with self._transaction():
            return self._connection.execute(
                "UPDATE pupil_asks SET answer = ?, by = ?, answered_at = ?, request = ?"
                " WHERE site = ? AND answer = '' AND ? IN ('', device)",
                (answer, by, now, request, site, device),
            ).rowcount

    def reopen_asks(self, site: str, now: float) -> int:
        """Take a "no" of the last half hour back; return for how many."""
        with self._transaction():
            return self._connection.execute(
                "UPDATE pupil_asks SET answer = '', by = '', answered_at = 0"
                " WHERE site = ? AND answer = 'no' AND answered_at > ?",
                (site, now - pupil_asks.MERGE_SECONDS),
            ).rowcount

    def forget_ask(self, device: str, site: str) -> None:
        """Forget one ask."""
        with self._transaction():
            self._connection.execute("DELETE FROM pupil_asks WHERE device = ? AND site = ?", (device, site))

    def _may_ask_more(self, device: str, now: float) -> bool:
        own, room, devices = self._connection.execute(
            "SELECT coalesce(sum(device = ?), 0), count(*), count(DISTINCT device) FROM pupil_asks"
            " WHERE asked_at BETWEEN ? AND ?",
            (device, now - pupil_asks.MERGE_SECONDS, now),
        ).fetchone()
        if own >= pupil_asks.ASKS_PER_DEVICE:
            return False
        return bool(own == 0 or room - devices < pupil_asks.MORE_ASKS)

    def _forget_old_asks(self, now: float) -> None:
        """Forget what is over; a clock that went back makes old what is dated ahead of it."""
        self._connection.execute(
            "DELETE FROM pupil_asks WHERE asked_at NOT BETWEEN ? AND ? OR rowid IN"
            " (SELECT rowid FROM pupil_asks ORDER BY asked_at DESC LIMIT -1 OFFSET ?)",
            (now - pupil_asks.KEPT_SECONDS, now, pupil_asks.MAX_ASKS - 1),
        )
