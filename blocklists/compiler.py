"""Compiles sources into one index.

The same input gives the same bytes, and so the same content hash. Lines that are not understood are counted with
file, line and reason, and are never fatal; a source of which nothing at all is understood is, because building
without it would open in silence what it closed. The index that was there stays until the new one is whole.
"""

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec

from blocklists import container
from blocklists.build_report import BuildReport, SourceReport
from blocklists.container import INDEX_NAME
from blocklists.errors import ListError, SourceUnusable
from blocklists.kept_build import BuildKeeper
from blocklists.name_tries import make_tries
from blocklists.never_block import all_never_block_names
from blocklists.source_parser import Progress, SourceParser
from blocklists.sources import Source
from blocklists.table import BuildTable, Compacted

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
    keep: Path | None = None,
) -> BuildReport:
    """Compile sources into `output`/index.hpx. Raises ListError, and then leaves the old index in place.

    `keep`: the folder, made anew, in which to keep what a small change can be built upon.
    """
    names = all_never_block_names(never_block)
    keeper = None if keep is None else BuildKeeper(keep)
    try:
        output.mkdir(parents=True, exist_ok=True)
        table = BuildTable([source.category for source in sources], names, folder=output)
        with contextlib.closing(table), contextlib.closing(keeper) if keeper else contextlib.nullcontext():
            return _build(sources, output, progress, locate, table, keeper=keeper)
    except OSError as problem:
        raise ListError(f"{output}: could not be written: {problem.strerror or problem}") from None


def _build(
    sources: Sequence[Source],
    output: Path,
    progress: Progress,
    locate: Callable[[Source], Path],
    table: BuildTable,
    *,
    keeper: BuildKeeper | None,
) -> BuildReport:
    reads = []
    problems = []
    for number, source in enumerate(sources):
        try:
            read = SourceParser(source, number, table, progress)
            reads.append(read.read_source(locate(source), keeper.copy_part if keeper else None))
            if keeper:
                keeper.add_source(source, read.to_reading())
        except SourceUnusable as problem:
            problems.append(str(problem))
    if problems:
        raise ListError("; ".join(problems))
    total = len(table)
    compacted = Compacted()
    # The names go from the files into the tries one by one: no other copy of them is made.
    names = make_tries(
        table.compact(
            lambda done: progress("sorting", done, total), compacted, keeper.add_line if keeper else None
        ),
        total,
    )
    progress("packing", 0, len(names))
    counts = _names_of_sources(compacted, table, len(sources))
    infos = [reading.source_info(counts[at]) for at, reading in enumerate(reads)]
    tables = table.to_tables(infos, compacted.sets)
    version = container.write_index(output / INDEX_NAME, names, names.by_id(compacted.numbers), tables)
    report = BuildReport(
        version=version,
        names=len(names),
        patterns=len(tables.patterns),
        sources=tuple(reading.source_report(counts[at]) for at, reading in enumerate(reads)),
    )
    with container.replace_file(output / REPORT_NAME) as file:
        file.write(msgspec.json.encode(report))
    if keeper:
        keeper.finish(report, tables, table.taken_back)
    progress("packing", len(names), len(names))
    return report


def survey_source(source: Source, location: Path, table: BuildTable | None = None) -> SourceReport:
    """Read one source without building anything, into a table that may look at it. Raises SourceUnusable."""
    with contextlib.closing(BuildTable([source.category]) if table is None else table) as read:
        reading = SourceParser(source, 0, read, no_progress).read_source(location)
        return reading.source_report(sum(1 for _ in read.iter_names()))


def _names_of_sources(compacted: Compacted, table: BuildTable, sources: int) -> list[int]:
    counts = [0] * sources
    for at, uses in Counter(compacted.numbers).items():
        for source in {table.source_of(attribute) for attribute in compacted.sets[at]}:
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
    "survey_source",
]
