"""How far central's clock is ahead of the room's.

What central says of its time was said between the sending of a call and the coming of its answer. So each call
with such a time bounds the difference between central's clock and this machine's *monotonic* clock; of the bounds
of the last while the narrowest counts. The monotonic clock, because the room's own may be set meanwhile (a Pi
begins somewhere in the past, until a time server has been asked): the difference follows at once.

They are at most `SAMPLE_SECONDS` old (clocks drift), but for the newest, which counts until there is another. A
bound that contradicts those before it replaces them: central's clock was set. Pure: clocks are passed in.
"""

import math
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import msgspec

from appliance.clock_jumps import seconds_since_boot

SAMPLE_SECONDS = 1800.0  # a room that is well calls central every ten minutes
DATE_SECONDS = 1.0  # the resolution of an HTTP Date
MAX_SAMPLES = 32
_LAST_TIME = datetime(2200, 1, 1, tzinfo=UTC).timestamp()


class _Bounds(msgspec.Struct, frozen=True):
    """Between what and what central's clock minus the monotonic one lies, in seconds."""

    low: float
    high: float
    measured_at: float  # of the monotonic clock


class CentralClock:
    """The difference of the two clocks, as far as it is known."""

    def __init__(
        self, now: Callable[[], float] = time.time, monotonic: Callable[[], float] = seconds_since_boot
    ) -> None:
        self._now = now
        self.monotonic = monotonic
        self._samples: deque[_Bounds] = deque(maxlen=MAX_SAMPLES)

    def add_time(self, central_time: float, sent_at: float, resolution_seconds: float = 0.0) -> None:
        """Take in a time that central said in an answer which came just now to a call made at `sent_at`.

        `sent_at` is of the monotonic clock. A time that is none is passed over.
        """
        if not (math.isfinite(central_time) and 0.0 < central_time < _LAST_TIME):
            return
        received_at = self.monotonic()
        bounds = _Bounds(central_time - received_at, central_time + resolution_seconds - sent_at, received_at)
        agreeing = (one for one in self._samples if bounds.low <= one.high and one.low <= bounds.high)
        self._samples = deque((*agreeing, bounds), MAX_SAMPLES)

    def add_date(self, header: str, sent_at: float) -> None:
        """Take in the Date of an answer (RFC 9110, section 6.6.1); what is none is passed over."""
        try:
            said = parsedate_to_datetime(header)
            self.add_time(said.replace(tzinfo=said.tzinfo or UTC).timestamp(), sent_at, DATE_SECONDS)
        except (ValueError, OverflowError, TypeError):
            return

    def difference_seconds(self) -> float | None:
        """Return by how much central's clock is ahead of the room's: 0 where that may be; None: not known.

        The end of what is granted is moved by it, so of what it may be this is the greatest: nothing stays open
        for longer than it was granted.
        """
        oldest = self.monotonic() - SAMPLE_SECONDS
        recent = [one for one in self._samples if one.measured_at >= oldest] or list(self._samples)[-1:]
        if not recent:
            return None
        low, high = max(one.low for one in recent), min(one.high for one in recent)
        shift = self.monotonic() - self._now()
        return 0.0 if low + shift <= 0.0 <= high + shift else high + shift
