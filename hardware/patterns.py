"""What the lamp shows, in seconds, in one table.

A pattern is light and darkness in turn, over and over. Each has its own rhythm, because colour is never the only
signal. None has more than two flashes a second; three would be the most that photosensitive people can bear (WCAG
2.3.1). Pure: `light_at` says what a pattern shows at a moment.
"""

from typing import NamedTuple


class Flash(NamedTuple):
    """Some light, then some darkness."""

    light: float
    dark: float


Pattern = tuple[Flash, ...]

HEALTHY: Pattern = ()  # dark: a lamp that is lit for no reason is soon looked at by nobody

# fmt: off
PATTERNS: dict[str, Pattern] = {
    #                      one round
    "refused":             (Flash(1.0, 0.15),),                                    # once for each refusal
    "pause":               (Flash(0.25, 0.25),),                                   # held: let go and it pauses
    "shut-down":           (Flash(1.0, 0.1),),                                     # held: let go and it shuts down
    "disk-trouble":        (Flash(0.3, 0.3), Flash(0.3, 0.3), Flash(0.3, 2.0)),      # three short
    "upstream-down":       (Flash(0.3, 0.3), Flash(0.3, 2.0)),                      # two short
    "policy-damaged":      (Flash(1.5, 0.3), Flash(0.3, 0.3), Flash(0.3, 2.0)),      # long, short, short
    "lists-damaged":       (Flash(0.3, 0.3), Flash(1.5, 2.0)),                      # short, long
    "settings-wrong":      (Flash(0.3, 0.3),) * 3 + (Flash(0.3, 2.0),),             # four short
    "not-enrolled":        (Flash(1.5, 0.5), Flash(1.5, 2.5)),                      # two long
    "no-longer-enrolled":  (Flash(1.5, 0.5),) * 2 + (Flash(0.3, 2.5),),              # two long, short
    "central-unreachable": (Flash(1.5, 1.5),),                                     # slow and even
    "clock-differs":       (Flash(0.3, 0.3), Flash(1.5, 0.3), Flash(0.3, 2.0)),      # short, long, short
    "lists-stale":         (Flash(0.3, 5.0),),                                     # one short, now and then
    "starting":            (Flash(0.5, 0.5),),                                     # even
    "stopped":             (Flash(1.5, 0.3), Flash(0.3, 2.0)),                      # long, short
    "healthy":             HEALTHY,
}
# fmt: on


_SHORTEST = 0.001  # what floating point leaves of a step must not keep anybody busy


def light_at(pattern: Pattern, since_start: float) -> tuple[bool, float]:
    """Return whether a pattern shows light so many seconds after it began, and for how long it stays so."""
    if not pattern:
        return False, float("inf")
    at = since_start % sum(step.light + step.dark for step in pattern)
    for step in pattern:
        if at < step.light:
            return True, max(step.light - at, _SHORTEST)
        at -= step.light
        if at < step.dark:
            return False, max(step.dark - at, _SHORTEST)
        at -= step.dark
    return False, _SHORTEST  # the end of a round, missed by what floating point cannot show


def flashes_a_second(pattern: Pattern) -> float:
    """Return how fast the fastest two neighbouring flashes of a pattern come."""
    return max((1 / (step.light + step.dark) for step in pattern), default=0.0)
