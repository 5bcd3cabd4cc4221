"""What the lamp shows: each reason its own rhythm, and nothing that strobes."""

import pytest

from appliance.room.health import Condition
from hardware.patterns import HEALTHY, PATTERNS, flashes_a_second, light_at


def test_every_condition_of_a_room_has_a_pattern() -> None:
    assert {condition.value for condition in Condition} <= PATTERNS.keys()


def test_no_two_reasons_look_the_same() -> None:
    assert len(set(PATTERNS.values())) == len(PATTERNS)


@pytest.mark.parametrize("reason", PATTERNS)
def test_nothing_comes_near_three_flashes_a_second(reason: str) -> None:
    assert flashes_a_second(PATTERNS[reason]) <= 2


@pytest.mark.parametrize(
    ("at", "shown"),
    [
        (0.0, True),
        (0.29, True),
        (0.31, False),
        (0.61, True),
        (0.95, False),
        (2.8, False),
        (2.95, True),
        (3.25, False),
    ],
)
def test_two_short_flashes_say_that_no_upstream_answers(at: float, shown: bool) -> None:
    assert light_at(PATTERNS["upstream-down"], at)[0] is shown


def test_a_pattern_says_for_how_long_it_stays_as_it_is() -> None:
    shown, seconds = light_at(PATTERNS["lists-stale"], 0.1)
    assert shown
    assert seconds == pytest.approx(0.2)
    assert light_at(HEALTHY, 12.0) == (False, float("inf"))
