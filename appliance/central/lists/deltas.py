"""Overlays between published indexes: what a room downloads that has an older one already.

An overlay is made when the first room asks for it, in a process of its own, and then serves every room with the
same base. Where it would be too large against its base, or the base is no longer kept, the room gets the whole
index: `file` then returns None.
"""

import multiprocessing
import threading
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from blocklists import delta
from blocklists.container import INDEX_NAME
from blocklists.errors import ListError


class Overlays:
    """The overlays of one central service, beside the indexes that they lead to."""

    def __init__(self, indexes: Path) -> None:
        self._indexes = indexes
        self._making = threading.Lock()

    def file(self, version: str, base: str) -> Path | None:
        """Return the file that turns the index `base` into `version`; None where the whole is the better way."""
        if not (version.isalnum() and base.isalnum()) or version == base:
            return None
        old, new = self._indexes / base, self._indexes / version
        overlay, too_large = new / f"from-{base}.hpx", new / f"from-{base}.too-large"
        with self._making:
            if overlay.is_file():
                return overlay
            if too_large.exists() or not (old / INDEX_NAME).is_file() or not (new / INDEX_NAME).is_file():
                return None
            if _made(old, new, overlay):
                return overlay
            too_large.touch()
            return None


def _made(old: Path, new: Path, overlay: Path) -> bool:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        try:
            return pool.submit(_make, old, new, overlay).result()
        except (ListError, OSError, BrokenProcessPool):
            return False  # the whole index is there


def _make(old: Path, new: Path, overlay: Path) -> bool:
    temporary = overlay.with_suffix(".new")
    report = delta.make_overlay(old, new, temporary)
    if report.is_worthwhile and report.size < (new / INDEX_NAME).stat().st_size:
        temporary.replace(overlay)
        return True
    temporary.unlink()
    return False
