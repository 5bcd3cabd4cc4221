"""A database's file on a disk that may be damaged: made usable before it is opened, set aside where it cannot be.

What is no database any more is renamed to `NAME.set-aside-DATE.db`, with what belongs to it, and a new one is
begun; the last `MAX_SET_ASIDE` of each stay for whoever wants to look. For a day the room says so
(`recently_set_aside`).

What only has the wrong owner or the wrong permissions loses nothing: it is given its permissions back, or copied.
So is a file that was taken away while its database is open: its content is still there (`copy_open_file`).
"""

import logging
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from appliance.files import remove_whatever, sync_folder

MAX_SET_ASIDE = 3
SHOWN_SECONDS = 86_400.0
MODE = 0o600
SIDE_FILES = ("-wal", "-shm")
_PIECE_BYTES = 1024 * 1024

_DATE = "%Y-%m-%dT%H%M%SZ"
_NAME = re.compile(r"(?P<stem>.+)\.set-aside-(?P<date>\d{4}-\d\d-\d\dT\d{6}Z)(-\d+)?(?P<suffix>\.[a-z]+)")

log = logging.getLogger("hallpass.room")


def quick_check(connection: Any) -> str:
    """Let an open database look at its own pages: "ok", or what is wrong. Raises the connection's own errors."""
    try:
        said = connection.execute("PRAGMA quick_check(1)").fetchone()
    except UnicodeDecodeError:  # SQLite's account of the damage repeats what stands there
        return "its tables have names that are no text"
    return str(said[0]) if said else "nothing was said of its pages"


def prepare_database_file(path: Path, now: float, mode: int = MODE) -> None:
    """Bring what stands at a database's path to a file that can be written, or to nothing. Raises OSError.

    Nothing has the database open: neither this process nor another one.
    """
    if _is_missing_or_empty(path) and any(os.path.lexists(f"{path}{ending}") for ending in SIDE_FILES):
        _set_side_files_aside(path, now)  # of the one that is gone: they must not be taken for the new one's
    for one in (path, *(Path(f"{path}{ending}") for ending in SIDE_FILES)):
        if (problem := _make_writable(one, mode)) is not None:
            if one == path:
                set_aside(path, problem, now)
            else:
                _set_side_files_aside(path, now)


def set_aside(path: Path, problem: object, now: float) -> Path | None:
    """Rename a database that cannot be used, with all that belongs to it. Raises OSError.

    Returns where it stands now; None: there was nothing.
    """
    aside = _free_name(path, now)
    moved = False
    for ending in ("", *SIDE_FILES):
        if os.path.lexists(f"{path}{ending}"):
            os.replace(f"{path}{ending}", f"{aside}{ending}")  # noqa: PTH105 (a name with an ending)
            moved = moved or not ending
    if not moved:
        return None
    log.error("%s cannot be used (%s): set aside as %s, and a new one begun", path, problem, aside.name)
    for old in sorted(_set_aside_of(path))[:-MAX_SET_ASIDE]:
        for ending in ("", *SIDE_FILES):
            remove_whatever(Path(f"{old}{ending}"))
    sync_folder(path.parent)
    return aside


def recently_set_aside(folders: tuple[Path, ...], now: float) -> tuple[str, ...]:
    """Return the names of what was set aside within the last day."""
    found = []
    for folder in folders:
        try:
            names = sorted(one.name for one in folder.iterdir())
        except OSError:
            continue
        dates = ((name, _NAME.fullmatch(name)) for name in names)
        found += [name for name, match in dates if match and abs(now - _seconds(match["date"])) <= SHOWN_SECONDS]
    return tuple(found)


def is_out_of_reach(path: Path, inode: int, mode: int = MODE) -> bool:
    """Tell whether nobody can open any more, by its path, the file that this process has open."""
    try:
        if path.stat().st_ino != inode:
            return True
        if not os.access(path, os.R_OK | os.W_OK):
            path.chmod(mode)  # somebody made it read-only; it is ours
        return not os.access(path, os.R_OK | os.W_OK)
    except OSError:
        return True


def copy_open_file(path: Path, inode: int, now: float, mode: int = MODE) -> bool:
    """Put a file that this process has open back at its path; return whether that could be done.

    Its database has nothing in its write-ahead log (a checkpoint was made) and is closed afterwards. What stands
    at the path by now is set aside.
    """
    descriptors = (int(one.name) for one in Path("/proc/self/fd").iterdir())
    for descriptor in descriptors:
        try:
            if os.fstat(descriptor).st_ino != inode:
                continue
            unfinished = path.with_name(f".{path.name}.new")
            remove_whatever(unfinished)
            _copy_content(descriptor, unfinished)
            unfinished.chmod(mode)
            if os.path.lexists(path):
                set_aside(path, "it cannot be opened any more", now)
            for ending in SIDE_FILES:
                remove_whatever(Path(f"{path}{ending}"))
            unfinished.replace(path)
            sync_folder(path.parent)
        except OSError:
            continue
        return True
    return False


def _copy_content(descriptor: int, target: Path) -> None:
    """Copy a file that may be opened no more. The descriptor's own position is left alone."""
    at = 0
    with target.open("wb") as file:
        while piece := os.pread(descriptor, _PIECE_BYTES, at):
            file.write(piece)
            at += len(piece)
        file.flush()
        os.fsync(file.fileno())


def _make_writable(path: Path, mode: int) -> str | None:
    """Give a file what it lacks; return why it cannot be used, or None: it can, or there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return "a link that leads nowhere" if path.is_symlink() else None
    except OSError as problem:
        return problem.strerror or str(problem)
    if not stat.S_ISREG(found.st_mode):
        return "no regular file"
    for attempt in _attempts(path, mode):
        try:
            attempt()
            os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC))
        except OSError as problem:
            said = problem.strerror or str(problem)
        else:
            return None
    return said


def _attempts(path: Path, mode: int) -> Iterator[Callable[[], object]]:
    yield lambda: None
    yield lambda: path.chmod(mode)  # it is ours, and somebody has made it read-only
    yield lambda: _copy_in_place(path, mode)  # it is another's, and may be read


def _copy_in_place(path: Path, mode: int) -> None:
    unfinished = path.with_name(f".{path.name}.new")
    remove_whatever(unfinished)
    shutil.copyfile(path, unfinished)
    unfinished.chmod(mode)
    unfinished.replace(path)


def _is_missing_or_empty(path: Path) -> bool:
    try:
        found = path.stat()
    except OSError:
        return True
    return stat.S_ISREG(found.st_mode) and found.st_size == 0


def _set_side_files_aside(path: Path, now: float) -> None:
    aside = _free_name(path, now)
    for ending in SIDE_FILES:
        if os.path.lexists(f"{path}{ending}"):
            os.replace(f"{path}{ending}", f"{aside}{ending}")  # noqa: PTH105 (a name with an ending)


def _free_name(path: Path, now: float) -> Path:
    date = datetime.fromtimestamp(now, UTC).strftime(_DATE)
    aside = path.with_name(f"{path.stem}.set-aside-{date}{path.suffix}")
    number = 1
    while any(os.path.lexists(f"{aside}{ending}") for ending in ("", *SIDE_FILES)):
        number += 1
        aside = path.with_name(f"{path.stem}.set-aside-{date}-{number}{path.suffix}")
    return aside


def _set_aside_of(path: Path) -> Iterator[Path]:
    for one in path.parent.iterdir():
        match = _NAME.fullmatch(one.name)
        if match is not None and (match["stem"], match["suffix"]) == (path.stem, path.suffix):
            yield one


def _seconds(date: str) -> float:
    try:
        return datetime.strptime(date, _DATE).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return 0.0
