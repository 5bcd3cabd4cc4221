"""A pause that the room's own button began: nothing but the appliance, for as long as the policy lets it.

The recorder, which hears the button, writes the file; the room's policy takes it in. It works without central, and
a restart of the room does not end it.
"""

import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from appliance.room import guarded_file
from dns.errors import DECODING_FAILED
from dns.policy.document import Pause

_decoder = msgspec.json.Decoder(Pause | None)
_NO_PAUSE = b"null"


def read_button_pause(path: Path, now: float) -> tuple[Pause, ...]:
    """Return the pause that holds now, if there is one; none, where neither the file nor its copy can be read."""
    found = guarded_file.read_guarded_file(path, is_pause)
    pause = _decoder.decode(found.content) if found.content is not None else None
    return (pause,) if pause is not None and pause.until.timestamp() > now else ()


def is_pause(content: bytes) -> bool:
    """Tell whether bytes are such a file's content."""
    try:
        _decoder.decode(content)
    except DECODING_FAILED:
        return False
    return True


def start_button_pause(path: Path, minutes: int, now: float) -> Pause:
    """Pause the room for so many minutes from now. Raises OSError where the disk is full."""
    since = datetime.fromtimestamp(now, UTC)
    pause = Pause(id=secrets.token_hex(16), since=since, until=since + timedelta(minutes=minutes), by="the button")
    guarded_file.write_guarded_file(path, msgspec.json.encode(pause))
    return pause


def end_button_pause(path: Path) -> None:
    """End the pause. Raises OSError where the disk is full."""
    guarded_file.write_guarded_file(path, _NO_PAUSE)
