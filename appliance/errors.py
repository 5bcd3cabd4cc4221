"""The errors that a person is shown: one clear line each, never a traceback."""


class HallpassError(Exception):
    """A failure with a message that a person can act on. The command line exits 1 with it."""
