"""How often somebody may try a password, counted so that nobody can shut out anybody else.

A wrong password costs whoever typed it, not the account that it was typed for. What is counted, within a place
(the pages of central, or one room) that has its own budget:

- a device on which the account's password was right before: its own tries, and nothing else. A right password
  there passes, however many others guess at that account (OWASP, "device cookies");
- else the source, an address or what a room calls the device; then the account, which slows all unknown devices
  together; then the place, where that is a room.

A try is counted before the password is looked at and taken back where it was right, so that forty at once count as
forty. A try that is refused costs no wider budget. Nothing says whether an account exists: names of nobody are
counted in the same way. Keys are hashes, because people type passwords into the field for names.

Who had the password right and is asked for a code has a budget of its own for codes.

The windows are `limits`' fixed ones. Where they are kept is `limits`' storage: memory, or a database (central).
"""

import hashlib
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import msgspec
from limits import RateLimitItem, RateLimitItemPerDay, RateLimitItemPerMinute
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter

KNOWN_DEVICE_DAYS = 180
MAX_DEVICES_OF_ACCOUNT = 50  # that are known; beyond it those used longest ago are forgotten
KNOWN_DEVICE_TRIES = RateLimitItemPerMinute(20, 5)
SOURCE_TRIES = RateLimitItemPerMinute(10, 5)
ACCOUNT_TRIES = RateLimitItemPerMinute(30, 15)  # from unknown devices together
PLACE_TRIES = RateLimitItemPerMinute(200, 5)
# Codes of a second factor, of an account in all places together: three in a million guesses would be right.
CODE_TRIES = RateLimitItemPerMinute(10, 15)
CODE_TRIES_OF_A_DAY = RateLimitItemPerDay(50)
_NOTES = RateLimitItemPerMinute(1, 15)


class SignInOrigin(msgspec.Struct, frozen=True, kw_only=True):
    """Where somebody tries to sign in. Empty: not known."""

    place: str  # budgets of one place concern no other
    source: str = ""  # within the place
    device: str = ""  # the token of a browser, which proves nothing until it is known
    is_place_limited: bool = False

    def known_device(self, username: str) -> str:
        """Return what is kept of this device once the account's password was right on it; "" where it has none."""
        return _hash("known", self.place, username, self.device) if self.device else ""


class TooManyTries(msgspec.Struct, frozen=True):
    """Why the password was not even looked at."""

    wait_seconds: int
    is_source: bool  # whether it was this source that tried too often

    def __str__(self) -> str:
        again = f"Please wait {self.wait_seconds} seconds"
        if self.is_source:
            return f"There were too many wrong tries from this device. {again}"
        return (
            f"There were too many wrong tries on devices where this user name has not signed in before. {again}, "
            "or use a device where you have signed in"
        )


@dataclass(frozen=True)
class _Budget:
    item: RateLimitItem
    key: str
    is_source: bool


class CountedTry:
    """A try that may go on; it stays counted unless it is forgiven."""

    def __init__(self, throttle: "SignInThrottle", budgets: list[_Budget]) -> None:
        self._throttle = throttle
        self._budgets = budgets

    def forgive(self) -> None:
        """Take the try back: the password was right, or nobody could say."""
        for budget in self._budgets:
            self._throttle.take_back(budget.item, budget.key)


class SignInThrottle:
    """Counts tries. May be used by several threads."""

    def __init__(self, storage: Storage, now: Callable[[], float] = time.time) -> None:
        self._storage = storage
        self._limiter = FixedWindowRateLimiter(storage)
        self._now = now
        self._lock = threading.Lock()  # limits' memory loses counts of a burst on a key that is new

    def count_try(
        self, origin: SignInOrigin, username: str, *, is_known_device: bool
    ) -> CountedTry | TooManyTries:
        """Count a try, or say how long to wait. `username` as accounts have it."""
        if is_known_device:
            own = _Budget(KNOWN_DEVICE_TRIES, origin.known_device(username), is_source=True)
            if self._hit(own):
                return CountedTry(self, [own])
        counted: list[_Budget] = []
        for budget in _budgets_of_unknown_device(origin, username):
            if not self._hit(budget):
                CountedTry(self, counted).forgive()
                return TooManyTries(self._seconds_left(budget), budget.is_source)
            counted.append(budget)
        return CountedTry(self, counted)

    def count_code(
        self, origin: SignInOrigin, username: str, *, is_known_device: bool
    ) -> CountedTry | TooManyTries:
        """Count a try of a code by somebody who had the password right, or say how long to wait.

        A known device has its own tries: whoever else knows the password shuts its owner out nowhere near it.
        """
        who = origin.known_device(username) if is_known_device else username
        counted: list[_Budget] = []
        for item in (CODE_TRIES, CODE_TRIES_OF_A_DAY):
            budget = _Budget(item, _hash("code", who), is_source=is_known_device)
            if not self._hit(budget):
                CountedTry(self, counted).forgive()
                return TooManyTries(self._seconds_left(budget), budget.is_source)
            counted.append(budget)
        return CountedTry(self, counted)

    def is_worth_a_note(self, origin: SignInOrigin, username: str) -> bool:
        """Tell, once in a while for each account and place, that somebody was refused there."""
        return self._hit(_Budget(_NOTES, _hash("note", origin.place, username), is_source=False))

    def is_worth_a_failure_note(self, origin: SignInOrigin, username: str) -> bool:
        """Tell, once in a while for each account and place, that a password was wrong; "" is everybody else."""
        return self._hit(_Budget(_NOTES, _hash("failure", origin.place, username), is_source=False))

    def take_back(self, item: RateLimitItem, key: str) -> None:
        """Uncount one try."""
        with self._lock:
            if self._storage.get(item.key_for(key)) > 0:
                self._storage.incr(item.key_for(key), item.get_expiry(), -1)

    def _hit(self, budget: _Budget) -> bool:
        with self._lock:
            return self._limiter.test(budget.item, budget.key) and self._limiter.hit(budget.item, budget.key)

    def _seconds_left(self, budget: _Budget) -> int:
        left = self._storage.get_expiry(budget.item.key_for(budget.key)) - self._now()
        return max(1, min(math.ceil(left), budget.item.get_expiry()))


def _budgets_of_unknown_device(origin: SignInOrigin, username: str) -> list[_Budget]:
    budgets = [_Budget(ACCOUNT_TRIES, _hash("account", origin.place, username), is_source=False)]
    if origin.source:
        budgets.insert(0, _Budget(SOURCE_TRIES, _hash("source", origin.place, origin.source), is_source=True))
    if origin.is_place_limited:
        budgets.append(_Budget(PLACE_TRIES, _hash("place", origin.place), is_source=False))
    return budgets


def _hash(*parts: str) -> str:
    return hashlib.sha256("\x00".join(parts).encode(errors="replace")).hexdigest()
