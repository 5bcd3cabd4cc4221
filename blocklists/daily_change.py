"""A day's changes, from the text of the lists to the overlay, without compiling everything anew.

What was kept of the last build (`blocklists.kept_build`) is compared with the lists of now: only lines that
changed are parsed (`blocklists.list_change`), and go into the kept table (`blocklists.kept_table`). What becomes
of a name depends on its own entries and on its listed parents: so the names that changed, what is listed under
them (what was left out comes back where the name above it goes), and their parents are compacted, no others.

The overlay lies over the whole index on which the one in force rests, and holds what the whole compilation of the
same lists would differ in from that: nobody can tell the two apart by asking. What both together are is named by
the hash of the two, as the whole index is not made.

Anything that does not fit is `KeptUnusable`, and nothing is changed: then the lists are compiled whole.
"""

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from blocklists import container, delta
from blocklists.build_report import BuildReport
from blocklists.compaction import AttributeTable, Compaction
from blocklists.container import INDEX_NAME, OVERLAY_NAME, Tables
from blocklists.errors import describe_failure
from blocklists.index import Index, LayeredIndex, open_index
from blocklists.kept_build import (
    FOLDER_MODE,
    TABLE_NAME,
    KeptBuild,
    KeptText,
    LastBuild,
    read_kept,
    text_path,
    write_kept,
)
from blocklists.kept_table import KeptUnusable, change_table
from blocklists.list_change import ListChange, read_change
from blocklists.never_block import all_never_block_names
from blocklists.precedence import EntryGroup, group_attributes
from blocklists.source_parser import Progress, SourceParser
from blocklists.sources import Source
from blocklists.table import MARK, BuildTable

MOST_CHANGES = 300_000  # lines of the table, and names that hang on them: some 100 MB
_Groups = tuple[EntryGroup, ...]


class DailyChange(msgspec.Struct, frozen=True, kw_only=True):
    """What was made."""

    report: BuildReport
    base: str = ""  # the whole index over which the overlay lies; "": nothing has changed, and there is none
    changes: int = 0  # names that the overlay speaks of


def make_daily_change(
    sources: Sequence[Source],
    last: LastBuild,
    output: Path,
    keep: Path,
    progress: Progress,
    *,
    locate: Callable[[Source], Path],
    never_block: Iterable[str] = (),
) -> DailyChange:
    """Write `output`/overlay.hpx, which leads from the whole index of the last build to the lists of now.

    `keep`: the folder in which to keep what the next change is built upon. Raises KeptUnusable, whatever it was.
    """
    try:
        output.mkdir(parents=True, exist_ok=True)
        keep.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
        change = _Change(sources, last, all_never_block_names(never_block))
        return change.make(output / OVERLAY_NAME, keep, locate, progress)
    except Exception as problem:  # noqa: BLE001 (whatever it is, compiling the lists whole does without)
        with contextlib.suppress(OSError):
            (output / OVERLAY_NAME).unlink(missing_ok=True)
        raise KeptUnusable(describe_failure(problem)) from None


class _Change:
    """The lists of now against the last build."""

    def __init__(self, sources: Sequence[Source], last: LastBuild, never_block: tuple[str, ...]) -> None:
        self._sources = sources
        self._last = last
        self._kept = read_kept(last.kept)
        self._before = open_index(last.index)
        _require_same(self._kept, self._before, sources, never_block)
        self._base = self._before
        if isinstance(self._before, LayeredIndex):
            self._base = Index(container.map_index_file(last.index / INDEX_NAME))
        self._categories = [source.category for source in sources]
        self._attributes = AttributeTable(self._kept.attributes, self._kept.conditions)
        self._reader = BuildTable(self._categories, never_block, attributes=self._attributes)

    def make(self, path: Path, keep: Path, locate: Callable[[Source], Path], progress: Progress) -> DailyChange:
        """Write the overlay, where anything has changed, and what is kept."""
        changes = list(self._read_lists(keep, locate, progress))
        lines: dict[str, int] = {}
        for change in changes:
            lines |= change.lines
        if len(lines) > MOST_CHANGES:
            raise KeptUnusable(f"{len(lines)} entries changed")
        table = change_table(
            self._last.kept / TABLE_NAME, self._kept.table, keep / TABLE_NAME, lines, MOST_CHANGES
        )
        texts = [change.text for change in changes]
        tables, there = self._compact({line.partition(MARK)[0] for line in lines}, table.said, texts)
        report = self._count(there, tables, texts)
        tables = _with_counts(tables, report)
        overlay, base, version = self._over_base(there), "", self._before.version
        if overlay != self._overlay_before() or tables.sources != self._before.tables.sources:
            made = delta.write_overlay(path, self._base, overlay, tables)
            if not made.is_worthwhile:
                raise KeptUnusable(f"{made.changes} names differ from the whole index that rooms have")
            base, version = made.base, made.target
        kept = msgspec.structs.replace(
            self._kept,
            version=version,
            names=report.names,
            texts=tuple(texts),
            table=table.sum,
            attributes=tuple(self._attributes.attributes),
            conditions=tuple(self._attributes.conditions),
        )
        write_kept(keep, kept)
        report = msgspec.structs.replace(report, version=version)
        return DailyChange(report=report, base=base, changes=len(overlay))

    def _read_lists(
        self, keep: Path, locate: Callable[[Source], Path], progress: Progress
    ) -> Iterator[ListChange]:
        for number, (source, known) in enumerate(zip(self._sources, self._kept.texts, strict=True)):
            progress(source.name, number, len(self._sources))
            old, new = (text_path(folder, number) for folder in (self._last.kept, keep))
            text = msgspec.structs.replace(known, source=source)
            yield read_change(text, number, locate(source), (old, new), self._reader)

    def _compact(
        self, changed: set[str], said: Mapping[str, tuple[str, ...]], texts: Sequence[KeptText]
    ) -> tuple[Tables, dict[str, _Groups]]:
        """Return the tables of now, and what stands now at every key where that may be something else."""
        taken_back = set(self._kept.taken_back)
        grouped = (
            (key, left)
            for key in sorted(said)
            if (left := tuple(one for one in said[key] if f"{key}{MARK}{one}" not in taken_back))
        )
        own = dict(Compaction(self._attributes, self._categories).compact(grouped))
        tables = Tables(
            sources=tuple(self._text_of(number, text).source_info(0) for number, text in enumerate(texts)),
            conditions=tuple(self._attributes.conditions),
            attributes=tuple(self._attributes.attributes),
            sets=(),
            patterns=self._before.tables.patterns,
            never_block=self._kept.never_block,
        )
        known: dict[tuple[int, ...], _Groups] = {}
        there: dict[str, _Groups] = {}
        for key in changed | said.keys():
            members = own.get(key, ())
            groups = known.get(members)
            if groups is None:
                groups = known[members] = group_attributes(tables, members)
            there[key] = groups
        return tables, there

    def _count(self, there: Mapping[str, _Groups], tables: Tables, texts: Sequence[KeptText]) -> BuildReport:
        """Return the report of the lists of now: what was counted before, and what has changed since."""
        counts = Counter({info.name: info.names for info in self._before.tables.sources})
        total = 0
        for key, groups in there.items():
            before = _groups_at(self._before, key)
            if before != groups:
                counts.subtract({name for group in before for name in group.source_names})
                counts.update({name for group in groups for name in group.source_names})
                total += bool(groups) - bool(before)
        return BuildReport(
            version="",
            names=self._kept.names + total,
            patterns=len(tables.patterns),
            sources=tuple(
                self._text_of(number, text).source_report(counts[text.source.name])
                for number, text in enumerate(texts)
            ),
        )

    def _over_base(self, changed: Mapping[str, _Groups]) -> dict[str, _Groups]:
        """Return what stands now at every key, sorted, where that is not what the base has."""
        there = {**self._overlay_before(), **changed}
        return {key: there[key] for key in sorted(there) if there[key] != _groups_at(self._base, key)}

    def _overlay_before(self) -> dict[str, _Groups]:
        return dict(self._before.iter_overlay()) if isinstance(self._before, LayeredIndex) else {}

    def _text_of(self, number: int, text: KeptText) -> SourceParser:
        return SourceParser.from_reading(text.source, number, self._reader, text.reading)


def _require_same(kept: KeptBuild, before: Index, sources: Sequence[Source], never_block: tuple[str, ...]) -> None:
    if kept.version != before.version:
        raise KeptUnusable("what is kept is of another build than the index in force")
    if [_settings_of(one.source) for one in kept.texts] != [_settings_of(one) for one in sources]:
        raise KeptUnusable("the lists, or their settings, are others than in the last build")
    if kept.never_block != never_block:
        raise KeptUnusable("the names that no list can close are others than in the last build")


def _with_counts(tables: Tables, report: BuildReport) -> Tables:
    infos = zip(tables.sources, report.sources, strict=True)
    return msgspec.structs.replace(
        tables, sources=tuple(msgspec.structs.replace(info, names=one.names) for info, one in infos)
    )


def _settings_of(source: Source) -> Source:
    return msgspec.structs.replace(source, location="")


def _groups_at(index: Index, key: str) -> _Groups:
    found = index.find_listed(key)
    return found[-1][1] if found and found[-1][0] == key else ()
