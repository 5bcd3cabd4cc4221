"""How far everything but DNS steps aside where a processor is short.

On a card each unit says so (`Nice=`), and its sandbox lets a process change nothing.
"""

import contextlib
import os

NICENESS = 5  # of the log's writer and the pages: they wait for DNS, never the other way round


def step_aside_for_dns() -> None:
    """Let this process, and what it starts, have a processor after the resolver."""
    with contextlib.suppress(OSError):
        os.nice(NICENESS)
