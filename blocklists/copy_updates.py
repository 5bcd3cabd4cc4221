"""What becomes of the copy of a list after an attempt to bring it up to date: taken, confirmed, held, or kept.

Which copies are doubtful, `comparison.py` decides.

Files are put into place first and `ListCopy` is written last. A person's word on a held copy, to accept or to
refuse it, is carried out here too.
"""

import contextlib
from collections.abc import Callable
from pathlib import Path

import msgspec

from blocklists.copies import CopyFolder, CopyPart, FetchOutcome, HeldDownload, ListCopy
from blocklists.errors import ListError
from blocklists.source_check import DIFFERENCE, LIST, NAMES, SourceCheckResult
from blocklists.sources import Source

BASELINE_SECONDS = 30 * 86400.0
_ACCEPTED_PARTS: tuple[tuple[CopyPart, CopyPart], ...] = (
    ("names", "held-names"), ("baseline", "held-names"), ("list", "held"),
)  # fmt: skip
_HELD_FILES: tuple[tuple[str, CopyPart], ...] = ((LIST, "held"), (NAMES, "held-names"), (DIFFERENCE, "difference"))


class CopyUpdates:
    """Changes the copies of one folder."""

    def __init__(self, copies: CopyFolder, now: Callable[[], float]) -> None:
        self._copies = copies
        self._now = now

    def accept_held(self, source: Source) -> ListCopy:
        """Take a held copy into use. Raises ListError where there is none, or where it is no list."""
        known, held = self._held(source)
        if not held.is_acceptable:
            raise ListError(f"source {source.name!r}: {held.reason}: it cannot be accepted")
        for part, held_part in _ACCEPTED_PARTS:
            self._copies.take_file(self._copies.path(source, held_part), source, part)
        copy = ListCopy(
            url=source.location,
            entries=held.entries,
            sha256=held.sha256,
            etag=held.etag,
            last_modified=held.last_modified,
            fetched_at=held.since,
            confirmed_at=self._now(),
            understood_share=held.understood_share,
            most_entries=held.entries,
            baseline_at=self._now(),
            accepted_canaries=tuple(dict.fromkeys((*known.accepted_canaries, *held.canaries))),
        )
        self._copies.write_copy(source, copy)
        self._copies.drop_held(source)
        return copy

    def refuse_held(self, source: Source) -> ListCopy:
        """Refuse a held copy: the same one is not shown again. Raises ListError where there is none."""
        known, held = self._held(source)
        copy = msgspec.structs.replace(known, held=None, refused_sha256=held.sha256)
        self._copies.write_copy(source, copy)
        self._copies.drop_held(source)
        return copy

    def _held(self, source: Source) -> tuple[ListCopy, HeldDownload]:
        known = self._copies.read_copy(source)
        if known.held is None or not self._copies.path(source, "held").exists():
            raise ListError(f"source {source.name!r}: nothing is held back")
        return known, known.held

    def fail(self, source: Source, reason: str, retry_seconds: float = 0.0) -> FetchOutcome:
        """Keep the copy in use, and why there is no newer one."""
        known = self._copies.read_copy(source)
        failed = msgspec.structs.replace(
            known,
            failures=known.failures + 1,
            error=reason,
            retry_at=self._now() + retry_seconds if retry_seconds else 0.0,
        )
        with contextlib.suppress(ListError):  # a full disk is one of the failures
            self._copies.write_copy(source, failed)
        return FetchOutcome(source=source.name, state="failed", message=reason, age=self.age_of(failed))

    def confirm(self, source: Source, known: ListCopy, found: SourceCheckResult | None = None) -> FetchOutcome:
        """Note that the copy in use is still the list. Raises ListError."""
        copy = msgspec.structs.replace(
            known, confirmed_at=self._now(), failures=0, error="", retry_at=0.0, held=None
        )
        if found is not None and found.sha256:
            copy = msgspec.structs.replace(copy, etag=found.etag, last_modified=found.last_modified)
        self._copies.write_copy(source, copy)
        self._copies.drop_held(source)
        return FetchOutcome(source=source.name, state="unchanged", age=0.0)

    def leave_refused(self, source: Source, known: ListCopy) -> FetchOutcome:
        """Keep the copy in use: a person has refused the one that came again. Raises ListError."""
        copy = msgspec.structs.replace(known, failures=0, error="", retry_at=0.0)
        self._copies.write_copy(source, copy)
        message = "the publisher still gives the copy that was refused"
        return FetchOutcome(source=source.name, state="refused", message=message, age=self.age_of(copy))

    def hold(self, source: Source, known: ListCopy, found: SourceCheckResult, work: Path) -> FetchOutcome:
        """Put a doubtful copy beside the one in use. Raises ListError."""
        is_same = known.held is not None and known.held.sha256 == found.sha256
        survey = found.survey
        held = HeldDownload(
            reason=found.doubt,
            category=source.category,
            entries=survey.entries if survey else 0,
            sha256=found.sha256,
            etag=found.etag,
            last_modified=found.last_modified,
            since=known.held.since if known.held is not None and is_same else self._now(),
            is_acceptable=found.is_list,
            understood_share=survey.understood_share if survey else 1.0,
            canaries=survey.canaries if survey else (),
        )
        self._copies.drop_held(source)
        for name, part in _HELD_FILES:
            if (work / name).exists():
                self._copies.take_file(work / name, source, part)
        copy = msgspec.structs.replace(known, held=held, failures=0, error="", retry_at=0.0)
        self._copies.write_copy(source, copy)
        return FetchOutcome(source=source.name, state="held", message=found.doubt, age=self.age_of(copy))

    def take(self, source: Source, known: ListCopy, found: SourceCheckResult, work: Path) -> FetchOutcome:
        """Take a new copy into use. Raises ListError."""
        now = self._now()
        survey = found.survey
        entries = survey.entries if survey else 0
        is_baseline = now - known.baseline_at >= BASELINE_SECONDS
        if is_baseline:
            self._copies.take_file(work / NAMES, source, "baseline")
        self._copies.take_file(work / NAMES, source, "names")
        self._copies.take_file(work / LIST, source, "list")
        copy = ListCopy(
            url=source.location,
            entries=entries,
            sha256=found.sha256,
            etag=found.etag,
            last_modified=found.last_modified,
            fetched_at=now,
            confirmed_at=now,
            understood_share=survey.understood_share if survey else 1.0,
            most_entries=max(known.most_entries, entries),
            baseline_at=now if is_baseline else known.baseline_at,
            accepted_canaries=known.accepted_canaries,
            refused_sha256=known.refused_sha256,
        )
        self._copies.write_copy(source, copy)
        self._copies.drop_held(source)
        return FetchOutcome(source=source.name, state="new", age=0.0)

    def age_of(self, copy: ListCopy) -> float | None:
        """Return for how many seconds nobody has confirmed a copy; None: there is none."""
        return max(0.0, self._now() - copy.confirmed_at) if copy.confirmed_at else None
