"""What the lamp shows, in seconds, in one table.

A pattern is light and darkness in turn, over and over. Each has its own rhythm, because colour is never the only
signal, and none comes near three flashes a second (WCAG 2.3.1). Pure: `lit` says what a pattern shows at a moment.
"""

from typing import NamedTuple


class Step(NamedTuple):
    """Some light, then some darkness."""

    light: float
    dark: float


Pattern = tuple[Step, ...]

HEALTHY: Pattern = ()  # dark: a lamp that is lit for no reason is soon looked at by nobody

# fmt: off
PATTERNS: dict[str, Pattern] = {
    #                      one round
    "refused":             (Step(1.0, 0.15),),                                    # once for each refusal
    "paused":              (Step(0.2, 0.4),),                                     # the button is held: let go
    "disk-trouble":        (Step(0.3, 0.3), Step(0.3, 0.3), Step(0.3, 2.0)),      # three short
    "upstream-down":       (Step(0.3, 0.3), Step(0.3, 2.0)),                      # two short
    "central-unreachable": (Step(1.5, 1.5),),                                     # slow and even
    "lists-stale":         (Step(0.3, 5.0),),                                     # one short, now and then
    "starting":            (Step(0.5, 0.5),),                                     # even
    "stopped":             (Step(1.5, 0.3), Step(0.3, 2.0)),                      # long, short
    "healthy":             HEALTHY,
}
# fmt: on


def lit(pattern: Pattern, since_start: float) -> tuple[bool, float]:
    """Return whether a pattern shows light so many seconds after it began, and for how long it stays so."""
    if not pattern:
        return False, float("inf")
    at = since_start % sum(step.light + step.dark for step in pattern)
    for step in pattern:
        if at < step.light:
            return True, step.light - at
        at -= step.light
        if at < step.dark:
            return False, step.dark - at
        at -= step.dark
    return False, 0.01  # the end of a round, missed by what floating point cannot show


def flashes_a_second(pattern: Pattern) -> float:
    """Return how fast the fastest two neighbouring flashes of a pattern come."""
    return max((1 / (step.light + step.dark) for step in pattern), default=0.0)
