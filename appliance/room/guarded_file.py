"""A small file that decides something, with a copy beside it: what the room itself has closed stays closed.

The copy (`own.json.copy`) is written first. Its first line bears the SHA-256 of the content that follows, and that
of the content before, so that a power cut between the two is not taken for damage. Who reads takes, in this order:

1. the file, if it says what the copy says; or if there is no copy (an older Hallpass, or somebody's hand);
2. the copy;
3. what this process read last: both may vanish together. So a file is never deleted to say "nothing".

Whoever writes a file repairs it (`repair_file`): the damaged one is set aside under its date, for the room to say.
"""

import hashlib
import logging
from collections.abc import Callable
from pathlib import Path

import msgspec

from appliance.files import read_regular_file, write_file_atomically
from appliance.room import database_file
from appliance.spare_file import keep_spare, replace_with_spare

IsUsable = Callable[[bytes], bool]

log = logging.getLogger("hallpass.room")

_last_read: dict[Path, bytes] = {}  # by this process


class GuardedContent(msgspec.Struct, frozen=True):
    """What a file says, and what is wrong with it."""

    content: bytes | None  # None: nothing, or nothing that can be read
    problem: str = ""  # "": it is as it was written
    needs_repair: bool = False
    is_certain: bool = False  # it is what was written last, or nobody can know better


def copy_path(path: Path) -> Path:
    """Return where a file's copy stands."""
    return path.with_name(f"{path.name}.copy")


def read_guarded_file(path: Path, is_usable: IsUsable) -> GuardedContent:
    """Return what a file says, whatever became of it; `is_usable` tells whether bytes are such a content."""
    found = _read(path, is_usable)
    cached = _last_read.get(path)
    if found.is_certain:
        assert found.content is not None  # noqa: S101 (for the type checker)
        _last_read[path] = found.content
    elif cached is not None and found.content != cached:
        return GuardedContent(cached, found.problem or f"{path}: was damaged or taken away", needs_repair=True)
    return found


def write_guarded_file(path: Path, content: bytes, *, mode: int = 0o640, is_secret: bool = False) -> None:
    """Replace a file and its copy. Raises OSError; then the file says what it said before, or what it should.

    On a full disk they are replaced too, unless the file `is_secret`: nothing of it is to lie elsewhere.
    """
    try:
        before = _digest(read_regular_file(path))
    except OSError:
        before = b""
    head = b" ".join((_digest(content), before))
    replace = write_file_atomically if is_secret else replace_with_spare
    replace(copy_path(path), head + b"\n" + content, mode=mode)
    replace(path, content, mode=mode)
    _last_read[path] = content


def repair_file(
    path: Path, is_usable: IsUsable, now: float, *, mode: int = 0o640, is_secret: bool = False
) -> None:
    """Bring a file and its copy to what they should say. Called by its only writer, often. Raises OSError."""
    if not is_secret:
        for one in (path, copy_path(path)):
            keep_spare(one, mode=mode)
    found = read_guarded_file(path, is_usable)
    if found.content is None or not found.needs_repair:
        return
    if found.problem:
        log.error("%s; repaired", found.problem)
        database_file.set_aside(path, found.problem, now)
    write_guarded_file(path, found.content, mode=mode, is_secret=is_secret)


def _read(path: Path, is_usable: IsUsable) -> GuardedContent:
    content, problem = None, ""
    try:
        content = read_regular_file(path)
    except FileNotFoundError:
        pass
    except OSError as failure:
        problem = f"{path}: cannot be read: {failure.strerror}"
    copy = _read_copy(path)
    if content is not None and _digest(content) == copy.digest:
        return GuardedContent(content, needs_repair=copy.content is None, is_certain=True)
    if copy.content is not None:
        is_power_cut = content is not None and _digest(content) == copy.digest_before
        said = "" if is_power_cut else problem or f"{path}: was damaged; its copy is used"
        return GuardedContent(copy.content, said, needs_repair=True, is_certain=True)
    if content is not None and is_usable(content):
        return GuardedContent(content, needs_repair=True, is_certain=not copy.digest)
    if content is not None:
        problem = f"{path}: cannot be read"
    return GuardedContent(None, problem)


class _Copy(msgspec.Struct, frozen=True):
    """What a copy says; its content only where the digest vouches for it."""

    content: bytes | None = None
    digest: bytes = b""
    digest_before: bytes = b""


def _read_copy(path: Path) -> _Copy:
    try:
        head, content = read_regular_file(copy_path(path)).split(b"\n", 1)
    except (OSError, ValueError):
        return _Copy()
    digest, _, before = head.partition(b" ")
    return _Copy(content if _digest(content) == digest else None, digest, before)


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()
