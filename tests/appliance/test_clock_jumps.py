"""When a clock has jumped, at a start and while a process runs."""

import pytest

from appliance.clock_jumps import MAX_OFF_SECONDS, STEP_SECONDS, jump_at_start, jump_while_running

NOON = 1_800_000_000.0


@pytest.mark.parametrize(
    ("later", "jump"),
    [
        (0.0, 0.0),
        (-STEP_SECONDS, 0.0),
        (-STEP_SECONDS - 1, -STEP_SECONDS - 1),
        (MAX_OFF_SECONDS, 0.0),
        (MAX_OFF_SECONDS + 1, MAX_OFF_SECONDS + 1),
    ],
)
def test_at_a_start_less_than_before_and_over_a_day_more_are_jumps(later: float, jump: float) -> None:
    assert jump_at_start(NOON, NOON + later) == jump


@pytest.mark.parametrize(
    ("clock", "running", "jump"),
    [
        (900.0, 900.0, 0.0),
        (960.0, 900.0, 0.0),
        (961.0, 900.0, 61.0),
        (839.0, 900.0, -61.0),
        (14 * MAX_OFF_SECONDS, 14 * MAX_OFF_SECONDS, 0.0),
    ],
)
def test_while_a_process_runs_the_time_since_boot_is_what_counts(
    clock: float, running: float, jump: float
) -> None:
    assert jump_while_running(clock, running) == jump
