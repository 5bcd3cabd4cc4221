"""Files that are whole or as they were, also after a power cut; and files that are read whatever stands there.

What must outlive a power cut is written beside its target, brought to the disk, renamed into place, and the
renaming brought to the disk too. What a process says of itself from moment to moment (health, the simulated lamp)
is none of that: waiting for the disk would only wear the card.

On a damaged disk anything may stand where a file belongs: a folder, a pipe that would keep its reader waiting for
ever, a link in a circle. Who reads gets an OSError for all of these, at once.
"""

import contextlib
import ctypes
import errno
import fcntl
import os
import shutil
import stat
import struct
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

# statx(2), which the standard library does not know: the whole buffer, and where the time of birth stands in it.
_AT_EMPTY_PATH, _STATX_BTIME = 0x1000, 0x800
_STATX_BYTES, _BTIME_OFFSET = 256, 80
# renameat2(2), likewise; the flag is RENAME_EXCHANGE.
_AT_FDCWD, _SWAP_FLAG = -100, 2
_CANNOT_SWAP = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)
_libc = ctypes.CDLL(None, use_errno=True)

_OTHERS, _GROUP_AND_OTHERS = 0o007, 0o077

INDEX_SUFFIX = ".hpx"
_ZEROS_AT_ONCE = 1024 * 1024
MAX_READ_BYTES = 64 * 1024 * 1024  # a damaged disk may claim any size


def read_regular_file(path: Path, max_bytes: int = MAX_READ_BYTES) -> bytes:
    """Return what a file holds. Raises OSError, also where it is none, or larger than it may be; never waits."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "is no regular file", str(path))
        content = file.read(min(found.st_size, max_bytes) + 1)  # no memory for the most that it may be
        if len(content) > found.st_size:  # it grows, or is one that says nothing of its size
            content += file.read(max(0, max_bytes + 1 - len(content)))
    if len(content) > max_bytes:
        raise OSError(errno.EFBIG, "is larger than it can be", str(path))
    return content


def write_file_atomically(
    path: Path,
    content: bytes,
    *,
    mode: int = 0o666,
    has_other_writers: bool = False,
    reserve: Callable[[int, int], object] | None = None,
) -> None:
    """Replace a file. Raises OSError, and then the one before is still there.

    `mode` is lessened by the umask. `has_other_writers`: several processes may do this at the same moment, and
    each needs a place of its own for the unfinished file, which is then for its owner alone. `reserve`: called
    with the open file and its size to be, before anything is written (`appliance.spare_file`).
    """
    if has_other_writers:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.", suffix=".new")
        unfinished = Path(name)
    else:
        unfinished = path.with_suffix(".new")
        remove_whatever(unfinished)  # of a writer that was cut off, or nothing that could be written to
        handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(handle, "wb") as file:
            if reserve is not None:
                reserve(handle, len(content))
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        remove_folder_in_the_way(path)
        unfinished.replace(path)
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
    sync_folder(path.parent)


def write_private_file(path: Path, content: bytes) -> None:
    """Write a file that somebody named, for its owner alone, also where it is there already. Raises OSError.

    What stands there and is no file (a pipe, a terminal) is written to as it is.
    """
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        if stat.S_ISREG(os.fstat(handle).st_mode):
            os.fchmod(handle, 0o600)  # before anything is in it
            os.ftruncate(handle, 0)
        file.write(content)


def keep_files_private(folder: Path) -> None:
    """Let nobody else read what this process makes from now on, nor what stands in a folder, whatever the umask.

    Files are their owner's alone. A folder that its group may write to stays its group's: on a card each process
    of a room has a user of its own. Compiled indexes keep their modes: they hold public lists, and who has one
    mapped takes a change of it for damage. Never raises: what cannot be closed is another's, who closes it.
    """
    with contextlib.suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    others = _OTHERS if _is_shared_with_group(folder) else _GROUP_AND_OTHERS
    os.umask(os.umask(_GROUP_AND_OTHERS) | others)
    for parent, _, names in os.walk(folder):
        kept = (name for name in names if not name.endswith(INDEX_SUFFIX))
        for path in (Path(parent), *(Path(parent) / name for name in kept)):
            with contextlib.suppress(OSError):
                mode = path.lstat().st_mode
                if mode & others and not stat.S_ISLNK(mode) and not stat.S_ISSOCK(mode):
                    path.chmod(stat.S_IMODE(mode) & ~others)


def _is_shared_with_group(folder: Path) -> bool:
    try:
        return bool(folder.stat().st_mode & stat.S_IWGRP)
    except OSError:
        return False


def overwrite_text(path: Path, content: bytes) -> None:
    """Write into a file where it lies, padded with spaces to the size that it had. Raises OSError.

    For a disk that is full: the file has its block already. Who reads meanwhile may find neither text.
    """
    handle = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.pwrite(handle, content.ljust(os.fstat(handle).st_size), 0)
    finally:
        os.close(handle)


def overwrite_with_zeros(file: BinaryIO) -> None:
    """Put zeros in the place of all that an open file holds, and wait for the disk. Raises OSError."""
    left = file.seek(0, os.SEEK_END)
    file.seek(0)
    while left > 0:
        left -= file.write(bytes(min(left, _ZEROS_AT_ONCE)))
    file.flush()
    os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Wait until what was made, renamed or removed in a folder is on the disk. Raises OSError."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove_folder_in_the_way(path: Path) -> None:
    """Remove a folder that stands where a file or a link belongs: nothing can be renamed onto it."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)


def remove_whatever(path: Path) -> None:
    """Remove whatever stands at a path, if anything does. Raises OSError."""
    remove_folder_in_the_way(path)
    path.unlink(missing_ok=True)


def replace_folder(folder: Path, new: Path) -> None:
    """Let one folder take the place of another, which is removed. Raises OSError, and then that one is there.

    In one step where the file system knows it (ext4, XFS, Btrfs, tmpfs, FAT). Elsewhere (exFAT) in two, and who is
    stopped between them finds nothing there: `put_back_folder` brings back what was.
    """
    before = _place_of_before(folder)
    if not folder.exists():
        new.replace(folder)
    elif swap_names(new, folder):
        before = new
    else:
        remove_whatever(before)
        folder.replace(before)
        new.replace(folder)
    sync_folder(folder.parent)
    with contextlib.suppress(OSError):  # it is in nobody's way
        remove_whatever(before)


def put_back_folder(folder: Path) -> None:
    """Bring back a folder that was to be replaced when something stopped. Raises OSError."""
    if not folder.exists() and (before := _place_of_before(folder)).is_dir():
        before.replace(folder)
        sync_folder(folder.parent)


def _place_of_before(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.before")


def swap_names(one: Path, other: Path) -> bool:
    """Exchange two names in one step; False: this file system cannot. Raises OSError."""
    if not _libc.renameat2(_AT_FDCWD, bytes(one), _AT_FDCWD, bytes(other), _SWAP_FLAG):
        return True
    number = ctypes.get_errno()
    if number in _CANNOT_SWAP:
        return False
    raise OSError(number, os.strerror(number), str(other))


@contextlib.contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """Let processes, and threads, that begin something in a folder do so one after the other. Raises OSError."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def birth_time(handle: int) -> int:
    """Return when an open file was made, in nanoseconds since 1970; 0 where its file system does not say."""
    found = ctypes.create_string_buffer(_STATX_BYTES)
    if _libc.statx(handle, b"", _AT_EMPTY_PATH, _STATX_BTIME, found):
        return 0
    (known,) = struct.unpack_from("I", found)
    seconds, nanoseconds = struct.unpack_from("qI", found, _BTIME_OFFSET)
    return seconds * 1_000_000_000 + nanoseconds if known & _STATX_BTIME else 0
