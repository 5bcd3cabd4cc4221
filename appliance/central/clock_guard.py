"""Whether central's clock has gone evenly for long enough to delete by it: an incident that it deletes is gone.

After a jump (`appliance.clock_jumps`) nothing is deleted by age until central has run for `GRACE_SECONDS`,
added up over restarts.

A process that runs notices a jump at once (`ClockJumps`), and then ends nothing by the clock for `HOLD_SECONDS`:
long enough to set it right, and short enough where it is right now and was wrong before.

What was seen is kept in a file; where that is missing or cannot be read, the newest entry of the audit says it.
A room guards its query log alike (`appliance.room.query_log.clock_guard`).
"""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from appliance.clock_jumps import jump_at_start, jump_while_running, seconds_since_boot
from appliance.files import read_regular_file, write_file_atomically
from dns.errors import DECODING_FAILED

FILE_NAME = "clock.json"
GRACE_SECONDS = 86_400.0
HOLD_SECONDS = 3600.0

log = logging.getLogger("hallpass.central")


class _Seen(msgspec.Struct, frozen=True):
    """What the clock showed last (Unix seconds), and for how many seconds central has run since it jumped."""

    time: float
    steady_seconds: float


class CentralClockGuard:
    """Follows the clock of one central. Looked at by one thread, at every hour."""

    def __init__(self, path: Path, uptime: Callable[[], float] = seconds_since_boot) -> None:
        """`uptime`: seconds that no change of the clock touches."""
        self._path = path
        self._uptime = uptime
        self._looked_at: tuple[float, float] | None = None  # clock and running time; None: not by this process
        self._steady_seconds = 0.0

    @property
    def may_delete(self) -> bool:
        """Tell whether things may be deleted by their age."""
        return self._looked_at is not None and self._steady_seconds >= GRACE_SECONDS

    def check_clock(self, now: datetime, newest: datetime | None) -> float:
        """Look at the clock; return by how many seconds it has jumped, 0 where it has not. Never raises.

        `newest`: when something was last written, for a guard that knows nothing yet.
        """
        shows, runs = now.timestamp(), self._uptime()
        if self._looked_at is None:
            seen = _read_seen(self._path) or _Seen(newest.timestamp() if newest else shows, GRACE_SECONDS)
            self._steady_seconds = seen.steady_seconds
            jump = jump_at_start(seen.time, shows)
        else:
            showed, ran = self._looked_at
            jump = jump_while_running(shows - showed, runs - ran)
            self._steady_seconds = min(self._steady_seconds + runs - ran, GRACE_SECONDS)
        if jump:
            self._steady_seconds = 0.0
        self._looked_at = shows, runs
        self._write(_Seen(shows, self._steady_seconds))
        return jump

    def _write(self, seen: _Seen) -> None:
        try:
            write_file_atomically(self._path, msgspec.json.encode(seen))
        except OSError as problem:
            log.warning("%s cannot be written, so that a wrong clock may not be noticed: %s", self._path, problem)


class ClockJumps:
    """Notices jumps of the clock while a process runs. Followed by one thread at a time."""

    def __init__(self, path: Path, now: Callable[[], datetime], uptime: Callable[[], float]) -> None:
        """Begin by the clock as it is, unless that shows over a day more than the file at `path`."""
        self._now = now
        self._uptime = uptime
        self._offset = self._read_offset()
        seen = _read_seen(path)
        is_doubtful = seen is not None and jump_at_start(seen.time, now().timestamp()) > 0
        self._steady_at = uptime() + HOLD_SECONDS if is_doubtful else 0.0

    def has_jumped(self) -> bool:
        """Tell whether the clock has jumped since it was followed last."""
        return jump_while_running(self._read_offset() - self._offset, 0.0) != 0

    def follow(self) -> bool:
        """Tell that as well, and go by the clock as it is from now on."""
        is_jump = self.has_jumped()
        self._offset = self._read_offset()
        if is_jump:
            self._steady_at = self._uptime() + HOLD_SECONDS
        return is_jump

    def seconds_until_steady(self) -> float:
        """Return for how long nothing is ended by the clock; 0: it can be believed."""
        return max(0.0, self._steady_at - self._uptime())

    def _read_offset(self) -> float:
        while True:
            began = self._uptime()
            shows = self._now().timestamp()
            if self._uptime() - began < 1.0:  # else the process was held up between the two
                return shows - began


def _read_seen(path: Path) -> _Seen | None:
    try:
        return msgspec.json.decode(read_regular_file(path, max_bytes=4096), type=_Seen)
    except (OSError, *DECODING_FAILED):
        return None


def in_words(jump: float, now: datetime) -> str:
    """Say what the clock did, for the audit."""
    before = datetime.fromtimestamp(now.timestamp() - jump, UTC)
    return (
        f"it should show {before:%Y-%m-%d %H:%M} UTC and shows {now.astimezone(UTC):%Y-%m-%d %H:%M}: nothing is "
        "deleted by its age until central has run for a day"
    )
