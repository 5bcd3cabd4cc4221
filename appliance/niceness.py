"""How far everything but DNS steps aside where a processor is short.

On a card each unit says how nice it is (`Nice=`), and its sandbox lets a process change nothing of that.
"""

import contextlib
import ctypes
import os
import platform
import struct

NICENESS = 5  # of the log's writer and the pages: they wait for DNS, never the other way round
SLICE_NANOSECONDS = 100_000  # the shortest that the kernel takes
_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274}  # the number of sched_setattr(2)
# struct sched_attr: size, policy, flags, nice, priority, runtime, deadline, period
_ATTRIBUTES = struct.Struct("=IIQiIQQQ")


def step_aside_for_dns() -> None:
    """Let this process, and what it starts, have a processor after the resolver."""
    with contextlib.suppress(OSError):
        os.nice(NICENESS)


def shorten_time_slice(thread: int = 0) -> bool:
    """Let whoever waits for the processor of a thread have it after a tenth of a millisecond; False: it cannot be.

    0: this thread, and those that it begins.

    Niceness alone does not do that: who is at work keeps the processor until its slice is over, 3 ms as the kernel
    has it, however much nicer it is. An ordinary process may ask for less (sched_setattr(2), Linux 6.12 and later;
    an older kernel takes no notice). Pages that were rendered made DNS wait that long where they shared a
    processor: `python -m tests.bench.open_tabs`.
    """
    number = _SCHED_SETATTR.get(platform.machine())
    if number is None:
        return False
    # Not by nice(2), which sets it too: a card's sandbox forbids that, and the pages would not start there.
    niceness = os.getpriority(os.PRIO_PROCESS, thread)
    wanted = _ATTRIBUTES.pack(_ATTRIBUTES.size, os.SCHED_OTHER, 0, niceness, 0, SLICE_NANOSECONDS, 0, 0)
    return bool(ctypes.CDLL(None).syscall(number, thread, wanted, 0) == 0)
