"""Where the key of the query log comes from: one small interface.

- `NoKey`: the log is an ordinary database; for a developer's machine.
- `FileKey`: a file, for a room alone. It protects a log that was copied or a disk that was thrown away without the
  key file; it does not protect a card that was taken with the key on it.
- `AgentKey`: central holds the key, the agent fetches it over the connection that it has, and it lives in memory
  only. Until it is there, records wait in memory.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from appliance.errors import HallpassError
from appliance.files import read_regular_file
from appliance.room.agent import rpc
from appliance.room.paths import RoomPaths
from appliance.settings.room import LogSection

_KEY = re.compile(r"[0-9a-f]{64}")


class LogKeyUnavailable(HallpassError):
    """The key cannot be had at the moment; the message says why."""


class LogKeySource(Protocol):
    """Gives the key of the query log."""

    def load_key(self) -> bytes | None:
        """Return the key's 32 bytes, or None: the log is not encrypted. Raises LogKeyUnavailable."""


class NoKey:
    """The log is not encrypted."""

    def load_key(self) -> bytes | None:
        """Return None."""
        return None


class FileKey:
    """The key stands in a file, as 64 hexadecimal digits."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load_key(self) -> bytes | None:
        """Read the file. Raises LogKeyUnavailable."""
        try:
            text = read_regular_file(self._path).decode("ascii").strip().lower()
        except (OSError, UnicodeDecodeError) as problem:
            raise LogKeyUnavailable(f"{self._path}: cannot be read ({problem})") from None
        return _parse_key(text, str(self._path))


class AgentKey:
    """The key is asked of central, through the agent. `fetch` returns it as 64 hexadecimal digits."""

    def __init__(self, fetch: Callable[[], str]) -> None:
        self._fetch = fetch

    def load_key(self) -> bytes | None:
        """Ask. Raises LogKeyUnavailable."""
        try:
            text = self._fetch()
        except HallpassError as problem:
            raise LogKeyUnavailable(str(problem)) from None
        return _parse_key(text, "central")


def make_log_key_source(settings: LogSection, paths: RoomPaths) -> LogKeySource:
    """Return where a room's settings say that the key comes from."""
    if settings.key_file is not None:
        return FileKey(settings.key_file)
    if settings.key_from_central:
        return AgentKey(lambda: rpc.send_rpc_request(paths.agent_socket, rpc.LogKeyRequest()).log_key)
    return NoKey()


def _parse_key(text: str, whence: str) -> bytes:
    if not _KEY.fullmatch(text):
        raise LogKeyUnavailable(f"{whence}: the key of the query log must be 64 hexadecimal digits")
    return bytes.fromhex(text)
