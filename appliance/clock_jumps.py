"""When a clock has jumped: what may be said of it while a process runs, and what at its start.

Both guards of what is deleted by age go by this: a room's (`appliance.room.query_log.clock_guard`) and central's
(`appliance.central.clock_guard`).
"""

import time

STEP_SECONDS = 60.0
MAX_OFF_SECONDS = 86_400.0


def seconds_since_boot() -> float:
    """Return seconds that no change of the clock touches; sleep counts, as it does for the clock."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def jump_at_start(showed: float, shows: float) -> float:
    """Return by how many seconds a clock has jumped between two runs, 0 where it may not have.

    That it shows less than before has no other reason. More than `MAX_OFF_SECONDS` later may be the holidays or a
    wrong clock; nobody can tell. `showed`, `shows`: Unix seconds when it was last looked at, and now.
    """
    step = shows - showed
    return 0.0 if -STEP_SECONDS <= step <= MAX_OFF_SECONDS else step


def jump_while_running(clock_seconds: float, running_seconds: float) -> float:
    """Return how many seconds more (negative: less) a clock moved than the time since boot; 0 up to a step."""
    step = clock_seconds - running_seconds
    return 0.0 if abs(step) <= STEP_SECONDS else step
