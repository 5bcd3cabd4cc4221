"""Parses the text of one source into the table of a build, line by line, and counts what became of each line.

What a line means is decided by `formats/` (`formats/mixed_lines.py` chooses the syntax of each).

A line that is not understood is counted with file, line and reason, and is never fatal. A whole source is
refused (`SourceUnusable`) where nothing in it is an entry, because building without it would open in silence
what it closed; where it holds bytes that are no text; and where most of its lines are no lines of any list.
"""

import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from blocklists.build_report import SourceReport
from blocklists.container import SourceInfo
from blocklists.entries import BadFilter, Effect, Item, NameEntry, PatternEntry, SkippedLine
from blocklists.errors import NotForNames, NotUnderstood, SourceUnusable
from blocklists.format_detection import (
    MOST_BINARY,
    detect_format,
    first_lines,
    is_binary,
    reject_binary,
    reject_web_pages,
)
from blocklists.formats import DETECTED
from blocklists.formats.mixed_lines import MixedParser
from blocklists.source_reader import SourcePart, read_lines, read_parts
from blocklists.sources import Source
from blocklists.table import BuildTable
from blocklists.text_encoding import utf8_stream
from blocklists.text_reading import TextReading
from blocklists.width import SINGLE_WORD

# What is under way, how much of it is done, and how much there is (0: not known).
Progress = Callable[[str, int, int], None]

MAX_PROBLEMS = 1000  # of each reason in each source; the rest is counted
_TEXT_KEPT = 80
_HEADER_LINES = 60
_FEW_LINES = 10  # so many lines that are not understood may stand in any list
_VERSION = re.compile(
    r"\s*[!#;]+\s*(?:version|last[ -]modified|last[ -]updated?|date)\s*[:=]\s*(.{1,60})", re.IGNORECASE
)


class SourceParser:
    """One source being read into the table."""

    def __init__(self, source: Source, number: int, table: BuildTable, progress: Progress) -> None:
        self._source = source
        self._number = number
        self._table = table
        self._progress = progress
        self._format = source.format
        self._base_format = source.format
        self._lines = 0
        self._entries = 0
        self._is_allowlist = False
        self._version = ""
        self._reasons: Counter[str] = Counter()
        self._kinds: Counter[str] = Counter()
        self._problems: list[SkippedLine] = []
        self._not_understood = 0
        self._binary = 0

    @classmethod
    def from_reading(cls, source: Source, number: int, table: BuildTable, reading: TextReading) -> "SourceParser":
        """Return a source as if it were being read, with what is known of it already."""
        text = cls(source, number, table, lambda _what, _done, _total: None)
        text._format, text._base_format = reading.format, reading.base_format
        text._lines, text._entries = reading.lines, reading.entries
        text._is_allowlist, text._version = reading.is_allowlist, reading.version
        text._reasons, text._kinds = Counter(reading.reasons), Counter(reading.kinds)
        text._problems = list(reading.problems)
        text._not_understood, text._binary = reading.not_understood, reading.binary
        return text

    def to_reading(self) -> TextReading:
        """Return what is known of it."""
        return TextReading(
            format=self._format,
            base_format=self._base_format,
            version=self._version,
            is_allowlist=self._is_allowlist,
            lines=self._lines,
            entries=self._entries,
            not_understood=self._not_understood,
            binary=self._binary,
            reasons=dict(self._reasons),
            kinds=dict(self._kinds),
            problems=tuple(self._problems),
        )

    def read_source(
        self, location: Path, keep: Callable[[SourcePart], SourcePart] | None = None
    ) -> "SourceParser":
        """Read everything. Raises SourceUnusable.

        `keep`: called with each part; returns the same text from elsewhere, which is then read.
        """
        try:
            for part in read_parts(location, self._source.folder):
                self.read_part(keep(part) if keep is not None else part)
        except SourceUnusable as problem:
            raise SourceUnusable(f"source {self._source.name!r}: {problem}") from None
        self.reject_junk(location)
        return self

    def read_part(self, part: SourcePart) -> None:
        """Read one text of it. Raises SourceUnusable."""
        text, sample = self.read_beginning(part)
        parser = MixedParser(self._format, self._source.default_match)
        self._parse_lines(parser, part.name, enumerate(itertools.chain(sample, text), 1))
        self._finish_part(parser)

    def read_beginning(self, part: SourcePart) -> tuple[Iterator[str | None], list[str | None]]:
        """Find out what a text is; return its lines from where that is known, and those before.

        Raises SourceUnusable.
        """
        self._is_allowlist = part.is_allowlist or self._source.action == "allow"
        text = read_lines(utf8_stream(part.stream))
        sample = first_lines(text)
        self._version = _version(sample)
        self._format = self._base_format = self._format_of(part, sample)
        return text, sample

    def read_some_lines(self, file: str, numbered: Iterable[tuple[int, str]]) -> None:
        """Read some lines of a text of which each stands for itself, and whose beginning was read."""
        parser = MixedParser(self._base_format, self._source.default_match)
        self._parse_lines(parser, file, numbered)
        self._finish_part(parser)

    def source_info(self, names: int) -> SourceInfo:
        """Return what the index keeps of this source."""
        source = self._source
        return SourceInfo(
            name=source.name,
            category=source.category,
            format=self._format,
            names=names,
            licence=source.licence,
            homepage=source.homepage,
            version=self._version,
            opens=self._is_allowlist,
        )

    def source_report(self, names: int) -> SourceReport:
        """Return what became of this source."""
        return SourceReport(
            name=self._source.name,
            category=self._source.category,
            format=self._format,
            lines=self._lines,
            entries=self._entries,
            names=names,
            passed_over=dict(self._reasons.most_common()),
            problems=tuple(self._problems),
            white=self._is_allowlist,
            not_understood=self._not_understood,
        )

    def reject_junk(self, location: Path) -> None:
        """Raise SourceUnusable where what was read is no list."""
        where = f"source {self._source.name!r}: {location}"
        often = f" (most often: {self._reasons.most_common(1)[0][0]})" if self._reasons else ""
        if self._binary > _FEW_LINES and self._binary > self._lines * MOST_BINARY:
            raise SourceUnusable(f"{where}: {self._binary} of its {self._lines} lines hold bytes that are no text")
        if self._lines and not self._entries:
            what = f"not one of its {self._lines} lines is an entry of the format {self._format!r}"
            raise SourceUnusable(f"{where}: {what}{often}")
        if self._not_understood > _FEW_LINES and self._not_understood * 2 > self._lines:
            what = f"{self._not_understood} of its {self._lines} lines are not understood"
            raise SourceUnusable(f"{where}: is no list: {what}{often}")

    def _finish_part(self, parser: MixedParser) -> None:
        for item in parser.finish_file():
            self._add_item(item)
        self._kinds += parser.counts
        if self._source.format == DETECTED:
            self._format = parser.main_format

    def _format_of(self, part: SourcePart, sample: Sequence[str | None]) -> str:
        reject_web_pages(sample)
        reject_binary(sample)
        if part.is_squidguard and self._source.format in (DETECTED, "domains"):
            return "squidguard"
        return detect_format(sample) if self._source.format == DETECTED else self._source.format

    def _parse_lines(self, parser: MixedParser, file: str, numbered: Iterable[tuple[int, str | None]]) -> None:
        for at, line in numbered:
            if not at % 16384:
                self._progress(self._source.name, at, 0)
            if line is None:
                self._skip_line(file, at, "a line longer than 64 KB", "")
                continue
            try:
                items = parser.parse_line(line)
            except NotUnderstood as reason:
                self._skip_line(file, at, str(reason), line)
                self._count_not_understood(line, is_junk=not isinstance(reason, NotForNames))
                continue
            if not items:
                continue
            self._lines += 1
            for item in items:
                refused = self._add_item(item)
                if refused is not None:
                    self._skip_line(file, at, refused, line, counted=True)
                    if refused == SINGLE_WORD:
                        self._count_not_understood(line, is_junk=True)
        self._progress(self._source.name, self._lines, self._lines)

    def _add_item(self, item: Item | BadFilter) -> str | None:
        """Take in what a line said; return why not, or None."""
        if isinstance(item, NameEntry):  # nearly every one
            entry = msgspec.structs.replace(item, effect=Effect.ALLOW) if self._is_allowlist else item
            refused = self._table.add_entry(entry, self._number, allow_wide=self._source.allow_wide)
        elif isinstance(item, PatternEntry):
            pattern = msgspec.structs.replace(item, effect=Effect.ALLOW) if self._is_allowlist else item
            refused = self._table.add_pattern(pattern, self._number, allow_wide=self._source.allow_wide)
        elif isinstance(item, BadFilter):
            self._table.remove_entry(item.item, self._number)
            return None
        else:
            return item.reason
        self._entries += refused != SINGLE_WORD
        return refused

    def _count_not_understood(self, line: str, *, is_junk: bool) -> None:
        self._not_understood += is_junk
        self._binary += is_binary(line)

    def _skip_line(self, file: str, line: int, reason: str, text: str, *, counted: bool = False) -> None:
        self._lines += not counted
        self._reasons[reason] += 1
        if self._reasons[reason] <= MAX_PROBLEMS:
            shown = "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text[:_TEXT_KEPT])
            self._problems.append(SkippedLine(file, line, reason, shown))


def _version(sample: Iterable[str | None]) -> str:
    for line in itertools.islice(sample, _HEADER_LINES):
        if line and (match := _VERSION.match(line)):
            return match[1].strip()
    return ""
