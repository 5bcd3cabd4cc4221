"""Builds an index of the lists that can be had, and leaves out those that cannot.

A list that was never had is left out and said. A list that stands in the index of now is not: without it the new
index would open what it closes, so the old one stays. Where the compiler stumbles over a list although it was
found good when it came, that list is looked for in processes of their own, and treated as one that cannot be had.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

import msgspec

from blocklists import compiler
from blocklists.daily_change import make_daily_change
from blocklists.errors import ListError, SourceUnusable
from blocklists.isolation import IsolatedTasks, ProcessLimits
from blocklists.kept_build import LastBuild
from blocklists.kept_table import KeptUnusable
from blocklists.source_reader import READ_ERRORS
from blocklists.sources import Source
from blocklists.survey import Survey, survey_file


class AvailableIndex(msgspec.Struct, frozen=True, kw_only=True):
    """What was built, and of what it was not."""

    report: compiler.BuildReport
    left_out: dict[str, str]  # source -> why
    base: str = ""  # where only an overlay was made: the whole index over which it lies
    whole_because: str = ""  # why all was compiled although the last build was kept


def build_available(
    sources: Sequence[Source],
    output: Path,
    progress: compiler.Progress,
    *,
    locate: Callable[[Source], Path],
    in_force: Collection[str] = (),
    failures: Mapping[str, str] | None = None,
    limits: ProcessLimits | None = None,
    last: LastBuild | None = None,
    keep: Path | None = None,
) -> AvailableIndex:
    """Compile what can be had into `output`. Raises ListError, and then leaves the old index in place.

    `keep`: the folder, made anew, for what a next build can be built upon. `last`: the build before, of which that
    was kept: where little has changed, only the overlay over its whole index is made; where nothing has, nothing.

    `locate`: where the copy of a source lies; raises SourceUnusable. `in_force`: the names of the sources that
    stand in the index of now. `failures`: why sources were not updated, which is said of those without a copy.
    """
    paths, left_out = _locate_all(sources, locate)
    left_out |= {name: why for name, why in (failures or {}).items() if name in left_out}
    _refuse_to_open(left_out, in_force)
    builder = _Builder(sources, paths, output, progress, last=last, keep=keep)
    try:
        return builder.build(left_out)
    except (ListError, *READ_ERRORS):
        unreadable = _find_unreadable(sources, paths, limits or ProcessLimits())
        if not unreadable:
            raise
    left_out |= unreadable
    _refuse_to_open(left_out, in_force)
    return builder.build(left_out)


def _locate_all(
    sources: Sequence[Source], locate: Callable[[Source], Path]
) -> tuple[dict[str, Path], dict[str, str]]:
    paths, left_out = {}, {}
    for source in sources:
        try:
            paths[source.name] = locate(source)
        except SourceUnusable as problem:
            left_out[source.name] = str(problem).removeprefix(f"source {source.name!r}: ")
    return paths, left_out


class _Builder:
    """Compiles what is not left out."""

    def __init__(
        self,
        sources: Sequence[Source],
        paths: Mapping[str, Path],
        output: Path,
        progress: compiler.Progress,
        *,
        last: LastBuild | None,
        keep: Path | None,
    ) -> None:
        self._sources = sources
        self._paths = paths
        self._output = output
        self._progress = progress
        self._last = last
        self._keep = keep

    def build(self, left_out: dict[str, str]) -> AvailableIndex:
        """Compile. Raises ListError."""
        usable = [source for source in self._sources if source.name not in left_out]
        if self._sources and not usable:
            words = "; ".join(f"{name}: {why}" for name, why in left_out.items())
            raise ListError(f"no list can be had: {words}")
        because = ""
        if self._last is not None and self._keep is not None:
            try:
                made = make_daily_change(
                    usable, self._last, self._output, self._keep, self._progress, locate=self._locate
                )
                return AvailableIndex(report=made.report, left_out=left_out, base=made.base)
            except KeptUnusable as problem:
                because = str(problem)
        report = compiler.build_index(usable, self._output, self._progress, locate=self._locate, keep=self._keep)
        return AvailableIndex(report=report, left_out=left_out, whole_because=because)

    def _locate(self, source: Source) -> Path:
        return self._paths[source.name]


def _refuse_to_open(left_out: dict[str, str], in_force: Collection[str]) -> None:
    lost = [f"{name}: {why}" for name, why in left_out.items() if name in in_force]
    if lost:
        raise ListError(f"{'; '.join(lost)}; the index of now stays, which knows what this list closes")


def _find_unreadable(sources: Sequence[Source], paths: dict[str, Path], limits: ProcessLimits) -> dict[str, str]:
    tasks = IsolatedTasks(survey_file, Survey, limits)
    copies = [
        (source.name, msgspec.structs.replace(source, location=str(paths[source.name])))
        for source in sources
        if source.name in paths
    ]
    return {outcome.name: outcome.reason for outcome in tasks.run(copies) if outcome.result is None}
