"""From when until when the things of a document hold."""

from datetime import datetime

from dns.policy.document import Lesson, Pause, Suspension, Unblock
from dns.policy.timetable import FOREVER


class Validity:
    """From when until when something of the document holds: an unblock, a lesson, a pause, a suspension.

    What had begun when the document was made has begun, even where this machine's clock is a little behind the
    one that stamped it: an approval shows at once.
    """

    __slots__ = ("since", "until")

    def __init__(self, thing: Unblock | Lesson | Pause | Suspension, issued: datetime | None) -> None:
        began = thing.since is None or (issued is not None and thing.since <= issued)
        self.since = -FOREVER if began or thing.since is None else thing.since.timestamp()
        self.until = thing.until.timestamp()

    def is_active(self, now: float, *, is_clock_trusted: bool) -> bool:
        """Tell whether they hold.

        A clock that nobody trusts is behind, never ahead: what has not ended by it may have begun.
        """
        return now < self.until and (self.since <= now or not is_clock_trusted)
