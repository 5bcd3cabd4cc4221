"""What central refuses to do, each with a sentence for the person who asked."""

from appliance.errors import HallpassError


class CentralError(HallpassError):
    """Central cannot do what was asked; the message says why."""


class NotFound(CentralError):
    """What was named does not exist."""


class NotPossible(CentralError):
    """What was asked contradicts how things are: a request that is decided already, a name taken."""
