"""The index that a room decides by, and what takes its place where it is damaged.

The rungs, from the top; each is read whole and checked against its hash when it is taken:

1. the index that is asked for;
2. the one that this process has in use, where that is another and its files still hold what was opened;
3. the others that were fetched, the newest first;
4. the list that Hallpass brings, which is made again where its compiled form is damaged.

Nothing here is kept on disk. `problem` says in one line why something else than the first rung is in use.
"""

import logging
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from appliance.errors import HallpassError
from appliance.room.file_state import FileState, as_state, state_of
from blocklists import builtin_list
from blocklists.container import INDEX_NAME, OVERLAY_NAME
from blocklists.errors import IndexDamaged, ListError
from blocklists.index import Index, open_verified

HASH_DIGITS = 64

log = logging.getLogger("hallpass.policy")

_State = tuple[FileState, ...]
_Mapped = tuple[tuple[Path, FileState], ...]  # files, and how they looked before they were read
_Rung = Callable[[], tuple[Index, _Mapped]]


class IndexLadder:
    """One process's way to its index. Not for several threads at once."""

    def __init__(self, asked_for: Path | None, fetched: Path | None, starter_folder: Path) -> None:
        """`asked_for`: an index's folder or a link to it; None: the list that Hallpass brings.

        `fetched`: where other indexes stand, each named by its hash; None: there are none.
        """
        self.problem = ""
        self._asked_for = asked_for
        self._fetched = fetched
        self._starter_folder = starter_folder
        self._in_use: Index | None = None
        self._is_builtin = False
        self._mapped: _Mapped = ()
        self._taken_at: _State | None = None  # None: what is in use must be looked for again

    def take(self) -> Index:
        """Return the index to decide by: the same object for as long as nothing changed.

        Raises HallpassError where there is no rung at all: not even the list that Hallpass brings can be made.
        """
        asked_for = self._state_asked_for()
        if self._in_use is not None and self._taken_at == (*asked_for, *self.state_in_use()):
            return self._in_use
        self._in_use, self._mapped = self._climb()
        self._taken_at = (*asked_for, *self.state_in_use())
        return self._in_use

    def state_in_use(self) -> _State:
        """Return what changes when somebody touches the files that are mapped: nobody ever writes to them."""
        return tuple(state_of(path) for path, _ in self._mapped)

    def is_touched(self) -> bool:
        """Tell whether somebody wrote to a file that is mapped; to remove or replace it leaves it whole."""
        return any(
            before is not None and found is not None and found[0] == before[0] and found != before
            for before, found in ((before, state_of(path)) for path, before in self._mapped)
        )

    def is_whole(self) -> bool:
        """Read what is in use and tell whether it is as it was; where not, the next `take` looks for another."""
        if self._in_use is None or self._in_use.is_whole():
            return True
        self._taken_at = None
        return False

    def _state_asked_for(self) -> _State:
        if self._asked_for is None:
            return ()
        return tuple(state_of(self._asked_for / name) for name in (INDEX_NAME, OVERLAY_NAME))

    def _climb(self) -> tuple[Index, _Mapped]:
        problems: list[str] = []
        for words, rung in self._rungs():
            try:
                found = rung()
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

    def _rungs(self) -> Iterator[tuple[str, _Rung]]:
        if self._asked_for is not None and self._is_expected(self._asked_for):
            yield "the index", self._open_asked_for
            if self._in_use is not None and not self._is_builtin:
                yield "the index that was in use", self._open_in_use
            for folder in self._others():
                yield "the index before it", partial(_open, folder)
        yield _BUILTIN, lambda: _with_its_files(builtin_list.open_builtin_index(self._starter_folder))
        # Its folder may be read-only, or something else may stand there.
        yield _BUILTIN, _starter_elsewhere

    def _is_expected(self, asked_for: Path) -> bool:
        """Tell whether there is, or was, an index to decide by: a room that was told nothing has none."""
        try:
            if self._fetched is None or asked_for.is_symlink() or asked_for.exists():
                return True
        except OSError:  # not even that can be seen
            return True
        return (self._in_use is not None and not self._is_builtin) or any(self._others())

    def _open_asked_for(self) -> tuple[Index, _Mapped]:
        assert self._asked_for is not None  # noqa: S101 (for the type checker: this rung is there only then)
        return _open(self._asked_for)

    def _open_in_use(self) -> tuple[Index, _Mapped]:
        assert self._in_use is not None  # noqa: S101 (for the type checker: this rung is there only then)
        looks = tuple((path, state_of(path)) for path, _ in self._mapped)
        if not self._in_use.is_whole():
            raise IndexDamaged("the index in use was damaged too")
        return self._in_use, looks

    def _others(self) -> Iterator[Path]:
        """Yield the folders of the other indexes that were fetched, the newest first."""
        if self._fetched is None or self._asked_for is None:
            return
        try:
            asked_for = self._asked_for.resolve().name
            folders = [path for path in self._fetched.iterdir() if len(path.name) == HASH_DIGITS]
            folders.sort(key=lambda path: path.stat().st_mtime, reverse=True)
        except (OSError, RuntimeError):  # no folder, or links in a circle
            return
        yield from (path for path in folders if path.name != asked_for)


_BUILTIN = "the list that Hallpass brings"


def _open(folder: Path) -> tuple[Index, _Mapped]:
    """Open an index whole, and the very one whose hash its folder bears. Raises ListError or OSError."""
    try:
        name = folder.resolve().name
    except RuntimeError as problem:  # links in a circle
        raise IndexDamaged(f"{folder}: {problem}") from None
    index = open_verified(folder)
    if len(name) == HASH_DIGITS and name != index.version:
        raise IndexDamaged(f"{folder}: holds another index than it says")
    return _with_its_files(index)


def _with_its_files(index: Index) -> tuple[Index, _Mapped]:
    return index, tuple((path, as_state(looked)) for path, looked in index.files)


def _starter_elsewhere() -> tuple[Index, _Mapped]:
    with tempfile.TemporaryDirectory(prefix="hallpass-starter-") as folder:
        return _with_its_files(builtin_list.build_builtin_index(Path(folder)))  # it is mapped: its name may go
