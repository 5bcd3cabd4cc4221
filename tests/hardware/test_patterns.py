"""What the lamp shows: each reason its own rhythm, and nothing that strobes."""

import pytest

from appliance.room.conditions import Condition
from hardware.patterns import HEALTHY, PATTERNS, Pattern, flashes_a_second, light_at

SHOWN = [*PATTERNS.values(), *(condition.row.pattern for condition in Condition)]


def test_no_two_reasons_look_the_same() -> None:
    assert len(set(SHOWN)) == len(SHOWN)


@pytest.mark.parametrize("pattern", SHOWN)
def test_nothing_comes_near_three_flashes_a_second(pattern: Pattern) -> None:
    assert flashes_a_second(pattern) <= 2


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
    assert light_at(Condition.UPSTREAM_DOWN.row.pattern, at)[0] is shown


def test_a_pattern_says_for_how_long_it_stays_as_it_is() -> None:
    shown, seconds = light_at(Condition.LISTS_STALE.row.pattern, 0.1)
    assert shown
    assert seconds == pytest.approx(0.2)
    assert light_at(HEALTHY, 12.0) == (False, float("inf"))
