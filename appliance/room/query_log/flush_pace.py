"""How often the journal is taken into the database: at once after a quiet time, then now and then."""

PROMPT_FLUSHES = 200


class FlushPace:
    """A credit of flushes, which grows by one in so many seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._credit = float(PROMPT_FLUSHES)
        self._at: float | None = None

    def may_flush(self, now: float) -> bool:
        """Tell whether now is a time to do it, and count it."""
        if self._at is not None:
            self._credit = min(self._credit + max(now - self._at, 0.0) / self._seconds, PROMPT_FLUSHES)
        self._at = now
        if self._credit < 1:
            return False
        self._credit -= 1
        return True
