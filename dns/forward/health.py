"""How each upstream is doing: how fast it answers, whether it answers at all, and what strange things came back.

A server that left `TROUBLE_AFTER` questions in a row unanswered, or answered so many with failures or with what is
no message, is *in trouble*: others are asked first, and it is probed. It is *down* when the first probe, too, had
no answer that says "here it is" or "there is none"; any such answer makes it well again. Names that nobody on the
internet can resolve therefore never take a server out of use for longer than a probe needs.

Times are those of the event loop's clock (seconds), apart from `down_since`, which is for people (Unix
seconds).
"""

from collections.abc import Callable

import msgspec

TROUBLE_AFTER = 3  # questions in a row that were not answered, or not well
PROBE_SECONDS = (0.0, 1.0, 2.0, 2.0, 5.0)  # between probes; the last one for as long as it takes
_WEIGHT = 0.125  # of the newest sample in the smoothed latency, as TCP does it (RFC 6298)


class UpstreamCounts(msgspec.Struct):
    """What one upstream sent back, counted since the start."""

    answers: int = 0
    timeouts: int = 0
    mismatches: int = 0  # an id that was never sent, or another question: a spoofer's try
    late: int = 0  # an answer to a question that somebody had answered before
    case_mismatches: int = 0  # the right answer, but for the case of the name's letters
    truncated: int = 0
    failures: int = 0  # SERVFAIL, REFUSED, FORMERR, NOTIMP and the like, without a reason that is about the name
    malformed: int = 0  # under the right id, but no whole message
    unreachable: int = 0  # nothing listens there (ICMP), or the connection failed


class UpstreamState(msgspec.Struct, frozen=True, kw_only=True):
    """How one upstream is, for people and for the room's health."""

    server: str
    down_since: float | None  # Unix seconds
    latency: float | None  # seconds, smoothed
    trouble: str  # what went wrong last, in words; empty where only answers are missing
    failure: str  # how it answers wrongly, in words; empty where it does not answer at all
    counts: UpstreamCounts


class UpstreamHealth:
    """How one upstream is doing."""

    def __init__(self, wall_clock: Callable[[], float], on_recovery: Callable[[], None] = lambda: None) -> None:
        """`on_recovery` is called whenever the server was down and is well again."""
        self._on_recovery = on_recovery
        self.counts = UpstreamCounts()
        self.latency: float | None = None
        self.down_since: float | None = None
        self.in_trouble = False
        self.trouble_since = 0.0
        self.trouble = ""
        self.failure = ""
        self.next_probe = 0.0
        self.timeouts_in_row = 0
        self._failures_in_row = 0
        self._probes = 0
        self._wall_clock = wall_clock

    def note_answer(self, latency: float | None) -> None:
        """Note an answer, and how many seconds it took; None where that cannot be told (asked more than once)."""
        self.timeouts_in_row = self._failures_in_row = 0
        if latency is not None:
            self.latency = latency if self.latency is None else self.latency + _WEIGHT * (latency - self.latency)
        if self.in_trouble:
            was_down = self.down_since is not None
            self.in_trouble = False
            self.down_since = None
            self.trouble = self.failure = ""
            self._probes = 0
            if was_down:
                self._on_recovery()

    def note_timeout(self, now: float) -> bool:
        """Note a question that had no answer in time. Tell whether the server has just come into trouble."""
        self.counts.timeouts += 1
        self.timeouts_in_row += 1
        if self.timeouts_in_row < TROUBLE_AFTER:
            return False
        self.failure = ""
        return self.note_unreachable(now)

    def note_failure(self, now: float, failure: str) -> bool:
        """Note an answer that is none, and in words how. Tell whether the server has just come into trouble."""
        self.timeouts_in_row = 0
        self._failures_in_row += 1
        if self._failures_in_row < TROUBLE_AFTER and not self.in_trouble:
            return False
        self.failure = failure
        return self.note_unreachable(now)

    def note_unreachable(self, now: float) -> bool:
        """Note that nothing is there at all. Tell whether the server has just come into trouble."""
        if self.in_trouble:
            return False
        self.in_trouble = True
        self.trouble_since = now
        self._probes = 0
        self.next_probe = now
        return True

    def note_trouble(self, trouble: str) -> None:
        """Note in words what went wrong."""
        self.trouble = trouble

    def claim_probe(self, now: float) -> bool:
        """Tell whether a probe is due; the next one is then set."""
        if not self.in_trouble or now < self.next_probe:
            return False
        if self._probes and self.down_since is None:
            self.down_since = self._wall_clock()
        self._probes += 1
        self.next_probe = now + PROBE_SECONDS[min(self._probes, len(PROBE_SECONDS) - 1)]
        return True

    def snapshot(self, server: str) -> UpstreamState:
        """Return how the server is, under its title."""
        return UpstreamState(
            server=server,
            down_since=self.down_since,
            latency=self.latency,
            trouble=self.trouble,
            failure=self.failure,
            counts=msgspec.structs.replace(self.counts),
        )

    def decay_latency(self) -> None:
        """Let the memory of slowness fade, so that a server that is not asked gets another try."""
        if self.latency is not None:
            self.latency *= 0.98
