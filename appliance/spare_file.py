"""Blocks kept for a file that carries decisions, so that it can be replaced on a full disk too.

Beside such a file lies a spare one (`policy.json.spare`): empty, with blocks of its own beyond its end. Where
there is no room for another file (no block, no inode, a quota used up), what is new goes into the spare and to the
disk, and the two exchange their names, for which no room is needed. The file of before is the spare then, with its
blocks, so that nobody else takes them meanwhile and the next decision has them too. Once there is room again the
spare is made anew (`keep_spare`), and no older decision lies there.

At each moment the file is whole: the one before or the new one. A spare that is missing, too small or damaged is
none, and then the file stays as it was. None is kept where a file system knows no blocks beyond an end (NFS), and
one that copies what is written to (Btrfs) may want room all the same: cards have ext4.
"""

import contextlib
import ctypes
import errno
import logging
import os
import stat
from pathlib import Path

from appliance.files import (
    remove_folder_in_the_way,
    remove_whatever,
    swap_names,
    sync_folder,
    write_file_atomically,
)

MARGIN_BYTES = 16 * 1024  # by which a small file may grow on a full disk; a larger one by its own size
_BLOCK_BYTES = 512  # st_blocks counts in these, whatever the file system's own are
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_KEEP_SIZE = 1  # fallocate(2)'s FALLOC_FL_KEEP_SIZE
_libc = ctypes.CDLL(None, use_errno=True)
_allocate = _libc.fallocate64
_allocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)

log = logging.getLogger("hallpass.room")


def spare_path(path: Path) -> Path:
    """Return where the blocks for a file are kept."""
    return path.with_name(f"{path.name}.spare")


def _second_spare(path: Path) -> Path:
    """Return where more blocks are kept as long as there is no file: its first one leaves none behind."""
    return path.with_name(f"{path.name}.spare-2")


def replace_with_spare(path: Path, content: bytes, *, mode: int = 0o666) -> None:
    """Replace a file, on a full disk too. Raises OSError, and then the one before is still there.

    `mode` is lessened by the umask. One writer.
    """
    try:
        write_file_atomically(path, content, mode=mode, reserve=reserve_blocks)
    except OSError as problem:
        if problem.errno not in _NO_ROOM or not _replace_by_spare(path, content, mode):
            raise
        log.warning("%s: the disk is full; written into the blocks kept for it", path)
    keep_spare(path, mode=mode)


def keep_spare(path: Path, *, mode: int = 0o666, size: int | None = None) -> bool:
    """See to it that a file has its spare; return whether it has one that is large enough. Never raises.

    `size`: what it is kept for, in octets, where that is not the file's own.
    """
    try:
        has_file = path.is_file()
        if size is None:
            size = path.stat().st_size if has_file else 0
        has_spare = _keep_blocks(spare_path(path), size, mode)
        if has_file:
            _second_spare(path).unlink(missing_ok=True)
        else:
            has_spare = _keep_blocks(_second_spare(path), size, mode) and has_spare
    except OSError:
        return False
    return has_spare


def _keep_blocks(spare: Path, size: int, mode: int) -> bool:
    found = _spare_bytes(spare)
    if found is not None and found >= size + MARGIN_BYTES and not spare.stat().st_size:
        return True
    unfinished = spare.with_name(f"{spare.name}.new")
    remove_whatever(unfinished)
    handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        if not reserve_blocks(handle, size):
            return False  # one that is there already may be large enough
        remove_folder_in_the_way(spare)
        unfinished.replace(spare)
    finally:
        os.close(handle)
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
    return True


def reserve_blocks(handle: int, size: int) -> bool:
    """Give an open file blocks for what a content of so many bytes may become; return whether it has them."""
    return not _allocate(handle, _KEEP_SIZE, 0, 2 * size + MARGIN_BYTES)


def release_spare(path: Path) -> bool:
    """Give a file's spare up, for whoever needs its blocks at once; return whether there was one. Never raises."""
    spare = spare_path(path)
    try:
        is_one = bool(_spare_bytes(spare))
        remove_whatever(spare)
    except OSError:
        return False
    return is_one


def _spare_bytes(spare: Path) -> int | None:
    """Return for how many bytes a spare has blocks; None: what stands there is none. Raises OSError."""
    try:
        found = spare.lstat()
    except FileNotFoundError:
        return None
    # A second name of it, or another's hand on it, would reach the file that it becomes.
    is_ours = stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid() and found.st_nlink == 1
    return found.st_blocks * _BLOCK_BYTES if is_ours else None


def _replace_by_spare(path: Path, content: bytes, mode: int) -> bool:
    """Write into the spare and let it be the file; return whether that could be done."""
    spare = spare_path(path)
    try:
        if _spare_bytes(spare) is None:
            return False
        sync_folder(path.parent)  # else a power cut could bring back the name by which these blocks were the file
        spare.chmod(mode & ~_read_umask())
        handle = os.open(spare, os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(handle, "wb", buffering=0) as file:
            left = memoryview(content)
            while left:
                left = left[file.write(left) :]
            found = os.fstat(handle)
            if found.st_size > len(content):
                file.truncate()  # which gives back all blocks beyond its end
                _allocate(handle, _KEEP_SIZE, 0, found.st_blocks * _BLOCK_BYTES)
            os.fsync(handle)
        remove_folder_in_the_way(path)
        if not (path.is_file() and not path.is_symlink() and swap_names(spare, path)):
            spare.replace(path)
            with contextlib.suppress(FileNotFoundError):
                _second_spare(path).replace(spare)
        sync_folder(path.parent)
    except OSError as problem:
        log.warning("%s: cannot be written into the blocks kept for it: %s", path, problem.strerror)
        return False
    return True


def _read_umask() -> int:
    """Return this process's umask; umask(2) tells it only to who changes it, for all threads."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("Umask:")[2].split(maxsplit=1)[0], 8)
