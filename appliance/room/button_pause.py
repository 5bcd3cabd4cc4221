"""A pause that the room's own button began: nothing but the appliance, for as long as the policy lets it.

The recorder, which hears the button, writes the file; the room's policy takes it in. It works without central, and
a restart of the room does not end it.
"""

import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from appliance.files import remove_folder_in_the_way, write_file_atomically
from dns.errors import DECODING_FAILED
from dns.policy.document import Pause

_decoder = msgspec.json.Decoder(Pause)


def read_button_pause(path: Path, now: float) -> tuple[Pause, ...]:
    """Return the pause that holds now, if there is one. A file that cannot be read pauses nothing."""
    try:
        pause = _decoder.decode(path.read_bytes())
    except (OSError, *DECODING_FAILED):
        return ()
    return (pause,) if pause.until.timestamp() > now else ()


def start_button_pause(path: Path, minutes: int, now: float) -> Pause:
    """Pause the room for so many minutes from now. Raises OSError where the disk is full."""
    since = datetime.fromtimestamp(now, UTC)
    pause = Pause(id=secrets.token_hex(16), since=since, until=since + timedelta(minutes=minutes), by="the button")
    write_file_atomically(path, msgspec.json.encode(pause))
    return pause


def end_button_pause(path: Path) -> None:
    """End the pause."""
    remove_folder_in_the_way(path)
    path.unlink(missing_ok=True)
