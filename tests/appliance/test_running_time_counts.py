"""Who tried too often waits for as long as was said, whatever the clock does meanwhile."""

import ast
from pathlib import Path

import pytest

from appliance.running_time_counts import RunningTimeCounts
from appliance.sign_in_throttle import SOURCE_TRIES, CountedTry, SignInOrigin, SignInThrottle, TooManyTries
from tests.fakes.clock import FakeClock

DEVICE = SignInOrigin(place="room", source="192.0.2.7")
WINDOW = SOURCE_TRIES.get_expiry()
MONTHS, YEARS = 120 * 86_400.0, 50 * 365 * 86_400.0
ROOT = Path(__file__).parents[2]


class Room:
    """A device at a room's throttle, on a machine whose clock and running time the test moves."""

    def __init__(self) -> None:
        self.clock, self.running = FakeClock(), FakeClock(5.0)
        self.counts = RunningTimeCounts(self.running, self.clock)
        self.throttle = SignInThrottle(self.counts, self.clock)

    def pass_time(self, seconds: float) -> None:
        self.clock.now += seconds
        self.running.now += seconds

    def guess(self) -> CountedTry | TooManyTries:
        return self.throttle.count_try(DEVICE, "tess", is_known_device=False)

    def guess_too_often(self) -> TooManyTries:
        for _ in range(SOURCE_TRIES.amount):
            assert isinstance(self.guess(), CountedTry)
        refused = self.guess()
        assert isinstance(refused, TooManyTries)
        return refused


@pytest.mark.parametrize("jump", [-YEARS, -MONTHS, -3600.0, 0.0, 3600.0, MONTHS, YEARS])
def test_a_clock_that_jumps_makes_no_wait_longer_or_shorter(jump: float) -> None:
    room = Room()
    assert room.guess_too_often().wait_seconds == WINDOW
    room.clock.now += jump
    room.pass_time(WINDOW - 10)
    refused = room.guess()
    assert isinstance(refused, TooManyTries)
    assert refused.wait_seconds == 10, "and the page says so by the clock as it is"
    room.pass_time(10)
    assert isinstance(room.guess(), CountedTry)


def test_a_try_that_is_taken_back_is_not_counted_and_makes_no_window_longer() -> None:
    room = Room()
    for _ in range(3 * SOURCE_TRIES.amount):
        counted = room.guess()
        assert isinstance(counted, CountedTry)
        counted.forgive()
        room.pass_time(1)
    room.pass_time(WINDOW)
    room.guess_too_often()


def test_what_is_over_is_kept_no_longer() -> None:
    room = Room()
    for number in range(1000):
        room.counts.incr(f"device {number}", WINDOW)
    room.pass_time(WINDOW)
    room.counts.incr("another", WINDOW)
    assert room.counts.reset() == 1
    assert room.counts.get("another") == 0


def test_nothing_counts_by_a_clock_that_may_jump() -> None:
    files = [one for folder in ("appliance", "webui") for one in (ROOT / folder).rglob("*.py")]
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            assert not (isinstance(node, ast.alias) and node.name == "MemoryStorage"), file
