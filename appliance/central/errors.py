"""What central refuses to do, each with a sentence for the person who asked."""

from appliance.errors import HallpassError


class CentralError(HallpassError):
    """Central cannot do what was asked; the message says why."""


class NotFound(CentralError):
    """What was named does not exist."""


class Busy(CentralError):
    """Central has no time for this now; the same will be possible later."""

    def __init__(self, words: str, retry_seconds: int) -> None:
        self.retry_seconds = retry_seconds
        super().__init__(words)


class NotPossible(CentralError):
    """What was asked contradicts how things are: a request that is decided already, a name taken."""


def database_words(problem: Exception) -> str:
    """Return what a database says is wrong, in one line: the rest is SQL, hints and addresses of manuals."""
    said = str(getattr(problem, "orig", None) or problem).strip()
    return said.splitlines()[0] if said else type(problem).__name__
