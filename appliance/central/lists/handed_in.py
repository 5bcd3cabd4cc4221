"""The files of lists that were handed in: kept by their content, and replaced after a look at what changes.

A file is never changed and never taken away while anything may name it: whoever undoes a replacement finds the one
of before. What nothing names goes after a day (`appliance.central.lists.handed_in_upkeep`). It is read in a
process of its own, as it is anybody's file.
"""

import contextlib
import hashlib
import os
import re
import time
from datetime import datetime
from pathlib import Path

import msgspec
from sqlalchemy.orm import Session

import blocklists.sources
from appliance.central import audit
from appliance.central.errors import NotPossible
from appliance.central.lists import copies, sources
from appliance.central.models import SourceRow
from appliance.central.setting_history import record_change
from appliance.files import write_file_atomically
from blocklists.file_comparison import ComparisonJob, FileComparison, compare_files
from blocklists.isolation import IsolatedTasks, ProcessLimits
from blocklists.survey import Survey, survey_file

MAX_UPLOAD_BYTES = 64 * 1024 * 1024  # bytes that may be handed in
MAX_KEPT_BYTES = 1024 * 1024 * 1024  # of all files together
_FRESH_SECONDS = 3600.0
REPLACED = "source replaced"
_LIMITS = ProcessLimits(seconds=60.0, cpu_seconds=60)
_SOURCE = re.compile(r"^source '[^']*': ")  # as what reads lists says of which one it speaks
_NAME = "the-file"  # which source it is, for what reads lists
_STORED = re.compile(r"[0-9a-f]{32}")


class Replacement(msgspec.Struct, frozen=True, kw_only=True):
    """A file that somebody handed in for a list, looked at and not yet in use."""

    stored: str  # which file it is: the name of its content
    before: str  # which one is in use
    found: FileComparison

    @property
    def is_same(self) -> bool:
        """Whether it is, octet by octet, the file that is in use."""
        return self.stored == self.before


def store_file(folder: Path, content: bytes, format: str = "auto") -> Path:  # noqa: A002 (the word of the settings)
    """Keep a file that was handed in, named by its content; return where. Raises NotPossible if it is no list."""
    path, is_new = _write(folder, content)
    source = blocklists.sources.Source(name=_NAME, category="unknown", location=str(path), format=format)
    (outcome,) = IsolatedTasks(survey_file, Survey, _LIMITS, start_method="spawn").run([(_NAME, source)])
    if outcome.result is None or not outcome.result.entries:
        raise _refuse(path, outcome.reason, is_new=is_new)
    return path


def look_at_replacement(folder: Path, row: SourceRow, content: bytes) -> Replacement:
    """Keep a file that is to take a list's place, and say what would change. Raises NotPossible."""
    require_handed_in(row)
    path, is_new = _write(folder, content)
    job = ComparisonJob(source=copies.to_list_source(row), file=path)
    (outcome,) = IsolatedTasks(compare_files, FileComparison, _LIMITS, start_method="spawn").run([(_NAME, job)])
    if outcome.result is None or not outcome.result.survey.entries:
        raise _refuse(path, outcome.reason, is_new=is_new)
    return Replacement(stored=path.stem, before=Path(row.location).stem, found=outcome.result)


def replace_file(
    session: Session, now: datetime, folder: Path, *, source_id: int, stored: str, before: str, by: str
) -> str:
    """Use a file that was looked at from the next compilation on; return the change's id, for an undo.

    `before`: the file that was in use when somebody looked. Raises NotFound; NotPossible where it no longer is.
    """
    row = sources.get_source(session, source_id)
    require_handed_in(row)
    in_use = Path(row.location).stem
    if in_use == stored:
        return ""  # by the first of two clicks, or the same file
    if in_use != before:
        raise NotPossible(f"somebody else has replaced the file of {row.name} meanwhile: look at yours again")
    path = _path(folder, stored)
    if not _STORED.fullmatch(stored) or not path.is_file():
        raise NotPossible("the file is not there any more: hand it in again")
    value = sources.to_builtins(row)
    row.location, row.by, row.made_at = str(path), by, now
    audit.record_audit(session, now, by, REPLACED, row.name)
    return record_change(session, now, kind=sources.KIND, before=value, after=sources.to_builtins(row), by=by)


def require_handed_in(row: SourceRow) -> None:
    """Refuse a list that has no file of the school's. Raises NotPossible."""
    if row.by_trust:
        raise NotPossible(f"{row.name} is a list of the trust's: nobody at the school can replace it")
    if row.location.startswith("https://"):
        raise NotPossible(f"{row.name} is fetched from its address: no file can take its place")


def _write(folder: Path, content: bytes) -> tuple[Path, bool]:
    """Write a file that was handed in; return where it is, and whether it is new. Raises NotPossible."""
    if not content:
        raise NotPossible("the file is empty")
    if len(content) > MAX_UPLOAD_BYTES:
        raise NotPossible(f"the file is larger than {MAX_UPLOAD_BYTES // 1024 // 1024} MB")
    path = _path(folder, hashlib.sha256(content).hexdigest()[:32])
    if path.is_file() and path.stat().st_size == len(content):
        if path.stat().st_mtime < time.time() - _FRESH_SECONDS:
            os.utime(path)  # somebody has just looked at it: it is not taken away before it can be used
        return path, False  # it may be in use: nothing else is done to it
    if _count_bytes(folder) + len(content) > MAX_KEPT_BYTES:
        gigabytes = MAX_KEPT_BYTES // 1024**3
        raise NotPossible(
            f"the file cannot be kept: those that were handed in take {gigabytes} GB; the unused go in a day"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_file_atomically(path, content, has_other_writers=True)
    except OSError as problem:
        raise NotPossible(f"the file cannot be kept: {problem.strerror}") from None
    return path, True


def _count_bytes(folder: Path) -> int:
    total = 0
    for path in folder.glob("*.list"):
        with contextlib.suppress(OSError):  # it is taken away just now
            total += path.stat().st_size
    return total


def _refuse(path: Path, reason: str, *, is_new: bool) -> NotPossible:
    """Take a file away that is no list, or could not be read; return what to say of it."""
    if is_new:
        path.unlink(missing_ok=True)
    return NotPossible(_why_no_list(reason, path))


def _why_no_list(reason: str, path: Path) -> str:
    reason = _SOURCE.sub("", reason).replace(f"{path}: ", "").removeprefix("is no list: ")
    if reason.startswith("took longer"):  # a machine that is busy, and no fault of the file's
        return f"reading this file took longer than {_LIMITS.seconds:g} seconds: try again later"
    if reason.startswith("is "):
        return f"this file {reason}"
    return f"this file is no list: {reason or 'nothing stands in it'}"


def _path(folder: Path, stored: str) -> Path:
    return folder / f"{stored}.list"
