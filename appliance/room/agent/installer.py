"""Puts what central sent into the room: whole, checked, by renaming. What is there stays until then.

The resolver's workers look at the policy file and at the index link; a rename is all they need to see. All of this
reads and writes files of many megabytes and waits for the disk: `install_index` leaves that to a thread, the rest
is not for an event loop.
"""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from appliance.errors import HallpassError
from appliance.files import one_at_a_time, remove_folder_in_the_way, remove_whatever, sync_folder
from appliance.room.agent.thread_pool import run_blocking
from appliance.room.file_state import FileState, read_file_state
from appliance.room.paths import RoomPaths
from appliance.room.policy_file import PolicyDamaged, read_known_policy, write_policy
from blocklists import container, delta
from blocklists.container import INDEX_NAME, OVERLAY_NAME
from blocklists.errors import ListError
from blocklists.index import verify_index
from dns.errors import DECODING_FAILED
from dns.policy.document import PolicyDocument, json_decoder

KEPT_OLDER = 1  # older indexes kept beside the one in use

FULL_CHECK_SECONDS = 60.0  # so often the index is read even where nobody seems to have touched it

_WORK_PREFIX = ".fetching-"
_FETCHED = "fetched.hpx"  # in the folder of a fetch: an overlay that came


class InstallFailed(HallpassError):
    """What central sent cannot be used; the room keeps what it has."""


class InstalledPolicy(msgspec.Struct, frozen=True):
    """Which policy is in use."""

    version: int = 0  # 0: there is none, or none that can be used
    digest: str = ""  # by which central knows it; "": nobody has said


def read_installed_policy(paths: RoomPaths) -> InstalledPolicy:
    """Return which policy is in use."""
    try:
        found = read_known_policy(paths)
        if found is None:
            return InstalledPolicy()
        return InstalledPolicy(json_decoder.decode(found.content).version, found.central_digest)
    except (PolicyDamaged, *DECODING_FAILED):
        return InstalledPolicy()


def read_installed_document(paths: RoomPaths) -> PolicyDocument:
    """Return the policy in use. Raises InstallFailed where there is none that can be used."""
    try:
        if (found := read_known_policy(paths)) is not None:
            return json_decoder.decode(found.content)
    except (PolicyDamaged, *DECODING_FAILED) as problem:
        raise InstallFailed(f"the policy in use cannot be read: {problem}") from None
    raise InstallFailed("there is no policy in use")


def installed_policy_version(paths: RoomPaths) -> int:
    """Return the version of the policy in use, or 0: there is none, or none that can be used."""
    return read_installed_policy(paths).version


def installed_index_version(paths: RoomPaths) -> str:
    """Return the hash of the index in use, or "": what it holds is not looked at."""
    try:
        return paths.index.readlink().name
    except OSError:
        return ""


class InstalledIndex:
    """The index that the room's link leads to, read whole when it seems to have changed, and now and then."""

    def __init__(self, paths: RoomPaths, now: Callable[[], float] = time.monotonic) -> None:
        self._paths = paths
        self._now = now
        self._read: tuple[str, FileState, FileState] | None = None  # what was read last, as it looked then
        self._read_at = 0.0
        self._is_whole = False

    def known_version(self) -> str | None:
        """Return its hash, or "": there is none, or a damaged one; None: it must be read to know that."""
        state = self._state()
        if state is not None and (state != self._read or self._now() - self._read_at >= FULL_CHECK_SECONDS):
            return None
        return state[0] if state is not None and self._is_whole else ""

    def verified_version(self) -> str:
        """Return the same. May read it whole: not for an event loop."""
        known = self.known_version()
        if known is not None:
            return known
        self._read, self._read_at = self._state(), self._now()
        self._is_whole = self._read is not None and _is_whole_index(self._paths.index, self._read[0])
        return self._read[0] if self._read is not None and self._is_whole else ""

    def _state(self) -> tuple[str, FileState, FileState] | None:
        """Return how it looks from outside; None: there is none."""
        name, home = installed_index_version(self._paths), self._paths.index
        return (name, read_file_state(home / INDEX_NAME), read_file_state(home / OVERLAY_NAME)) if name else None


def _is_whole_index(home: Path, version: str) -> bool:
    try:
        return verify_index(home) == version
    except (ListError, OSError, RuntimeError):  # RuntimeError: links in a circle
        return False


def install_policy(paths: RoomPaths, content: bytes, digest: str = "") -> PolicyDocument:
    """Put a policy in force; `digest`: by which central knows it. Raises InstallFailed or OSError."""
    try:
        document = json_decoder.decode(content)
    except DECODING_FAILED as problem:
        raise InstallFailed(f"the policy that central sent is not understood: {problem}") from None
    write_policy(paths, content, digest)
    return document


async def install_index(paths: RoomPaths, version: str, fetch: Callable[[str, Path], Awaitable[None]]) -> None:
    """Fetch an index, check it against its hash, put it in force, forget older ones.

    `fetch(base, path)` writes the index into the file `path`, or an overlay over the index `base` that the room
    has ("": it has none). An index that stands in layers comes in two pieces where the room has nothing: the whole
    one below, then what lies over it. Raises InstallFailed, OSError, or what `fetch` raises.
    """
    if not version.isalnum():
        raise InstallFailed(f"{version[:80]!r} is no hash")
    if not await run_blocking(_is_whole_index, paths.indexes / version, version):  # it may be damaged
        work = await run_blocking(_WorkFolder, paths)
        try:
            await fetch(await run_blocking(base_version, paths), work.path / INDEX_NAME)
            below = await run_blocking(_apply_delta, paths.index, work.path, INDEX_NAME)
            if below not in ("", version):
                await fetch(below, work.path / _FETCHED)
                await run_blocking(_apply_delta, work.path, work.path, _FETCHED)
            await run_blocking(_put_in_place, paths, work.path, version)
        finally:
            await run_blocking(work.remove)
    await run_blocking(_put_in_force, paths, version)


class _WorkFolder:
    """A folder to work in, which nobody clears away while it is held (`_is_left`)."""

    def __init__(self, paths: RoomPaths) -> None:
        _make_folder(paths.indexes)
        with one_at_a_time(paths.indexes):
            self.path = Path(tempfile.mkdtemp(prefix=_WORK_PREFIX, dir=paths.indexes))
            # mkdtemp's own is for us alone; the resolver reads it too
            self.path.chmod(paths.indexes.stat().st_mode & 0o777)
            self._handle = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            fcntl.flock(self._handle, fcntl.LOCK_SH)

    def __del__(self) -> None:  # also where whoever asked for it was cancelled meanwhile
        if hasattr(self, "_handle"):
            os.close(self._handle)

    def remove(self) -> None:
        """Remove it, unless it has become the index."""
        shutil.rmtree(self.path, ignore_errors=True)


def _is_left(work: Path) -> bool:
    """Tell whether nobody works in a folder: not the agent, and no command that a person has given meanwhile."""
    try:
        handle = os.open(work, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(handle)
    return True


def _put_in_place(paths: RoomPaths, work: Path, version: str) -> None:
    _verify_and_sync(work, version)
    home = paths.indexes / version
    with one_at_a_time(paths.indexes):
        remove_whatever(home)  # what an interrupted attempt may have left, or what was damaged
        work.replace(home)


def _put_in_force(paths: RoomPaths, version: str) -> None:
    with one_at_a_time(paths.indexes):
        _switch_link(paths, version)
        _remove_older(paths, version)


def base_version(paths: RoomPaths) -> str:
    """Return the hash of the whole index that the one in use rests on, or ""."""
    try:
        return container.map_index_file(paths.index / INDEX_NAME).version
    except ListError:
        return ""


def _apply_delta(base: Path, work: Path, name: str) -> str:
    """Where what was fetched is an overlay, put the base beside it; else return its version.

    Raises InstallFailed.
    """
    fetched = work / name
    try:
        version = container.verify_digest(fetched)  # before anything in it is believed
        if not container.map_index_file(fetched).tables.base:
            return version
        overlay = work / _FETCHED
        fetched.replace(overlay)
        delta.apply_overlay(base, overlay, work)
        overlay.unlink()
    except ListError as problem:
        raise InstallFailed(f"the index that central sent is damaged: {problem}") from None
    return ""


def _verify_and_sync(folder: Path, version: str) -> None:
    try:
        found = verify_index(folder)
    except (ListError, OSError) as problem:
        raise InstallFailed(f"the index that central sent is damaged: {problem}") from None
    if found != version:
        raise InstallFailed(f"central sent the index {found[:12]} where {version[:12]} was asked for")
    for file in folder.iterdir():
        with file.open("rb") as content:
            os.fsync(content.fileno())


def _switch_link(paths: RoomPaths, version: str) -> None:
    temporary = paths.index.with_name(".index.new")
    remove_whatever(temporary)
    remove_folder_in_the_way(paths.index)
    temporary.symlink_to(paths.indexes / version)
    temporary.replace(paths.index)
    sync_folder(paths.index.parent)


def _remove_older(paths: RoomPaths, version: str) -> None:
    others = []
    for path in paths.indexes.iterdir():
        if path.name.startswith(_WORK_PREFIX):
            if _is_left(path):  # by a fetching that was cut off
                remove_whatever(path)
        elif path.name != version:
            others.append(path)
    others.sort(key=lambda path: path.lstat().st_mtime if path.is_dir() else 0.0, reverse=True)
    for path in others[KEPT_OLDER:]:
        remove_whatever(path)


def _make_folder(path: Path) -> None:
    """Make a folder, also where something else stands that is none."""
    if not path.is_dir():
        path.unlink(missing_ok=True)
    path.mkdir(parents=True, exist_ok=True)
