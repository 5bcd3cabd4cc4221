"""Compiles sources into one index.

The same input gives the same bytes, and so the same content hash. Lines that are not understood are counted with
file, line and reason, and are never fatal; a source of which nothing at all is understood is, because building
without it would open in silence what it closed. The index that was there stays until the new one is whole.
"""

import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from blocklists import container
from blocklists.container import INDEX_NAME, SourceInfo
from blocklists.entries import BadFilter, Effect, NameEntry, PatternEntry, SkippedLine
from blocklists.errors import ListError, NotUnderstood, SourceUnusable
from blocklists.format_detection import SAMPLE_LINES, detect_format, reject_web_pages
from blocklists.formats import DETECTED, FORMATS, Parser
from blocklists.never_block import never_block_names
from blocklists.source_reader import SourcePart, read_lines, read_parts
from blocklists.sources import Source
from blocklists.table import BuildTable

REPORT_NAME = "report.json"  # the report of the build, beside the index
MAX_PROBLEMS = 1000  # of each reason in each source; the rest is counted
_TEXT_KEPT = 80
_HEADER_LINES = 60
_VERSION = re.compile(
    r"\s*[!#;]+\s*(?:version|last[ -]modified|last[ -]updated?|date)\s*[:=]\s*(.{1,60})", re.IGNORECASE
)

# What is under way, how much of it is done, and how much there is (0: not known).
Progress = Callable[[str, int, int], None]


class SourceReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one source."""

    name: str
    category: str
    format: str
    lines: int  # that are not empty and no comments
    entries: int  # what they said
    names: int  # the names that stand in the index because of it
    passed_over: dict[str, int]  # reason -> lines
    problems: tuple[SkippedLine, ...]  # the first of each reason
    white: bool = False  # its names are left open, as its `usage` says


class BuildReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was built."""

    version: str
    names: int
    patterns: int
    sources: tuple[SourceReport, ...]


def no_progress(what: str, done: int, total: int) -> None:
    """Show nothing."""


def local_path(source: Source) -> Path:
    """Return where a source lies on this machine. Raises SourceUnusable for one that must be fetched."""
    if source.is_url:
        raise SourceUnusable(f"source {source.name!r}: {source.location} has not been fetched")
    return source.path


def build_index(
    sources: Sequence[Source],
    output: Path,
    progress: Progress = no_progress,
    *,
    locate: Callable[[Source], Path] = local_path,
    never_block: Iterable[str] = (),
) -> BuildReport:
    """Compile sources into `output`/index.hpx. Raises ListError, and then leaves the old index in place."""
    shipped = never_block_names()
    table = BuildTable(
        [source.category for source in sources], (*shipped, *sorted(set(never_block).difference(shipped)))
    )
    reads = []
    problems = []
    for number, source in enumerate(sources):
        try:
            reads.append(_SourceReader(source, number, table, progress).read_source(locate(source)))
        except SourceUnusable as problem:
            problems.append(str(problem))
    if problems:
        raise ListError("; ".join(problems))
    total = len(table)
    keys, numbers, sets = table.compact(lambda done: progress("sorting", done, total))
    progress("packing", 0, len(keys))
    names = _names_of_sources(numbers, sets, table, len(sources))
    infos = [reading.source_info(names[at]) for at, reading in enumerate(reads)]
    tables = table.to_tables(infos, sets)
    del table
    trie = container.make_trie(keys)
    by_id = _in_trie_order(trie, keys, numbers)
    version = container.write_index(output / INDEX_NAME, trie, by_id, tables)
    report = BuildReport(
        version=version,
        names=len(keys),
        patterns=len(tables.patterns),
        sources=tuple(reading.source_report(names[at]) for at, reading in enumerate(reads)),
    )
    with container.replace_file(output / REPORT_NAME) as file:
        file.write(msgspec.json.encode(report))
    progress("packing", len(keys), len(keys))
    return report


def read_names(source: Source, location: Path) -> set[str]:
    """Return the names that a source's text speaks of. Raises SourceUnusable."""
    table = BuildTable([source.category])
    _SourceReader(source, 0, table, no_progress).read_source(location)
    return set(table.iter_names())


def survey_source(source: Source, location: Path) -> SourceReport:
    """Read one source without building anything. Raises SourceUnusable."""
    table = BuildTable([source.category])
    reading = _SourceReader(source, 0, table, no_progress).read_source(location)
    return reading.source_report(len(table))


def _in_trie_order(trie: Any, keys: Sequence[str], numbers: Sequence[int]) -> list[int]:
    ordered = [0] * len(keys)
    key_id = trie.key_id
    for name, number in zip(keys, numbers, strict=True):
        ordered[key_id(name)] = number
    return ordered


def _names_of_sources(
    numbers: Iterable[int], sets: Sequence[tuple[int, ...]], table: BuildTable, sources: int
) -> list[int]:
    counts = [0] * sources
    for at, uses in Counter(numbers).items():
        for source in {table.source_of(attribute) for attribute in sets[at]}:
            counts[source] += uses
    return counts


class _SourceReader:
    """One source being read into the table."""

    def __init__(self, source: Source, number: int, table: BuildTable, progress: Progress) -> None:
        self._source = source
        self._number = number
        self._table = table
        self._progress = progress
        self._format = source.format
        self._lines = 0
        self._entries = 0
        self._is_allowlist = False
        self._version = ""
        self._reasons: Counter[str] = Counter()
        self._problems: list[SkippedLine] = []

    def read_source(self, location: Path) -> "_SourceReader":
        """Read everything. Raises SourceUnusable."""
        try:
            for part in read_parts(location, self._source.folder):
                self._read_part(part)
        except SourceUnusable as problem:
            raise SourceUnusable(f"source {self._source.name!r}: {problem}") from None
        if self._lines and not self._entries:
            reason, _ = self._reasons.most_common(1)[0]
            raise SourceUnusable(
                f"source {self._source.name!r}: {location}: not one of its {self._lines} lines is an entry"
                f" of the format {self._format!r} (most often: {reason})"
            )
        return self

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
        )

    def _read_part(self, part: SourcePart) -> None:
        self._is_allowlist = part.is_allowlist
        text = read_lines(part.stream)
        sample = list(itertools.islice(text, SAMPLE_LINES))
        self._version = _version(sample)
        self._format = self._format_of(part, sample)
        parser = FORMATS[self._format](self._source.default_match)
        self._parse_lines(parser, part, itertools.chain(sample, text))
        for item in parser.finish_file():
            self._add_item(item)

    def _format_of(self, part: SourcePart, sample: Sequence[str | None]) -> str:
        if part.is_squidguard and self._source.format in (DETECTED, "domains"):
            reject_web_pages(sample)
            return "squidguard"
        if self._source.format == DETECTED:
            return detect_format(sample)
        reject_web_pages(sample)
        return self._source.format

    def _parse_lines(self, parser: Parser, part: SourcePart, text: Iterator[str | None]) -> None:
        for at, line in enumerate(text, 1):
            if not at % 16384:
                self._progress(self._source.name, at, 0)
            if line is None:
                self._skip_line(part.name, at, "a line longer than 64 KB", "")
                continue
            try:
                items = parser.parse_line(line)
            except NotUnderstood as reason:
                self._skip_line(part.name, at, str(reason), line)
                continue
            if not items:
                continue
            self._lines += 1
            for item in items:
                if not self._add_item(item):
                    self._skip_line(part.name, at, "would close a name that no list can close", line, counted=True)
        self._progress(self._source.name, self._lines, self._lines)

    def _add_item(self, item: NameEntry | PatternEntry | BadFilter) -> bool:
        if isinstance(item, BadFilter):
            self._table.remove_entry(item.item, self._number)
            return True
        if self._is_allowlist:
            item = msgspec.structs.replace(item, effect=Effect.ALLOW)
        self._entries += 1
        if isinstance(item, PatternEntry):
            self._table.add_pattern(item, self._number)
            return True
        return self._table.add_entry(item, self._number)

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
