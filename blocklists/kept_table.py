"""The table of a build as it is kept: every line of it, sorted, in one file; and how a day's changes go into it.

A line is a key and the number of what is said of it (`blocklists.table`). It stands there as often as its list
says it, so that it goes when the last of those goes. One pass over the file makes the next one: a block of it at a
time, in which the changed lines are found by bisection. What is asked about comes out of the same pass.
"""

import contextlib
import zlib
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

import msgspec

from blocklists.errors import ListError
from blocklists.table import MARK

_BLOCK_BYTES = 1 << 18
_BATCH_LINES = 4096
_AFTER_MARK = chr(ord(MARK) + 1)
_AFTER_DOT = chr(ord(".") + 1)


class KeptUnusable(ListError):
    """What was kept of the last build cannot be built upon; the message says why."""


class FileSum(msgspec.Struct, frozen=True):
    """By what a file is known again: its length, and a CRC-32."""

    size: int = 0
    crc: int = 0


class SumWriter:
    """Writes a file and counts its sum."""

    def __init__(self, path: Path) -> None:
        """Begin it. Raises OSError."""
        self._file = path.open("wb")
        self._size = self._crc = 0

    def write(self, piece: bytes) -> None:
        """Add to it. Raises OSError."""
        self._file.write(piece)
        self._size += len(piece)
        self._crc = zlib.crc32(piece, self._crc)

    def close(self) -> FileSum:
        """End it, and return its sum. Raises OSError."""
        self._file.close()
        return FileSum(self._size, self._crc)


class SumReader:
    """Reads a file and counts its sum."""

    def __init__(self, stream: IO[bytes], *visits: Callable[[bytes], None]) -> None:
        """`visits` are called with every piece that is read."""
        self._stream = stream
        self._visits = visits
        self._size = self._crc = 0

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes. Raises OSError."""
        piece = self._stream.read(size)
        self._size += len(piece)
        self._crc = zlib.crc32(piece, self._crc)
        for visit in self._visits:
            visit(piece)
        return piece

    @property
    def sum(self) -> FileSum:
        """The sum of what was read."""
        return FileSum(self._size, self._crc)


class TableWriter:
    """Writes the lines of a table as they come."""

    def __init__(self, path: Path) -> None:
        """Begin the file. Raises OSError."""
        self._writer = SumWriter(path)
        self._lines: list[str] = []

    def add(self, line: str) -> None:
        """Add the next line. Raises OSError."""
        self._lines.append(line)
        if len(self._lines) == _BATCH_LINES:
            self._write()

    def close(self) -> FileSum:
        """End the file. Raises OSError."""
        self._write()
        return self._writer.close()

    def abort(self) -> None:
        """Leave the file as it is."""
        self._lines.clear()
        with contextlib.suppress(OSError):
            self._writer.close()

    def _write(self) -> None:
        if self._lines:
            self._writer.write(("\n".join(self._lines) + "\n").encode("ascii"))
            self._lines.clear()


class TableChange(msgspec.Struct, frozen=True):
    """What a pass over the table found: the new file's sum, and what is said now of every key in question."""

    sum: FileSum
    said: dict[str, tuple[str, ...]]  # key -> numbers, as they stand in the lines


def change_table(old: Path, known: FileSum, new: Path, changes: Mapping[str, int], most_said: int) -> TableChange:
    """Write the table anew with lines added (so many) or taken away (less than none).

    Says of every changed key, of the keys listed under it, and of those that it stands under, what stands there
    now. Raises KeptUnusable: the file is not the one that was written, holds no such line, or too much hangs on
    the changes; OSError.
    """
    asked = _Questions({line.partition(MARK)[0] for line in changes}, most_said)
    edits = sorted(changes.items())
    done = 0
    with old.open("rb") as stream, contextlib.closing(SumWriter(new)) as writer:
        reader = SumReader(stream)
        for lines in _blocks(reader):
            until = bisect_left(edits, (lines[-1] + _AFTER_MARK,), done) if lines else len(edits)
            for line, count in edits[done:until]:
                _edit(lines, line, count)
            done = until
            if lines:
                asked.look_into(lines)
                writer.write(("\n".join(lines) + "\n").encode("ascii"))
    if reader.sum != known:
        raise KeptUnusable("the table of the last build is damaged")
    return TableChange(writer.close(), asked.said)


def _blocks(reader: SumReader) -> Iterator[list[str]]:
    """Yield the lines of the file in blocks, and at the end an empty one."""
    rest = b""
    while piece := reader.read(_BLOCK_BYTES):
        whole, end, rest_of_piece = piece.rpartition(b"\n")
        if not end:
            rest += piece
            continue
        yield _decoded(rest + whole)
        rest = rest_of_piece
    if rest:
        raise KeptUnusable("the table of the last build is cut short")
    yield []


def _decoded(block: bytes) -> list[str]:
    try:
        return block.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise KeptUnusable("the table of the last build is damaged") from None


def _edit(lines: list[str], line: str, count: int) -> None:
    at = bisect_left(lines, line)
    if count > 0:
        lines[at:at] = [line] * count
        return
    if lines[at : at - count] != [line] * -count:
        raise KeptUnusable("the table of the last build lacks a line that a list had")
    del lines[at : at - count]


class _Questions:
    """The ranges of the table that are asked about, and what was found there."""

    def __init__(self, keys: set[str], most: int) -> None:
        self.said: dict[str, tuple[str, ...]] = {}
        self._most = most
        ranges = set()
        for key in keys:
            above = [key[: at + 1] for at, letter in enumerate(key) if letter == "."]
            for parent in above:
                if parent in keys:  # all that is under it is asked about with it
                    ranges.add((parent, parent[:-1] + _AFTER_DOT))
                    break
                ranges.add((parent + MARK, parent + _AFTER_MARK))
        self._ranges = sorted(ranges)
        self._next = 0
        self._open: list[tuple[str, str]] = []  # those that go on beyond the last block

    def look_into(self, lines: Sequence[str]) -> None:
        """Take what a block says of them. Raises KeptUnusable where that is too much."""
        last = lines[-1]
        until = bisect_left(self._ranges, (last + MARK,), self._next)
        here = self._open + self._ranges[self._next : until]
        self._next = until
        self._open = []
        for begin, end in here:
            low, high = bisect_left(lines, begin), bisect_left(lines, end)
            if high == len(lines):
                self._open.append((begin, end))
            self._take(lines[low:high])
        if len(self.said) > self._most:
            raise KeptUnusable("too much of the lists stands under what has changed")

    def _take(self, lines: Sequence[str]) -> None:
        for line in lines:
            key, _, number = line.partition(MARK)
            before = self.said.get(key, ())
            if number not in before:
                self.said[key] = (*before, number)
