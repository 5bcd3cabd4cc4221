"""What a new copy of one list changes: the entries that went and came, and what is then known of the whole text.

Only the lines that differ are parsed. Where lines depend on each other (RPZ, `!#if`), or stand in quite another
order, the old and the new text are parsed whole, as long as they are short.
"""

import contextlib
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from blocklists.delta import link_file
from blocklists.entries import SkippedLine
from blocklists.formats import DETECTED
from blocklists.formats.mixed_lines import find_main_format
from blocklists.kept_build import DirectiveSearch, KeptText, is_apart
from blocklists.kept_table import FileSum, KeptUnusable, SumReader, SumWriter
from blocklists.line_diff import Hunk, TooDifferent, iter_hunks
from blocklists.source_parser import MAX_PROBLEMS, SourceParser
from blocklists.source_reader import SourcePart, read_parts
from blocklists.table import BuildTable
from blocklists.text_encoding import utf8_stream
from blocklists.text_reading import TextReading

MOST_LINES = 250_000  # changed, of one list
MOST_PARSED_WHOLE = 4 * 1024 * 1024  # bytes of a text
_PIECE_BYTES = 1 << 18


class ListChange(msgspec.Struct, frozen=True):
    """What changed in one list."""

    text: KeptText  # of now
    lines: dict[str, int] = {}  # of the table: how often each came more often than it went


def read_change(
    kept: KeptText, number: int, location: Path, texts: tuple[Path, Path], table: BuildTable
) -> ListChange:
    """Compare a source with its text as it was kept, in the first file, and keep its text of now in the second.

    Raises KeptUnusable where only a whole build can tell, SourceUnusable, and what reading raises.
    """
    old, new = texts
    with contextlib.closing(read_parts(location, kept.source.folder)) as parts:
        part = next(parts, None)
        if part is None:
            raise KeptUnusable(f"{kept.source.name}: holds no text")
        hunks, found, has_directives = _compare(kept, part, old, new)
    if hunks == [] and found == kept.sum and _is_same_kind_of_part(part, kept):
        new.unlink()
        link_file(old, new)
        return ListChange(kept)
    text = msgspec.structs.replace(
        kept, part=part.name, is_squidguard=part.is_squidguard, sum=found, has_directives=has_directives
    )
    with old.open("rb") as before, new.open("rb") as after:
        parse = _Parse(
            text,
            number,
            msgspec.structs.replace(part, stream=before, is_allowlist=kept.reading.is_allowlist),
            msgspec.structs.replace(part, stream=after),
            table,
        )
        if hunks is None or is_apart(kept) or has_directives or not parse.is_utf8():
            if max(kept.sum.size, found.size) > MOST_PARSED_WHOLE:
                raise KeptUnusable(f"{kept.source.name}: nearly all of it changed its place")
            change = parse.parse_whole()
        else:
            change = parse.parse_lines(hunks)
    if table.has_more_than_names:
        raise KeptUnusable(f"{kept.source.name}: more than names changed")
    if change.text.reading.format != kept.reading.format:
        raise KeptUnusable(f"{kept.source.name}: is of another format now")
    SourceParser.from_reading(kept.source, number, table, change.text.reading).reject_junk(location)
    return change


def _is_same_kind_of_part(part: SourcePart, kept: KeptText) -> bool:
    is_allowlist = part.is_allowlist or kept.source.action == "allow"
    known = (kept.part, kept.is_squidguard, kept.reading.is_allowlist)
    return (part.name, part.is_squidguard, is_allowlist) == known


class _Parse:
    """Parses what differs between two texts of a source."""

    def __init__(
        self, kept: KeptText, number: int, before: SourcePart, after: SourcePart, table: BuildTable
    ) -> None:
        self._kept = kept
        self._source = kept.source
        self._number = number
        self._before, self._after = before, after
        self._table = table

    def is_utf8(self) -> bool:
        """Tell whether the bytes of both are the text itself, line by line."""
        return all(utf8_stream(part.stream) is part.stream for part in (self._before, self._after))

    def parse_whole(self) -> ListChange:
        """Parse both, all of them."""
        gone, came = self._begin(), self._begin()
        gone.read_part(self._before)
        _require_same_kind(self._kept, gone.to_reading())
        went = self._table.take_lines()
        came.read_part(self._after)
        return self._change(came.to_reading(), went)

    def parse_lines(self, hunks: Sequence[Hunk]) -> ListChange:
        """Parse the lines that differ."""
        beginning = self._begin()
        beginning.read_beginning(self._after)
        now = beginning.to_reading()
        reading = self._kept.reading
        _require_same_kind(self._kept, now)
        gone, came = self._begin(now), self._begin(now)
        gone.read_some_lines(self._kept.part, _numbered((hunk.old_line, hunk.removed) for hunk in hunks))
        went = self._table.take_lines()
        came.read_some_lines(self._kept.part, _numbered((hunk.new_line, hunk.added) for hunk in hunks))
        changed = reading.change(
            gone.to_reading(), came.to_reading(), _mover(hunks, self._kept.part), MAX_PROBLEMS
        )
        base = reading.base_format
        form = find_main_format(base, changed.kinds) if self._source.format == DETECTED else base
        return self._change(msgspec.structs.replace(changed, format=form), went)

    def _begin(self, reading: TextReading | None = None) -> SourceParser:
        known = reading or TextReading(format=self._source.format, base_format=self._source.format)
        return SourceParser.from_reading(self._source, self._number, self._table, known)

    def _change(self, reading: TextReading, went: Iterable[str]) -> ListChange:
        lines = Counter(self._table.take_lines())
        lines.subtract(went)
        changed = {line: count for line, count in lines.items() if count}
        return ListChange(msgspec.structs.replace(self._kept, reading=reading), changed)


def _compare(kept: KeptText, part: SourcePart, old: Path, new: Path) -> tuple[list[Hunk] | None, FileSum, bool]:
    """Return where a text differs from the kept one (None: nearly everywhere), its sum, and about directives."""
    search = DirectiveSearch()
    with old.open("rb") as stream, contextlib.closing(SumWriter(new)) as writer:
        before, after = SumReader(stream), SumReader(part.stream, writer.write, search.look_at)
        hunks = _few_hunks(before, after)
        if hunks is None:
            for reader in (before, after):
                while reader.read(_PIECE_BYTES):
                    pass
    if before.sum != kept.sum:
        raise KeptUnusable(f"{kept.source.name}: what was kept of it is damaged")
    return hunks, after.sum, search.found


def _few_hunks(before: SumReader, after: SumReader) -> list[Hunk] | None:
    hunks: list[Hunk] = []
    changed = 0
    try:
        for hunk in iter_hunks(before, after):
            changed += max(len(hunk.removed), len(hunk.added))
            if changed > MOST_LINES:
                return None
            hunks.append(hunk)
    except TooDifferent:
        return None
    return hunks


def _numbered(groups: Iterable[tuple[int, Sequence[bytes]]]) -> Iterator[tuple[int, str]]:
    """Yield lines as they are read from a text (`source_reader.read_lines`), with their numbers."""
    for first, lines in groups:
        for number, line in enumerate(lines, first):
            encoding = "utf-8-sig" if number == 1 else "utf-8"
            yield number, line.decode(encoding, "replace").rstrip("\r\n")


def _require_same_kind(kept: KeptText, now: TextReading) -> None:
    if (now.base_format, now.is_allowlist) != (kept.reading.base_format, kept.reading.is_allowlist):
        raise KeptUnusable(f"{kept.source.name}: is of another format now")


def _mover(hunks: Sequence[Hunk], file: str) -> Callable[[SkippedLine], SkippedLine | None]:
    begins = [hunk.old_line for hunk in hunks]

    def move(one: SkippedLine) -> SkippedLine | None:
        at = bisect_right(begins, one.line) - 1
        if at < 0:
            return msgspec.structs.replace(one, file=file)
        hunk = hunks[at]
        end = hunk.old_line + len(hunk.removed)
        if one.line < end:
            return None
        return msgspec.structs.replace(one, file=file, line=one.line - end + hunk.new_line + len(hunk.added))

    return move
