"""How old the lists in use are: since central last named them, or since they were fetched.

Central compiles often, but makes a new index only where a source has changed. A room that is told of the index
that it has is therefore up to date, however old the file. Where nobody tells (central is away, or there is none)
the age grows from the last time that somebody did, or that the file came; where that came from a mirror or a
stick, from when central signed it. The list that Hallpass brings has none.

Times are Unix seconds. What was noted in the future (the clock went back) counts as just now.
"""

from pathlib import Path

import msgspec

from appliance.files import read_regular_file, write_file_atomically
from appliance.room.agent.installer import installed_index_version
from appliance.room.paths import RoomPaths
from appliance.settings.room import RoomSettings
from blocklists.container import INDEX_NAME, OVERLAY_NAME
from dns.errors import DECODING_FAILED

STALE_SECONDS = 8 * 86_400.0  # central is silent or names other lists for a week and a day: somebody should look
NOTE_SECONDS = 3600.0  # so often a confirmation is noted: a card wears out by writing


class ConfirmedIndex(msgspec.Struct, frozen=True):
    """What central said last of the index in use."""

    version: str
    time: float
    by_signature: bool = False  # it said so in what it signed, which came by another way, whenever that was


def note_confirmed_index(paths: RoomPaths, version: str, now: float) -> None:
    """Note that central names an index now, unless that was noted within `NOTE_SECONDS`. Raises OSError."""
    known = _read_confirmed(paths)
    is_known = known is not None and known.version == version and not known.by_signature
    if known is not None and is_known and abs(now - known.time) < NOTE_SECONDS:
        return
    write_file_atomically(paths.confirmed_index, msgspec.json.encode(ConfirmedIndex(version, now)))


def note_signed_index(paths: RoomPaths, version: str, signed_at: float) -> None:
    """Note that central named an index when it signed it, unless it did so later. Raises OSError.

    What comes from a mirror or a stick is as old as that, not as the moment in which it came.
    """
    known = _read_confirmed(paths)
    if known is None or known.version != version or known.time < signed_at:
        confirmed = ConfirmedIndex(version, signed_at, by_signature=True)
        write_file_atomically(paths.confirmed_index, msgspec.json.encode(confirmed))


def read_index_age(settings: RoomSettings, paths: RoomPaths, now: float) -> float | None:
    """Return how many seconds old the lists in use are, or None where there are none that could grow old."""
    index = settings.lists.index if settings.central is None else paths.index
    if index is None:
        return None
    # What an overlay rests on was fetched long before it, and is still good.
    times = [_modification_time(index / name) for name in (INDEX_NAME, OVERLAY_NAME)]
    fetched_at = max((time for time in times if time is not None), default=None)
    if fetched_at is None:
        return None
    known = _read_confirmed(paths) if settings.central is not None else None
    if known is not None and known.version == installed_index_version(paths):
        fetched_at = known.time if known.by_signature else max(fetched_at, known.time)
    return max(0.0, now - fetched_at)


def _read_confirmed(paths: RoomPaths) -> ConfirmedIndex | None:
    try:
        return msgspec.json.decode(read_regular_file(paths.confirmed_index), type=ConfirmedIndex)
    except (OSError, *DECODING_FAILED):
        return None


def _modification_time(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except OSError:  # also a link in a circle
        return None
