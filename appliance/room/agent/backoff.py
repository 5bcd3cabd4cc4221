"""How long to wait before trying again: longer each time, never all rooms at once, not before central wants it."""

import random

from appliance.room.agent.central_errors import CentralUnreachable


class Backoff:
    """The pauses between tries of one thing."""

    def __init__(self, first_seconds: float, longest_seconds: float) -> None:
        self._first = first_seconds
        self._longest = longest_seconds
        self._next = first_seconds

    def reset(self) -> None:
        """Begin anew: it went well."""
        self._next = self._first

    def next_pause_seconds(self, problem: Exception | None = None) -> float:
        """Return how long to wait after a failure."""
        pause, self._next = self._next, min(self._next * 2, self._longest)
        wanted = problem.retry_after_seconds if isinstance(problem, CentralUnreachable) else 0.0
        # Rooms are spread over the pause, and over half as much again after a time that central has named.
        return max(pause * random.uniform(0.5, 1.0), wanted * random.uniform(1.0, 1.5))  # noqa: S311 (no secret)
