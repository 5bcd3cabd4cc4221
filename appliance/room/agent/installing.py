"""Puts what central sent into the room: whole, checked, by renaming. What is there stays until then.

The resolver's workers look at the policy file and at the index link; a rename is all they need to see.
"""

import os
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from appliance.errors import HallpassError
from appliance.room.paths import RoomPaths
from blocklists.errors import ListError
from blocklists.index import INDEX_NAME, verify
from dns.policy.document import PolicyDocument, json_decoder

KEPT_BEFORE = 1  # older indexes kept beside the one in use


class NotInstalled(HallpassError):
    """What central sent cannot be used; the room keeps what it has."""


def installed_policy(paths: RoomPaths) -> int:
    """Return the version of the policy in use, or 0."""
    try:
        return json_decoder.decode(paths.policy.read_bytes()).version
    except (OSError, msgspec.DecodeError):
        return 0


def installed_index(paths: RoomPaths) -> str:
    """Return the hash of the index in use, or ""."""
    try:
        return paths.index.readlink().name
    except OSError:
        return ""


def install_policy(paths: RoomPaths, content: bytes) -> PolicyDocument:
    """Put a policy in force. Raises NotInstalled or OSError."""
    try:
        document = json_decoder.decode(content)
    except msgspec.DecodeError as problem:
        raise NotInstalled(f"the policy that central sent is not understood: {problem}") from None
    temporary = paths.policy.with_suffix(".new")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(paths.policy)
    finally:
        temporary.unlink(missing_ok=True)
    _sync(paths.policy.parent)
    return document


async def install_index(paths: RoomPaths, version: str, fetch: Callable[[Path], Awaitable[None]]) -> None:
    """Fetch an index, check it against its hash, put it in force, forget older ones.

    `fetch` writes it into the file that it is given. Raises NotInstalled, OSError, or what `fetch` raises.
    """
    if not version.isalnum():
        raise NotInstalled(f"{version[:80]!r} is no hash")
    home = paths.indexes / version
    if not (home / INDEX_NAME).exists():
        paths.indexes.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=".fetching-", dir=paths.indexes))
        try:
            await fetch(work / INDEX_NAME)
            _check(work, version)
            work.replace(home)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    _point_at(paths, version)
    _forget_older(paths, version)


def _check(folder: Path, version: str) -> None:
    try:
        found = verify(folder)
    except (ListError, OSError) as problem:
        raise NotInstalled(f"the index that central sent is damaged: {problem}") from None
    if found != version:
        raise NotInstalled(f"central sent the index {found[:12]} where {version[:12]} was asked for")
    with (folder / INDEX_NAME).open("rb") as file:
        os.fsync(file.fileno())


def _point_at(paths: RoomPaths, version: str) -> None:
    temporary = paths.index.with_name(".index.new")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(paths.indexes / version)
    temporary.replace(paths.index)
    _sync(paths.index.parent)


def _forget_older(paths: RoomPaths, version: str) -> None:
    others = [path for path in paths.indexes.iterdir() if path.name != version]
    others.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for path in others[KEPT_BEFORE:]:
        shutil.rmtree(path, ignore_errors=True)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
