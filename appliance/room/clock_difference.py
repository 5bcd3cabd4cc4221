"""Central's times in the room's: what was granted for an hour is open for an hour by the room's clock.

Central stamps what it grants with its own clock. The agent measures how far that is ahead of the room's
(`appliance.room.agent.central_clock`) and writes it down here (`RoomPaths.clock_difference`); whoever makes a
policy of central's document takes it off all its times. The document itself stays byte for byte as it was sent.
Hours of a timetable are what the school's clock shows: they are the room's already.
"""

import math
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

import msgspec

from appliance.errors import HallpassError
from appliance.files import read_regular_file, write_file_atomically
from dns.errors import DECODING_FAILED
from dns.policy.document import Lesson, Pause, PolicyDocument, Suspension, Unblock

MIN_CHANGE_SECONDS = 0.25  # a smaller change is not worth a new policy
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

Timed = TypeVar("Timed", Lesson, Pause, Suspension, Unblock)


class ClockDifference(msgspec.Struct, frozen=True):
    """What was measured last, and in which run of the machine: with the next one the clock may be another."""

    central_ahead_seconds: float
    boot: str = ""


_decoder = msgspec.json.Decoder(ClockDifference)


def read_difference(path: Path, boot: str | None = None) -> float:
    """Return by how many seconds central's clock is ahead of the room's; 0 where nothing is known.

    Of an earlier run of the machine only what ends an opening earlier is believed.
    """
    try:
        found = _decoder.decode(read_regular_file(path))
    except (OSError, *DECODING_FAILED):
        return 0.0
    ahead = found.central_ahead_seconds
    if not math.isfinite(ahead):
        return 0.0
    return ahead if found.boot == (current_boot() if boot is None else boot) else max(0.0, ahead)


def write_difference(path: Path, central_ahead_seconds: float) -> None:
    """Note the difference where it is another than what holds. Raises OSError."""
    if abs(read_difference(path) - central_ahead_seconds) >= MIN_CHANGE_SECONDS:
        found = ClockDifference(central_ahead_seconds, current_boot())
        write_file_atomically(path, msgspec.json.encode(found))


def current_boot() -> str:
    """Return what is another with each start of the machine."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""


def in_room_time(document: PolicyDocument, central_ahead_seconds: float) -> PolicyDocument:
    """Return central's document with every time as the room's clock shows it.

    Raises HallpassError where a time has no place in the calendar then.
    """
    try:
        ahead = timedelta(seconds=central_ahead_seconds)
        return msgspec.structs.replace(
            document,
            issued=_moved(document.issued, ahead),
            unblocks=tuple(_in_room_time(one, ahead) for one in document.unblocks),
            lessons=tuple(_in_room_time(one, ahead) for one in document.lessons),
            pauses=tuple(_in_room_time(one, ahead) for one in document.pauses),
            suspensions=tuple(_in_room_time(one, ahead) for one in document.suspensions),
        )
    except OverflowError:
        raise HallpassError("the policy cannot be used: it holds a time at the end of the calendar") from None


def _in_room_time(one: Timed, ahead: timedelta) -> Timed:
    return msgspec.structs.replace(one, since=_moved(one.since, ahead), until=one.until - ahead)


def _moved(moment: datetime | None, ahead: timedelta) -> datetime | None:
    return None if moment is None else moment - ahead
