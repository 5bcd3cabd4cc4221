"""Takes signed lists from a folder, such as one on a USB stick, into a room (`hallpass agent lists-from`).

A process of its own beside the agent, which may run: the same checks, the same installing. As root it becomes the
agent's user first, so that everything that it writes is the agent's.

The folder is somebody's stick: it may hold links that lead out of it, pipes and devices, files that grow or end
early. Only plain files below it are opened, and of each no more is read than is signed.
"""

import asyncio
import contextlib
import os
import stat
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from appliance.errors import HallpassError
from appliance.exported_lists import INDEXES_FOLDER, SIGNATURES_FOLDER
from appliance.files import keep_files_private, read_regular_file
from appliance.room.agent import installer
from appliance.room.agent.room_identity import RoomIdentity
from appliance.room.agent.signed_lists import IndexTerms, NotTrusted, SignedLists
from appliance.room.agent.tuf_messages import FileTerms
from appliance.room.index_age import note_signed_index
from appliance.room.paths import RoomPaths
from appliance.settings.room import RoomSettings
from blocklists.container import INDEX_NAME, delta_name

_PIECE_BYTES = 1 << 20
_NOTHING_SEEN = (
    "this room has not seen its central's signatures yet, and believes nobody else before that. It has to reach "
    "central once"
)
_REASON_WORDS = {
    "expired": "their signatures have ended. Export them again at central; or this room's clock is wrong",
    "older": "they are older than the lists that this room has seen already",
    "foreign": "they are signed with keys that this room does not trust: another central's, or central began anew",
    "missing": "something of their signatures is missing: the folder is not a whole export",
    "damaged": "their signatures are damaged, or were altered",
    "not-current": "the folder names no lists",
    "not-checked": "this room could not check their signatures",
    "no-trust": "what this room trusts about the school's lists is damaged on this card",
}

Report = Callable[[int, int], None]  # bytes that are copied, and of how many


class ListsRefused(HallpassError):
    """The lists in a folder are not taken; the room goes on with those that it has."""

    def __init__(self, words: str) -> None:
        super().__init__(f"These lists are not taken: {words}. The room keeps the lists that it has.")


class ListsFolder:
    """A folder of signed lists, open."""

    def __init__(self, path: Path, report: Report) -> None:
        """Open it. Raises ListsRefused where it is no folder that can be read."""
        self._path = path
        self._report = report
        try:
            self._handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as problem:
            raise ListsRefused(f"{path}: {problem.strerror}") from None

    def __enter__(self) -> "ListsFolder":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._handle)

    async def fetch_signature(self, name: str, max_bytes: int) -> bytes | None:
        """Return a file of metadata; None: there is none. Raises ListsRefused."""
        file = self._open(SIGNATURES_FOLDER, name)
        if file is None:
            return None
        with file, self._in_words(name):
            content = file.read(max_bytes + 1)
        if len(content) > max_bytes:
            raise ListsRefused(f"{name} is larger than metadata are")
        return content

    def copy_index(self, terms: IndexTerms, base: str, path: Path) -> None:
        """Copy the file of an index, or of an overlay over `base`. Raises ListsRefused, OSError."""
        for name, one in ((delta_name(base), terms.overlay), (INDEX_NAME, terms.whole)):
            if one is None or (file := self._open(INDEXES_FOLDER, terms.version, name)) is None:
                continue
            with file:
                self._copy(file, one, path)
            if not terms.are_met(path):
                raise ListsRefused("their file is not the one that central has signed, but altered or cut short")
            return
        raise ListsRefused("their file is missing: the folder is not a whole export")

    def _copy(self, file: BinaryIO, terms: FileTerms, path: Path) -> None:
        done = 0
        with path.open("wb") as copy:
            while done < terms.length:
                with self._in_words(path.name):
                    piece = file.read(min(_PIECE_BYTES, terms.length - done))
                if not piece:
                    return
                copy.write(piece)
                done += len(piece)
                self._report(done, terms.length)

    def _open(self, *names: str) -> BinaryIO | None:
        """Return a plain file below the folder, open; None: there is none. Raises ListsRefused."""
        *folders, name = names
        with contextlib.ExitStack() as stack, self._in_words(name):
            parent = self._handle
            try:
                for folder in folders:
                    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
                    parent = os.open(folder, flags, dir_fd=parent)
                    stack.callback(os.close, parent)
                # A device is not even opened: that alone may do something.
                if not stat.S_ISREG(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
                    raise ListsRefused(f"{'/'.join(names)} is no plain file")
                flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
                file = os.fdopen(os.open(name, flags, dir_fd=parent), "rb")
            except FileNotFoundError:
                return None
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            file.close()
            raise ListsRefused(f"{'/'.join(names)} is no plain file")
        return file

    @contextlib.contextmanager
    def _in_words(self, name: str) -> Iterator[None]:
        """Let what the stick cannot do be said as such: the room's own disk is another matter."""
        try:
            yield
        except OSError as problem:
            raise ListsRefused(f"{name} in {self._path} cannot be read: {problem.strerror}") from None


def install_from_folder(settings: RoomSettings, folder: Path, report: Report) -> str:
    """Take the lists into use; return in words what happened.

    Raises ListsRefused, and then nothing has changed; HallpassError, OSError.
    """
    if settings.central is None:
        raise ListsRefused("this room has no central, by whose signatures it could know them")
    paths = RoomPaths.from_settings(settings)
    with ListsFolder(folder, report) as lists:
        _become_agent(paths)
        token = read_regular_file(settings.central.token_file).decode("ascii", "replace").strip()
        identity = RoomIdentity(paths.identity, token)
        signed = SignedLists(
            identity.lists_folder, lists.fetch_signature, identity.earliest_time, is_pinned=lambda: False
        )
        return asyncio.run(_install(lists, paths, signed))


def _become_agent(paths: RoomPaths) -> None:
    """Be whoever the room's trust belongs to. Raises ListsRefused where there is none, HallpassError."""
    try:
        owner = paths.identity.stat()
        if os.geteuid() == 0 and owner.st_uid != 0:
            os.setgroups([])
            os.setgid(owner.st_gid)
            os.setuid(owner.st_uid)
    except FileNotFoundError:
        raise ListsRefused(_NOTHING_SEEN) from None
    except PermissionError:
        owner = None
    if owner is None or owner.st_uid != os.geteuid():
        raise HallpassError("this has to be done as the user of the room's agent, or as root (sudo)")
    keep_files_private(paths.data)


async def _install(lists: ListsFolder, paths: RoomPaths, signed: SignedLists) -> str:
    base = installer.base_version(paths)
    try:
        terms = await signed.find_terms_elsewhere(lists.fetch_signature, base=base)
    except NotTrusted as problem:
        raise ListsRefused(_REASON_WORDS[problem.reason]) from None
    if terms is None:
        raise ListsRefused(_NOTHING_SEEN)
    day = f"{datetime.fromtimestamp(terms.signed_at, UTC):%Y-%m-%d}"
    is_there = installer.InstalledIndex(paths).verified_version() == terms.version
    if not is_there:
        await installer.install_index(paths, terms.version, partial(_copy, lists, terms))
        await signed.note_accepted(terms.version)
    note_signed_index(paths, terms.version, terms.signed_at)
    if is_there:
        return f"This room has these lists already ({terms.version[:12]}, signed on {day})."
    return f"The lists {terms.version[:12]}, signed on {day}, are in use now."


async def _copy(lists: ListsFolder, terms: IndexTerms, base: str, path: Path) -> None:
    lists.copy_index(terms, base, path)
