"""Deltas between published indexes: what a room downloads that has an older one already.

A delta is made when the first room asks for it, in a process of its own, and signed; then it serves every room
with the same base. Where it would be too large against its base, or the base is no longer kept, the room gets
the whole index: `find_delta` then returns None.
"""

import logging
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

from appliance.central.errors import Busy, CentralError
from appliance.central.lists.downloads import retry_seconds
from blocklists import delta
from blocklists.container import DELTA_PREFIX, INDEX_NAME, delta_name

log = logging.getLogger("hallpass.central")


class IndexDeltas:
    """The deltas of one central service, beside the indexes that they lead to."""

    def __init__(self, indexes: Path, sign: Callable[[Path], None]) -> None:
        """`sign`: called with the folder of an index to which a delta was added. Raises CentralError, OSError."""
        self._indexes = indexes
        self._sign = sign
        self._lock = threading.Lock()

    def find_delta(self, version: str, base: str) -> Path | None:
        """Return the file that turns the index `base` into `version`; None where the whole is the better way.

        Raises Busy while it is being made: whoever waited for that would hold a thread of the server.
        """
        if not (version.isalnum() and base.isalnum()) or version == base:
            return None
        old, new = self._indexes / base, self._indexes / version
        path, too_large = new / delta_name(base), new / f"{DELTA_PREFIX}{base}.too-large"
        if path.is_file():
            return path
        if too_large.exists() or not (old / INDEX_NAME).is_file() or not (new / INDEX_NAME).is_file():
            return None
        if not self._lock.acquire(blocking=False):
            raise Busy(
                "what has changed in the lists is being worked out; come again in a moment", retry_seconds()
            )
        try:
            if path.is_file():
                return path
            if _build_in_child(old, new, path):
                return path if self._is_signed(new, path) else None
            too_large.touch()
        finally:
            self._lock.release()
        return None

    def _is_signed(self, new: Path, path: Path) -> bool:
        """Sign a delta; where that cannot be done, there is none: no room would take it."""
        try:
            self._sign(new)
        except (CentralError, OSError) as problem:
            log.warning("%s is not offered: %s", path, problem)
            path.unlink(missing_ok=True)
            return False
        return True


def _build_in_child(old: Path, new: Path, path: Path) -> bool:
    command = (sys.executable, "-m", "appliance.central.lists.delta_process", str(old), str(new), str(path))
    done = subprocess.run(command, stdin=subprocess.DEVNULL, check=False)
    return done.returncode == 0  # else the whole index is there


def build_delta(old: Path, new: Path, path: Path) -> bool:
    """Make a delta in this process, and tell whether it is worth its download. Raises ListError or OSError."""
    temporary = path.with_name(f"{path.stem}.{uuid4().hex}.new")  # another central may be at it too
    report = delta.make_overlay(old, new, temporary)
    if report.is_worthwhile and report.size < (new / INDEX_NAME).stat().st_size:
        temporary.replace(path)
        return True
    temporary.unlink()
    return False
