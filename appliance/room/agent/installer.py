"""Puts what central sent into the room: whole, checked, by renaming. What is there stays until then.

The resolver's workers look at the policy file and at the index link; a rename is all they need to see.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from appliance.errors import HallpassError
from appliance.room.file_state import FileState, state_of
from appliance.room.paths import RoomPaths
from appliance.room.policy_file import PolicyDamaged, make_way, read_policy, write_policy
from blocklists import container, delta
from blocklists.container import INDEX_NAME, OVERLAY_NAME
from blocklists.errors import ListError
from blocklists.index import verify_index
from dns.errors import DECODING_FAILED
from dns.policy.document import PolicyDocument, json_decoder

KEPT_BEFORE = 1  # older indexes kept beside the one in use

READ_WHOLE_SECONDS = 60.0  # so often the index is read even where nobody seems to have touched it

_WORK = ".fetching-"


class NotInstalled(HallpassError):
    """What central sent cannot be used; the room keeps what it has."""


def installed_policy(paths: RoomPaths) -> int:
    """Return the version of the policy in use, or 0: there is none, or none that can be used."""
    try:
        content = read_policy(paths)
        return json_decoder.decode(content).version if content is not None else 0
    except (PolicyDamaged, *DECODING_FAILED):
        return 0


def installed_index(paths: RoomPaths) -> str:
    """Return the hash of the index in use, or "": what it holds is not looked at."""
    try:
        return paths.index.readlink().name
    except OSError:
        return ""


class IndexOnDisk:
    """The index that the room's link leads to, read whole when it seems to have changed, and now and then."""

    def __init__(self, paths: RoomPaths, now: Callable[[], float] = time.monotonic) -> None:
        self._paths = paths
        self._now = now
        self._read: tuple[str, FileState, FileState] | None = None  # what was read last, as it looked then
        self._read_at = 0.0
        self._is_whole = False

    def version(self) -> str:
        """Return its hash, or "": there is none, or a damaged one. May read it whole: not for an event loop."""
        name = installed_index(self._paths)
        if not name:
            return ""
        home = self._paths.index
        state = (name, state_of(home / INDEX_NAME), state_of(home / OVERLAY_NAME))
        if state != self._read or self._now() - self._read_at >= READ_WHOLE_SECONDS:
            self._read, self._read_at = state, self._now()
            self._is_whole = _holds(home, name)
        return name if self._is_whole else ""


def _holds(home: Path, version: str) -> bool:
    try:
        return verify_index(home) == version
    except (ListError, OSError, RuntimeError):  # RuntimeError: links in a circle
        return False


def install_policy(paths: RoomPaths, content: bytes) -> PolicyDocument:
    """Put a policy in force. Raises NotInstalled or OSError."""
    try:
        document = json_decoder.decode(content)
    except DECODING_FAILED as problem:
        raise NotInstalled(f"the policy that central sent is not understood: {problem}") from None
    write_policy(paths, content)
    return document


async def install_index(paths: RoomPaths, version: str, fetch: Callable[[str, Path], Awaitable[None]]) -> None:
    """Fetch an index, check it against its hash, put it in force, forget older ones.

    `fetch(base, path)` writes the index into the file `path`, or an overlay over the index `base` that the room
    has ("": it has none). Raises NotInstalled, OSError, or what `fetch` raises.
    """
    if not version.isalnum():
        raise NotInstalled(f"{version[:80]!r} is no hash")
    home = paths.indexes / version
    if not _holds(home, version):  # what is there already may be damaged
        _make_folder(paths.indexes)
        work = Path(tempfile.mkdtemp(prefix=_WORK, dir=paths.indexes))
        work.chmod(
            paths.indexes.stat().st_mode & 0o777
        )  # mkdtemp's own is for us alone; the resolver reads it too
        try:
            await fetch(_base(paths), work / INDEX_NAME)
            _lay_over_the_base(paths, work)
            _check(work, version)
            _remove(home)  # what an interrupted attempt may have left, or what was damaged
            work.replace(home)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    _point_at(paths, version)
    _forget_older(paths, version)


def _base(paths: RoomPaths) -> str:
    """Return the hash of the whole index that the one in use rests on, or ""."""
    try:
        return container.map_index_file(paths.index / INDEX_NAME).version
    except ListError:
        return ""


def _lay_over_the_base(paths: RoomPaths, work: Path) -> None:
    """Where what was fetched is an overlay, put the base beside it. Raises NotInstalled."""
    fetched = work / INDEX_NAME
    try:
        container.verify_digest(fetched)  # before anything in it is believed
        if not container.map_index_file(fetched).tables.base:
            return
        overlay = work / "fetched.hpx"
        fetched.replace(overlay)
        delta.apply_overlay(paths.index, overlay, work)
        overlay.unlink()
    except ListError as problem:
        raise NotInstalled(f"the index that central sent is damaged: {problem}") from None


def _check(folder: Path, version: str) -> None:
    try:
        found = verify_index(folder)
    except (ListError, OSError) as problem:
        raise NotInstalled(f"the index that central sent is damaged: {problem}") from None
    if found != version:
        raise NotInstalled(f"central sent the index {found[:12]} where {version[:12]} was asked for")
    for file in folder.iterdir():
        with file.open("rb") as content:
            os.fsync(content.fileno())


def _point_at(paths: RoomPaths, version: str) -> None:
    temporary = paths.index.with_name(".index.new")
    _remove(temporary)
    make_way(paths.index)
    temporary.symlink_to(paths.indexes / version)
    temporary.replace(paths.index)
    _sync(paths.index.parent)


def _forget_older(paths: RoomPaths, version: str) -> None:
    others = []
    for path in paths.indexes.iterdir():
        if path.name.startswith(_WORK):
            _remove(path)  # left by a fetching that was cut off
        elif path.name != version:
            others.append(path)
    others.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for path in others[KEPT_BEFORE:]:
        _remove(path)


def _make_folder(path: Path) -> None:
    """Make a folder, also where something else stands that is none."""
    if not path.is_dir():
        path.unlink(missing_ok=True)
    path.mkdir(parents=True, exist_ok=True)


def _remove(path: Path) -> None:
    """Remove whatever stands at a path."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
