"""The index from before the last update that changed anything: by it a search tells what that update brought.

It stands in the folder `previous` of the index, and costs no more than a link until the new index takes its place.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from blocklists.container import INDEX_NAME
from blocklists.errors import IndexDamaged
from blocklists.index import Index, open_index

PREVIOUS = "previous"
_PENDING = ".pending.hpx"


@contextlib.contextmanager
def keep_previous_index(directory: Path) -> Iterator[None]:
    """Keep what a build within this replaces, if it is another one. A disk that cannot link keeps nothing."""
    current, folder = directory / INDEX_NAME, directory / PREVIOUS
    pending = folder / _PENDING
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        pending.unlink(missing_ok=True)
        os.link(current, pending)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            if pending.exists() and _version(pending) != _version(current):
                pending.replace(folder / INDEX_NAME)
            pending.unlink(missing_ok=True)
            folder.rmdir()  # where nothing is in it


def open_previous_index(directory: Path) -> tuple[Index, float] | None:
    """Return the index from before, and when it was built (Unix seconds); None where there is none."""
    path = directory / PREVIOUS / INDEX_NAME
    try:
        return open_index(path.parent), path.stat().st_mtime
    except (IndexDamaged, OSError):
        return None


def _version(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(-40, os.SEEK_END)
        return file.read(32)
