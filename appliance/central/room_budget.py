"""How much a room may have central write in a day: whoever holds a card's key or token fills no disk and no audit.

Almost everything that a room sends becomes a row, and most of it an entry of the audit, which nothing deletes. A
day's budget is many times what a room has that comes back after weeks; sign-ins have one of their own, so that a
flood of messages keeps no teacher out, and so has each kind of certificate, of which a room needs a few in a year.
What is beyond is put off, not refused: an honest room keeps it, and sends it again. What is refused for what it is
costs nothing. The counts are this process's.
"""

import threading
from datetime import datetime

import msgspec
from limits import RateLimitItem, RateLimitItemPerDay, RateLimitItemPerHour
from limits.strategies import FixedWindowRateLimiter
from sqlalchemy.orm import Session

from appliance.central import audit
from appliance.central.errors import Busy
from appliance.central.models import RoomRow
from appliance.running_time_counts import RunningTimeCounts

SIGN_INS_OF_A_DAY = RateLimitItemPerDay(20_000)
CERTIFICATES_OF_A_DAY = RateLimitItemPerDay(20)
OVER_BUDGET = "room sends too much"
_RETRY_SECONDS = 600
_NOTES = RateLimitItemPerHour(1, 24)

# What is replaced where it stands, and is no entry of the audit.
_FREE = frozenset({"put_health", "put_seen_devices", "put_counts"})


class _Purse(msgspec.Struct, frozen=True):
    name: str
    item: RateLimitItem
    words: str  # where nothing is left


_MESSAGES_WORDS = "this room has sent more today than a room has to say"
_SIGN_INS = _Purse("sign-ins", SIGN_INS_OF_A_DAY, "there were more sign-ins in this room today than there may be")
_CERTIFICATE_WORDS = "this room had certificates enough for today"
_PURSES = {
    "sign_in": _SIGN_INS,
    "start_sign_in": _SIGN_INS,
    "redeem_ticket": _SIGN_INS,
    "request_certificate": _Purse("certificates", CERTIFICATES_OF_A_DAY, _CERTIFICATE_WORDS),
    "sign_page_certificate": _Purse("page certificates", CERTIFICATES_OF_A_DAY, _CERTIFICATE_WORDS),
}  # everything else: messages


class RoomBudget:
    """What the rooms of one process have left. May be used by several threads."""

    def __init__(self, messages_of_a_day: int) -> None:
        self._messages = _Purse("messages", RateLimitItemPerDay(messages_of_a_day), _MESSAGES_WORDS)
        self._counts = RunningTimeCounts()
        self._limiter = FixedWindowRateLimiter(self._counts)
        self._lock = threading.Lock()

    def spend(self, room_id: int, operation: str, count: int = 1) -> None:
        """Count what a room has central write by an operation of `appliance.operations`. Raises Busy."""
        if operation in _FREE:
            return
        purse = _PURSES.get(operation, self._messages)
        key = str(room_id), purse.name
        with self._lock:  # so that what is put off costs nothing, and a burst counts whole
            is_left = self._limiter.test(purse.item, *key, cost=count)
            if is_left:
                self._limiter.hit(purse.item, *key, cost=count)
        if not is_left:
            raise Busy(purse.words, retry_seconds=_RETRY_SECONDS)

    def take_back(self, room_id: int, operation: str, count: int = 1) -> None:
        """Uncount what came to nothing: it was refused, and nothing was written."""
        if operation in _FREE:
            return
        purse = _PURSES.get(operation, self._messages)
        key = purse.item.key_for(str(room_id), purse.name)
        with self._lock:
            if self._counts.get(key) >= count:
                self._counts.incr(key, purse.item.get_expiry(), -count)

    def is_worth_a_note(self, room_id: int) -> bool:
        """Tell, once a day for each room, that it was put off."""
        return self._limiter.hit(_NOTES, str(room_id))


def record_over_budget(session: Session, now: datetime, room: RoomRow, words: str) -> None:
    """Write into the audit that a room was put off: its card may be in somebody else's hands."""
    audit.record_audit(session, now, audit.RoomClaim(room.name), OVER_BUDGET, words)
