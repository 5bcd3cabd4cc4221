r"""Which lines of a text another version of it lacks, and which it has instead: the places where the two differ.

Both are read as streams, a window of each at a time, and most of the work is comparing bytes: a list of a hundred
megabytes in which twenty thousand lines changed takes a second, where parsing it takes a minute. What is found
need not be the smallest difference; it is always a true one: old, without what is removed, with what is added at
its place, is new. A text whose lines stand in quite another order is no version of the other: `TooDifferent`.

Lines end with ``\n``; a last line without one counts as if it had it.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

import msgspec

from blocklists.source_reader import MAX_LINE_BYTES

_BLOCK_BYTES = 1 << 18
_LEAST_STEP, _MOST_STEP = 1 << 12, 1 << 16  # bytes compared at once
_WINDOWS = (1 << 9, 1 << 13, 1 << 17, 1 << 20)  # bytes of each text in which they must meet again
_TELLING_BYTES = 4  # of a line by which two texts may be aligned: blank lines and lone marks stand everywhere


class ByteStream(Protocol):
    """What a text is read from."""

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes; none at the end."""


class TooDifferent(Exception):
    """Two texts that are not versions of each other, or a line that is longer than any list has."""


class Hunk(msgspec.Struct, frozen=True):
    """One place at which they differ: lines without their ends, and the number of the first, from 1."""

    old_line: int
    removed: tuple[bytes, ...]
    new_line: int
    added: tuple[bytes, ...]


def iter_hunks(old: ByteStream, new: ByteStream) -> Iterator[Hunk]:
    """Yield the places at which two texts differ, and read both to their ends. Raises TooDifferent, OSError."""
    before, after = _Text(old), _Text(new)
    while True:
        before.fill(_BLOCK_BYTES)
        after.fill(_BLOCK_BYTES)
        same, meets_end = _same_lines(before, after)
        before.skip(same)
        after.skip(same)
        if before.is_over and after.is_over:
            return
        if meets_end:
            if not same and not (before.is_over or after.is_over):
                raise TooDifferent
            if same:
                continue
        yield _hunk(before, after)


class _Text:
    """One text: what was read and not yet looked at, and the number of its next line."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self.has_ended = False
        self.data = b""
        self.at = 0
        self.line = 1

    @property
    def is_over(self) -> bool:
        return self.has_ended and self.at == len(self.data)

    def fill(self, wanted: int) -> None:
        """Have so many bytes in hand, or all there are."""
        if len(self.data) - self.at >= wanted or self.has_ended:
            return
        pieces = [self.data[self.at :]]
        have = len(pieces[0])
        while have < wanted:
            piece = self._stream.read(_BLOCK_BYTES)
            if not piece:
                self.has_ended = True
                if have and not pieces[-1].endswith(b"\n"):
                    pieces.append(b"\n")
                break
            pieces.append(piece)
            have += len(piece)
        self.data, self.at = b"".join(pieces), 0

    def skip(self, count: int) -> None:
        """Go on by whole lines."""
        self.line += self.data.count(b"\n", self.at, self.at + count)
        self.at += count

    def peek(self, size: int) -> list[bytes]:
        """Return the next whole lines within so many bytes, with their ends. Raises TooDifferent: a long line."""
        self.fill(size)
        end = self.at + size
        if end >= len(self.data) and self.has_ended:
            end = len(self.data)
        else:
            end = self.data.rfind(b"\n", self.at, end) + 1
            if end <= self.at:
                end = self.data.find(b"\n", self.at) + 1
        lines = [line + b"\n" for line in self.data[self.at : end].split(b"\n")[:-1]]
        if (not lines and not self.is_over) or any(len(line) >= MAX_LINE_BYTES for line in lines):
            raise TooDifferent
        return lines

    def take(self, lines: Sequence[bytes]) -> tuple[bytes, ...]:
        """Go on by lines that were peeked at; return them without their ends."""
        self.at += sum(map(len, lines))
        self.line += len(lines)
        return tuple(line[:-1] for line in lines)


def _same_lines(before: _Text, after: _Text) -> tuple[int, bool]:
    """Return how many bytes of whole lines are the same, and whether that goes to the end of what is in hand."""
    one, other, at, there = before.data, after.data, before.at, after.at
    most = min(len(one) - at, len(other) - there)
    done, step = 0, _LEAST_STEP
    while done < most:
        size = min(step, most - done)
        if one[at + done : at + done + size] != other[there + done : there + done + size]:
            done += _same_bytes(one[at + done : at + done + size], other[there + done : there + done + size])
            break
        done += size
        step = min(step * 2, _MOST_STEP)
    whole = one.rfind(b"\n", at, at + done) + 1 - at
    return max(whole, 0), done == most


def _same_bytes(one: bytes, other: bytes) -> int:
    """Return how many bytes two different pieces of the same length begin with alike."""
    least, most = 0, len(one)  # the first `least` are the same, the first `most` are not
    while most - least > 1:
        middle = (least + most) // 2
        if one[least:middle] == other[least:middle]:
            least = middle
        else:
            most = middle
    return least


def _hunk(before: _Text, after: _Text) -> Hunk:
    old_line, new_line = before.line, after.line
    for size in _WINDOWS:
        removed, added = before.peek(size), after.peek(size)
        if not removed or not added:
            break
        met = _meeting(removed, added)
        if met is not None:
            removed, added = removed[: met[0]], added[: met[1]]
            break
        before_ends = len(before.data) - before.at == sum(map(len, removed)) and before.has_ended
        after_ends = len(after.data) - after.at == sum(map(len, added)) and after.has_ended
        if before_ends and after_ends:
            break
    else:
        raise TooDifferent
    return Hunk(old_line, before.take(removed), new_line, after.take(added))


def _meeting(removed: Sequence[bytes], added: Sequence[bytes]) -> tuple[int, int] | None:
    """Return how many lines of each stand before the first that both have; None: they have none in common."""
    positions: dict[bytes, int] = {}
    for at, line in enumerate(removed):
        if len(line) > _TELLING_BYTES:
            positions.setdefault(line, at)
    best: tuple[int, int] | None = None
    for there, line in enumerate(added):
        if best is not None and there >= sum(best):
            break
        found = positions.get(line)
        if found is not None and (best is None or found + there < sum(best)):
            best = found, there
    return best
