"""Compares a file that is to take a list's place with the one in use: what would come, what would go, what is odd.

Nothing is built. Runs in a process of its own (`blocklists.isolation`): the file is anybody's.
"""

from pathlib import Path

import msgspec

from blocklists.comparison import BestKnown, Difference, Reference, count_difference, doubt_about
from blocklists.errors import ListError
from blocklists.isolation import ReportProgress
from blocklists.name_set import NameSet, NameSetBuilder
from blocklists.sources import Source
from blocklists.survey import Survey, survey_copy, visit_entries


class ComparisonJob(msgspec.Struct, frozen=True, kw_only=True):
    """A list of this machine, and the file that is to take its place."""

    source: Source
    file: Path


class FileComparison(msgspec.Struct, frozen=True, kw_only=True):
    """What the file is, and how it differs."""

    survey: Survey
    difference: Difference  # of a list that cannot be read any more, every name is added
    entries_before: int
    doubt: str = ""  # what is odd about it, as it is said of a download that is held back


def compare_files(job: ComparisonJob, _progress: ReportProgress) -> FileComparison:
    """Read both files, and compare them. Raises what `survey_copy` raises for the new one."""
    survey, names = survey_copy(job.source, job.file)
    before, last = _read_in_use(job.source)
    added, removed = BestKnown(), BestKnown()
    visit_entries(job.source, job.file, lambda text: None if text in last else added.add(text))
    if before is not None:
        visit_entries(job.source, job.source.path, lambda text: None if text in names else removed.add(text))
        reference = Reference(
            last=last,
            most_entries=before.entries,
            understood_share=before.understood_share,
            accepted_canaries=before.canaries,
        )
    else:
        reference = Reference()
    return FileComparison(
        survey=survey,
        difference=count_difference(names, last, added, removed),
        entries_before=len(last),
        doubt=doubt_about(survey, names, reference),
    )


def _read_in_use(source: Source) -> tuple[Survey | None, NameSet]:
    try:
        return survey_copy(source, source.path)
    except (ListError, OSError):  # it is gone, or was damaged
        return None, NameSetBuilder().build()
