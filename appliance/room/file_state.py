"""What a file looks like from outside, so that a change of it is noticed without reading it."""

import os
from pathlib import Path

# Inode, time of the last writing, time of the last change, size; None: there is no such file. The third cannot be
# set by anybody: who writes to a file and puts its times back is noticed as well.
FileState = tuple[int, int, int, int] | None


def read_file_state(path: Path) -> FileState:
    """Return what changes whenever somebody writes a file or puts another in its place."""
    try:
        found = path.stat()
    except (OSError, RuntimeError):  # RuntimeError: links in a circle
        return None
    return file_state_from_stat(found)


def file_state_from_stat(found: os.stat_result) -> FileState:
    """Return the same of what the system said about a file."""
    return found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size
