"""Sorts more lines of text than memory should hold: sorted runs on disk, merged a block at a time.

Lines are ASCII of characters from the blank on; each comes out as often as it was added. The work is done by what
Python has in C: sorting a list, cutting and joining text, and merging (a list of sorted runs is sorted in one pass
over them).
"""

import itertools
import tempfile
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import IO

MOST_HELD = 400_000  # lines; about 30 MB
_BLOCK_BYTES = 256 * 1024
_BLOCK_LINES = 4096
_MOST_RUNS = 64  # open at once; then they become one


class SortedRuns:
    """Takes lines in any order and gives them back sorted, each as often as it came.

    What is on disk goes with this object.
    """

    def __init__(self, folder: Path | None = None, most: int = MOST_HELD) -> None:
        """Take lines; beyond `most` of them in files without a name in a folder (None: the system's)."""
        self._folder = folder
        self._most = most
        self._lines: list[str] = []
        self._files: list[IO[str]] = []

    def add(self, line: str) -> None:
        """Take a line. Raises OSError: no space left for a run."""
        self._lines.append(line)
        if len(self._lines) >= self._most:
            self._write_run()

    def __iter__(self) -> Iterator[str]:
        """Yield the lines. Raises OSError: a run could not be read back."""
        if not self._files:
            return iter(sorted(self._lines))
        if self._lines:
            self._write_run()
        return _merged([_Run(file) for file in self._files])

    def close(self) -> None:
        """Give the space on disk back; nothing is left."""
        for file in self._files:
            file.close()
        self._files, self._lines = [], []

    def _write_run(self) -> None:
        lines, self._lines = sorted(self._lines), []
        self._files.append(self._new_run(iter(lines)))
        if len(self._files) >= _MOST_RUNS:
            together = self._new_run(_merged([_Run(file) for file in self._files]))
            self.close()
            self._files = [together]

    def _new_run(self, lines: Iterator[str]) -> IO[str]:
        file = tempfile.TemporaryFile(  # noqa: SIM115 (stays open until `close`)
            "w+", encoding="ascii", newline="\n", dir=self._folder
        )
        try:
            while block := list(itertools.islice(lines, _BLOCK_LINES)):
                file.write("\n".join(block))
                file.write("\n")
            file.flush()
        except OSError:
            file.close()
            raise
        return file


class _Run:
    """One run, read a block at a time."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._file.seek(0)
        self._at = 0
        self._block: list[str] = []
        self._read_block()

    @property
    def last(self) -> str | None:
        """The last line of the block in hand; None at the end of the run."""
        return self._block[-1] if self._block else None

    def take(self, bound: str) -> list[str]:
        """Return the lines of the block up to a line, and read on where it is used up."""
        until = bisect_right(self._block, bound, self._at)
        taken = self._block[self._at : until]
        self._at = until
        if until == len(self._block):
            self._read_block()
        return taken

    def _read_block(self) -> None:
        self._block = self._file.readlines(_BLOCK_BYTES)
        self._at = 0


def _merged(runs: list[_Run]) -> Iterator[str]:
    return itertools.chain.from_iterable(_merged_blocks(runs))


def _merged_blocks(runs: list[_Run]) -> Iterator[list[str]]:
    while lasts := [run.last for run in runs if run.last is not None]:
        bound = min(lasts)
        batch: list[str] = []
        for run in runs:
            batch += run.take(bound)
        batch.sort()
        yield "".join(batch).splitlines()
