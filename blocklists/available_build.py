"""Builds an index of the lists that can be had, and leaves out those that cannot.

A list that was never had is left out and said. A list that stands in the index of now is not: without it the new
index would open what it closes, so the old one stays. Where the compiler stumbles over a list although it was
found good when it came, that list is looked for in processes of their own, and treated as one that cannot be had.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

import msgspec

from blocklists import compiler
from blocklists.errors import ListError, SourceUnusable
from blocklists.isolation import IsolatedTasks, ProcessLimits
from blocklists.source_reader import READ_ERRORS
from blocklists.sources import Source
from blocklists.survey import Survey, survey_file


class AvailableIndex(msgspec.Struct, frozen=True, kw_only=True):
    """What was built, and of what it was not."""

    report: compiler.BuildReport
    left_out: dict[str, str]  # source -> why


def build_available(
    sources: Sequence[Source],
    output: Path,
    progress: compiler.Progress,
    *,
    locate: Callable[[Source], Path],
    in_force: Collection[str] = (),
    failures: Mapping[str, str] | None = None,
    limits: ProcessLimits | None = None,
) -> AvailableIndex:
    """Compile what can be had into `output`. Raises ListError, and then leaves the old index in place.

    `locate`: where the copy of a source lies; raises SourceUnusable. `in_force`: the names of the sources that
    stand in the index of now. `failures`: why sources were not updated, which is said of those without a copy.
    """
    paths, left_out = _locate_all(sources, locate)
    left_out |= {name: why for name, why in (failures or {}).items() if name in left_out}
    _refuse_to_open(left_out, in_force)
    try:
        return _build(sources, paths, left_out, output, progress)
    except (ListError, *READ_ERRORS):
        unreadable = _find_unreadable(sources, paths, limits or ProcessLimits())
        if not unreadable:
            raise
    left_out |= unreadable
    _refuse_to_open(left_out, in_force)
    return _build(sources, paths, left_out, output, progress)


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


def _build(
    sources: Sequence[Source],
    paths: dict[str, Path],
    left_out: dict[str, str],
    output: Path,
    progress: compiler.Progress,
) -> AvailableIndex:
    usable = [source for source in sources if source.name not in left_out]
    if sources and not usable:
        raise ListError("no list can be had: " + "; ".join(f"{name}: {why}" for name, why in left_out.items()))
    report = compiler.build_index(usable, output, progress, locate=lambda source: paths[source.name])
    return AvailableIndex(report=report, left_out=left_out)


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
