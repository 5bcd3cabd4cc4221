"""Compiles sources into one index.

The same input gives the same bytes, and so the same content hash. Lines that are not understood are counted with
file, line and reason, and are never fatal; a source of which nothing at all is understood is, because building
without it would open in silence what it closed. The index that was there stays until the new one is whole.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from blocklists import container
from blocklists.build_report import BuildReport, SourceReport
from blocklists.container import INDEX_NAME
from blocklists.errors import ListError, SourceUnusable
from blocklists.never_block import never_block_names
from blocklists.source_text import Progress, SourceText
from blocklists.sources import Source
from blocklists.table import BuildTable

REPORT_NAME = "report.json"  # the report of the build, beside the index


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
            reads.append(SourceText(source, number, table, progress).read_source(locate(source)))
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
    SourceText(source, 0, table, no_progress).read_source(location)
    return set(table.iter_names())


def survey_source(source: Source, location: Path, table: BuildTable | None = None) -> SourceReport:
    """Read one source without building anything, into a table that may look at it. Raises SourceUnusable."""
    table = BuildTable([source.category]) if table is None else table
    reading = SourceText(source, 0, table, no_progress).read_source(location)
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


__all__ = [
    "REPORT_NAME",
    "BuildReport",
    "Progress",
    "SourceReport",
    "build_index",
    "local_path",
    "no_progress",
    "read_names",
    "survey_source",
]
