"""Whether this machine knows the time.

A Pi has no battery behind its clock: after a power cut it starts from the time it was switched off, hours or
holidays ago, until a time server has been asked. systemd-timesyncd, which a card runs, says so by a file. A
machine with a clock of its own (a module on the pins) is believed as far as that agrees: one whose battery is
empty begins in 1970 or 2000. So is a machine with another time service.
"""

import time
from collections.abc import Callable
from pathlib import Path

EARLIEST_TIME = 1_704_067_200.0  # 1 January 2024: no clock that is right shows less
TIMESYNC = Path("/run/systemd/timesync")
HARDWARE_CLOCK = Path("/sys/class/rtc/rtc0")
MAX_DIFFERENCE_SECONDS = 3600.0


def is_clock_trusted(
    now: Callable[[], float] = time.time, timesync: Path = TIMESYNC, hardware_clock: Path = HARDWARE_CLOCK
) -> bool:
    """Tell whether the machine's clock can be relied on."""
    if now() < EARLIEST_TIME:
        return False
    if (timesync / "synchronized").exists() or _agrees_with_hardware_clock(hardware_clock, now()):
        return True
    return not timesync.exists()


def _agrees_with_hardware_clock(hardware_clock: Path, now: float) -> bool:
    try:
        shown = int((hardware_clock / "since_epoch").read_text())
    except (OSError, ValueError):
        return False
    return shown >= EARLIEST_TIME and abs(shown - now) <= MAX_DIFFERENCE_SECONDS
