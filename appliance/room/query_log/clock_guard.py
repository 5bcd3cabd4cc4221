"""Whether the clock has gone evenly for long enough to delete by it.

What a wrong clock deletes does not come back, and what a late deletion leaves goes a day later. So after a jump
(`appliance.clock_jumps`) nothing is deleted by age until the room has run for `GRACE_SECONDS`. At a start that may
have been the holidays or a wrong clock: the grace is for both. What the clock showed last is kept in the log
itself; where that is missing (a log of an older version) the newest row says it.

The grace is running time added up over restarts: a room that is off every night would otherwise never delete.
For the same reason a weekend within a grace does not begin it anew; a pause of more than `LONG_OFF_SECONDS` does.

Only a clock that is trusted (`appliance.room.clock`) is looked at: a Pi that boots shows the past until it has
asked a time server. Rows that were dated while a clock was behind look old at once when it is put right; their
span is kept in `misdated`, so that their days count from then. A clock that is put right while the room is off
is no other: what was not trusted, or fell behind within the last grace, is kept beside the time.
"""

import logging
from collections.abc import Callable

from appliance.clock_jumps import STEP_SECONDS, jump_at_start, jump_while_running, seconds_since_boot
from appliance.room.query_log.columns import ID_BITS
from appliance.room.query_log.database import Connection

DAY_SECONDS = 86_400.0
GRACE_SECONDS = DAY_SECONDS
LONG_OFF_SECONDS = 31 * DAY_SECONDS
SAVE_SECONDS = 900.0  # a card wears with every write
MISDATED_SECONDS = 3600.0  # less makes no difference to rows that are kept for days
MARGIN_SECONDS = 600.0  # workers date records before the recorder first looks

log = logging.getLogger("hallpass.recorder")


class ClockGuard:
    """Follows the clock of one recorder. Methods raise `database.DatabaseError`."""

    def __init__(self, uptime: Callable[[], float] = seconds_since_boot) -> None:
        self._uptime = uptime
        self._last_time: float | None = None  # what the clock showed when it was last looked at and trusted
        self._steady_seconds = 0.0  # running seconds since the last jump
        self._last_uptime: float | None = None  # `uptime` at `_last_time`; None: not looked at by this process yet
        self._offset = 0.0  # clock less running time, as it was since the last jump
        self._shift = 0.0  # all jumps since the clock was steady
        self._saved_at = 0.0
        self._behind_since: float | None = None  # what the clock showed when it began to be behind
        self._doubted: tuple[float, float] | None = None  # clock and running time, when it was last not trusted
        self._doubted_until: float | None = None  # what it showed at most, not trusted, before this process

    @property
    def is_steady(self) -> bool:
        """Tell whether the clock may delete."""
        return self._last_uptime is not None and self._doubted is None and self._steady_seconds >= GRACE_SECONDS

    def load(self, connection: Connection, now: float) -> None:
        """Take what a log that was just opened knows of the time, before anything is written to it."""
        if self._last_time is not None:
            return
        row = connection.execute("SELECT seen, steady, behind_since, doubted_until FROM clock").fetchone()
        if row is not None:
            self._last_time, self._steady_seconds, self._behind_since, self._doubted_until = row
            return
        newest = connection.execute(f"SELECT max(id) >> {ID_BITS} FROM queries").fetchone()[0]  # noqa: S608 (a number)
        self._last_time = now if newest is None else float(newest)
        self._steady_seconds = GRACE_SECONDS

    def check_clock(self, connection: Connection, now: float, *, trusted: bool) -> None:
        """Compare the clock with what it should show."""
        uptime = self._uptime()
        if not trusted:
            self._behind_since = now if self._behind_since is None else min(self._behind_since, now)
            begins = self._doubted is None
            self._doubted = (now, uptime)
            if begins or uptime - self._saved_at >= SAVE_SECONDS:
                self.save(connection)
            return
        if self._last_time is None:
            self.load(connection, now)
        self._end_doubt(connection, now, uptime)
        step = self._jump_seconds(now, uptime)
        if step:
            self._record_jump(connection, step, now)
        elif self._last_uptime is not None:
            self._steady_seconds += uptime - self._last_uptime
            if self._steady_seconds >= GRACE_SECONDS:
                self._shift = 0.0
        if step or self._last_uptime is None:
            self._offset = now - uptime
        self._last_time, self._last_uptime = now, uptime
        if step or uptime - self._saved_at >= SAVE_SECONDS:
            self.save(connection)

    def save(self, connection: Connection) -> None:
        """Keep what is known in the log, for the next start."""
        if self._last_uptime is None and self._doubted is None:
            return
        behind_since = doubted_until = None
        if self._behind_since is not None and (self._doubted is not None or self._steady_seconds < GRACE_SECONDS):
            behind_since = int(self._behind_since)
        if self._doubted is not None:
            # This may be the last time that it can be kept: a card's power is cut.
            doubted_until = int(max(self._doubted[0] + SAVE_SECONDS, self._doubted_until or 0.0))
        connection.execute(
            "INSERT OR REPLACE INTO clock VALUES (1, ?, ?, ?, ?)",
            (int(self._last_time or 0), self._steady_seconds, behind_since, doubted_until),
        )
        self._saved_at = self._uptime()

    def _jump_seconds(self, now: float, uptime: float) -> float:
        """Return by how many seconds the clock has jumped; 0 where it has not."""
        if self._last_uptime is None:
            return jump_at_start(self._last_time or 0.0, now)
        return jump_while_running(now - self._offset, uptime)

    def _record_jump(self, connection: Connection, step: float, now: float) -> None:
        log.warning(
            "the clock has jumped by %+.1f hours: nothing is deleted by age until a day of running has passed",
            step / 3600,
        )
        within_a_grace = self._steady_seconds < GRACE_SECONDS
        if not (self._last_uptime is None and within_a_grace and 0 < step <= LONG_OFF_SECONDS):
            self._steady_seconds = 0.0
        self._shift += step
        if step > 0 and self._behind_since is not None:
            last = now - step + (SAVE_SECONDS if self._last_uptime is None else 0.0)
            self._record_misdated(connection, self._behind_since, last, now)
        if step < 0:
            # What was put right by a clock that is now said to have been ahead was not put right.
            connection.execute("DELETE FROM misdated WHERE known > ?", (int(now),))
        self._behind_since = now if self._shift < -STEP_SECONDS else None

    def _end_doubt(self, connection: Connection, now: float, uptime: float) -> None:
        if self._doubted is None and self._doubted_until is None:
            return
        last = self._doubted_until or 0.0
        if self._doubted is not None:
            showed, then = self._doubted
            last = max(last, showed + uptime - then)
        if self._behind_since is not None and now > last:
            self._record_misdated(connection, self._behind_since, last, now)
        self._behind_since = self._doubted = self._doubted_until = None

    def _record_misdated(self, connection: Connection, first: float, last: float, now: float) -> None:
        """Remember that rows dated from `first` to `last` are as young as `now`."""
        if now - last >= MISDATED_SECONDS:
            connection.execute(
                "INSERT INTO misdated VALUES (?, ?, ?)",
                (int(first - MARGIN_SECONDS) << ID_BITS, int(last + 1) << ID_BITS, int(now)),
            )
