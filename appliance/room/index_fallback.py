"""The index that a room decides by, and what takes its place where it is damaged.

The rungs, from the top; each is read whole and checked against its hash when it is taken:

1. the index that is asked for;
2. the one that this process has in use, where that is another and its files still hold what was opened;
3. the others that were fetched, the newest first;
4. the list that Hallpass brings: the image's, else the built-in one, which is made again where its compiled form
   is damaged.

Nothing here is kept on disk. `problem` says in one line why something else than the first rung is in use.
"""

import logging
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from appliance.errors import HallpassError
from appliance.room.file_state import FileState, file_state_from_stat, read_file_state
from blocklists import builtin_list
from blocklists.container import INDEX_NAME, OVERLAY_NAME
from blocklists.errors import IndexDamaged, ListError
from blocklists.index import Index, open_verified

HASH_DIGITS = 64

log = logging.getLogger("hallpass.policy")

_FileStates = tuple[FileState, ...]
_MappedFiles = tuple[tuple[Path, FileState], ...]  # files, and how they looked before they were read
_Candidate = Callable[[], tuple[Index, _MappedFiles]]


class IndexFallback:
    """One process's way to its index. Not for several threads at once."""

    def __init__(self, configured: Path | None, fetched_folder: Path | None, builtin_folder: Path) -> None:
        """Begin with nothing taken.

        `configured`: an index's folder or a link to it; None: the list that Hallpass brings.
        `fetched_folder`: where other indexes stand, each named by its hash; None: there are none.
        """
        self.problem = ""
        self._configured = configured
        self._fetched_folder = fetched_folder
        self._builtin_folder = builtin_folder
        self._index: Index | None = None
        self._is_builtin = False
        self._mapped: _MappedFiles = ()
        self._opened_state: _FileStates | None = None  # None: what is in use must be looked for again

    def open_index(self) -> Index:
        """Return the index to decide by: the same object for as long as nothing changed.

        Raises HallpassError where there is no rung at all: not even the list that Hallpass brings can be made.
        """
        configured = self._configured_state()
        if self._index is not None and self._opened_state == (*configured, *self.mapped_state()):
            return self._index
        self._index, self._mapped = self._open_first_usable()
        self._opened_state = (*configured, *self.mapped_state())
        return self._index

    def mapped_state(self) -> _FileStates:
        """Return what changes when somebody touches the files that are mapped: nobody ever writes to them."""
        return tuple(read_file_state(path) for path, _ in self._mapped)

    def is_touched(self) -> bool:
        """Tell whether somebody wrote to a file that is mapped; to remove or replace it leaves it whole."""
        return any(
            before is not None and found is not None and found[0] == before[0] and found != before
            for before, found in ((before, read_file_state(path)) for path, before in self._mapped)
        )

    def is_whole(self) -> bool:
        """Read what is in use and tell whether it is as it was.

        Where not, the next `open_index` looks for another.
        """
        if self._index is None or self._index.is_whole():
            return True
        self._opened_state = None
        return False

    def _configured_state(self) -> _FileStates:
        if self._configured is None:
            return ()
        return tuple(read_file_state(self._configured / name) for name in (INDEX_NAME, OVERLAY_NAME))

    def _open_first_usable(self) -> tuple[Index, _MappedFiles]:
        problems: list[str] = []
        for words, candidate in self._candidates():
            try:
                found = candidate()
            except (ListError, OSError) as problem:
                problems.append(str(problem))
                continue
            self._is_builtin = words == _BUILTIN
            said = f"{'; '.join(problems)}; {words} is used instead" if problems else ""
            if said and said != self.problem:
                log.warning("%s", said)
            self.problem = said
            return found
        raise HallpassError("; ".join(problems))

    def _candidates(self) -> Iterator[tuple[str, _Candidate]]:
        if self._configured is not None and self._is_expected(self._configured):
            yield "the index", self._open_configured
            if self._index is not None and not self._is_builtin:
                yield "the index that was in use", self._open_in_use
            for folder in self._other_indexes():
                yield "the index before it", partial(_open_verified, folder)
        yield _BUILTIN, lambda: _with_its_files(builtin_list.open_brought_index(self._builtin_folder))
        # Its folder may be read-only, or something else may stand there.
        yield _BUILTIN, _open_builtin_in_temporary_folder

    def _is_expected(self, configured: Path) -> bool:
        """Tell whether there is, or was, an index to decide by: a room that was told nothing has none."""
        try:
            if self._fetched_folder is None or configured.is_symlink() or configured.exists():
                return True
        except OSError:  # not even that can be seen
            return True
        return (self._index is not None and not self._is_builtin) or any(self._other_indexes())

    def _open_configured(self) -> tuple[Index, _MappedFiles]:
        assert self._configured is not None  # noqa: S101 (for the type checker: this rung is there only then)
        return _open_verified(self._configured)

    def _open_in_use(self) -> tuple[Index, _MappedFiles]:
        assert self._index is not None  # noqa: S101 (for the type checker: this rung is there only then)
        looks = tuple((path, read_file_state(path)) for path, _ in self._mapped)
        if not self._index.is_whole():
            raise IndexDamaged("the index in use was damaged too")
        return self._index, looks

    def _other_indexes(self) -> Iterator[Path]:
        """Yield the folders of the other indexes that were fetched, the newest first."""
        if self._fetched_folder is None or self._configured is None:
            return
        try:
            configured = self._configured.resolve().name
            folders = [path for path in self._fetched_folder.iterdir() if len(path.name) == HASH_DIGITS]
            folders.sort(key=_modified_at, reverse=True)
        except (OSError, RuntimeError):  # no folder, or links in a circle
            return
        yield from (path for path in folders if path.name != configured)


def _modified_at(folder: Path) -> float:
    """Return when a folder was made; what cannot be looked at, such as a link to nowhere, comes last."""
    try:
        return folder.stat().st_mtime
    except OSError:
        return 0.0


_BUILTIN = "the list that Hallpass brings"


def _open_verified(folder: Path) -> tuple[Index, _MappedFiles]:
    """Open an index whole, and the very one whose hash its folder bears. Raises ListError or OSError."""
    try:
        name = folder.resolve().name
    except RuntimeError as problem:  # links in a circle
        raise IndexDamaged(f"{folder}: {problem}") from None
    index = open_verified(folder)
    if len(name) == HASH_DIGITS and name != index.version:
        raise IndexDamaged(f"{folder}: holds another index than it says")
    return _with_its_files(index)


def _with_its_files(index: Index) -> tuple[Index, _MappedFiles]:
    return index, tuple((path, file_state_from_stat(looked)) for path, looked in index.files)


def _open_builtin_in_temporary_folder() -> tuple[Index, _MappedFiles]:
    with tempfile.TemporaryDirectory(prefix="hallpass-starter-") as folder:
        return _with_its_files(builtin_list.build_builtin_index(Path(folder)))  # it is mapped: its name may go
