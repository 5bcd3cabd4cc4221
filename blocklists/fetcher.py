"""Keeps copies of lists (`blocklists.copies`), and brings them up to date where they have changed.

Nothing is ever replaced by something worse. Each source is fetched and read in a process of its own
(`blocklists.source_check`), several at once: whatever happens there costs no other list its update. A failure
keeps the copy from last time, whose age then grows. A copy that may not be believed (`blocklists.comparison`) is
*held* beside the one in use, until a person has looked at the difference and accepted or refused it. Lists on this
machine are treated as those that are downloaded: one that was emptied does not open what it closed.
"""

import contextlib
import shutil
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec

from blocklists.copies import NOT_UPDATED, CopyFolder, FetchOutcome, HeldCopy, ListCopy
from blocklists.copy_updates import CopyUpdates
from blocklists.download import MAX_DOWNLOAD_BYTES
from blocklists.download_targets import TargetPolicy
from blocklists.errors import ListError, SourceUnusable, describe_failure
from blocklists.isolation import IsolatedTasks, ProcessLimits, StartMethod, TaskOutcome
from blocklists.source_check import LIST, CheckJob, SourceCheckResult, check_source, local_tag
from blocklists.sources import Source

UNKNOWN = "unknown"


class Fetcher:
    """Keeps the copies of lists in one folder."""

    def __init__(
        self,
        folder: Path,
        now: Callable[[], float],
        *,
        ca_file: str = "",
        progress: Callable[[str, int, int], None] | None = None,
        max_bytes: int = MAX_DOWNLOAD_BYTES,
        limits: ProcessLimits | None = None,
        targets: TargetPolicy | None = None,
        workers: int = 0,
        start_method: StartMethod = "forkserver",
    ) -> None:
        """Do nothing yet. `now`: Unix seconds. `ca_file`: whom to trust instead of whom the system trusts.

        `start_method`: of the processes in which lists are read (`blocklists.isolation`).
        """
        self._copies = CopyFolder(folder)
        self._now = now
        self._updates = CopyUpdates(self._copies, now)
        self._ca_file = ca_file
        self._progress = progress
        self._max_bytes = max_bytes
        self._limits = limits or ProcessLimits()
        self._targets = targets or TargetPolicy()
        self._workers = workers
        self._start_method: StartMethod = start_method

    def locate_copy(self, source: Source) -> Path:
        """Return what is to be read of a source. Raises SourceUnusable where there is no copy, or it is damaged.

        Of a list on this machine it is the list itself, as long as it is the one that was looked at.
        """
        if not source.is_url:
            with contextlib.suppress(SourceUnusable):
                if local_tag(source) == self.read_copy(source).etag:
                    return source.path
        return self._copies.locate_whole_copy(source)

    def read_copy(self, source: Source) -> ListCopy:
        """Return what is known of a source's copy."""
        return self._copies.read_copy(source)

    def read_age(self, source: Source) -> float | None:
        """Return for how many seconds nobody has confirmed the copy in use; None: there is none."""
        return self._updates.age_of(self.read_copy(source))

    def fetch_source(self, source: Source) -> FetchOutcome:
        """Bring one source up to date. Never raises for what the network does."""
        (outcome,) = self.fetch_sources([source])
        return outcome

    def fetch_sources(self, sources: Iterable[Source]) -> Iterator[FetchOutcome]:
        """Bring sources up to date, several at once; yield what became of each as it ends."""
        by_name = {source.name: source for source in sources}
        self._copies.sweep(self._now())
        jobs: dict[str, CheckJob] = {}
        try:
            for source in by_name.values():
                job = self._begin(source)
                if isinstance(job, FetchOutcome):
                    yield job
                else:
                    jobs[source.name] = job
            tasks = IsolatedTasks(
                check_source, SourceCheckResult, self._limits, workers=self._workers, progress=self._progress,
                start_method=self._start_method,
            )  # fmt: skip
            for task in tasks.run(list(jobs.items())):
                yield self._finish(by_name[task.name], jobs[task.name].work, task)
                shutil.rmtree(jobs[task.name].work, ignore_errors=True)
        finally:
            for left in jobs.values():
                shutil.rmtree(left.work, ignore_errors=True)

    def list_held(self) -> list[HeldCopy]:
        """Return the copies that wait for a person, by the name of their source."""
        found = []
        for name in self._copies.list_known():
            source = self.known_source(name)
            copy = self._copies.read_any_copy(name)
            if copy is not None and copy.held is not None:
                difference = self._copies.read_difference(source)
                found.append(
                    HeldCopy(
                        source=name,
                        category=copy.held.category,
                        held=copy.held,
                        entries=copy.entries,
                        difference=difference,
                    )
                )
        return found

    def known_source(self, name: str) -> Source:
        """Return as much of a source as its copy tells: its name and where it comes from."""
        copy = self._copies.read_any_copy(name)
        return Source(name=name, category=UNKNOWN, location=copy.url if copy else UNKNOWN)

    def held_path(self, source: Source) -> Path:
        """Return where a held copy lies."""
        return self._copies.path(source, "held")

    def accept_held(self, source: Source) -> ListCopy:
        """Take a held copy into use. Raises ListError where there is none, or where it is no list."""
        return self._updates.accept_held(source)

    def refuse_held(self, source: Source) -> ListCopy:
        """Refuse a held copy: the same one is not shown again. Raises ListError where there is none."""
        return self._updates.refuse_held(source)

    def adopt_file(self, source: Source) -> None:
        """Take a list of this machine into use that has the place of another one, as a person has looked at it.

        Nothing is done where it is no such list. What cannot be read is left for the next attempt, which says so.
        """
        known = self._copies.read_any_copy(source.name)
        if source.is_url or known is None or known.url == source.location:
            return
        if self.fetch_source(source).state == "held":
            with contextlib.suppress(ListError):
                self._updates.accept_held(source)

    def _begin(self, source: Source) -> CheckJob | FetchOutcome:
        """Return what is to be done, or what became of a source for which nothing need be."""
        known = self.read_copy(source)
        if known.retry_at > self._now():
            minutes = (known.retry_at - self._now()) / 60
            reason = f"{known.error or 'the server is busy'}: it is asked again in {minutes:.0f} minutes"
            age = self._updates.age_of(known)
            return FetchOutcome(source=source.name, state="failed", message=reason, age=age)
        try:
            is_whole = self._is_whole(source)
            if is_whole and not source.is_url and local_tag(source) == known.etag:
                return self._updates.confirm(source, known)
            return CheckJob(
                source=source,
                known=known if is_whole else msgspec.structs.replace(known, sha256=""),
                copies=self._copies.folder,
                work=self._copies.fetch_folder(source),
                headers=_conditional_headers(known) if is_whole and source.is_url else {},
                ca_file=self._ca_file,
                max_bytes=self._max_bytes,
                targets=self._targets,
                proxies=urllib.request.getproxies(),
            )
        except (ListError, OSError) as problem:
            return self._updates.fail(source, describe_failure(problem))

    def _is_whole(self, source: Source) -> bool:
        try:
            self._copies.locate_whole_copy(source)
        except SourceUnusable:
            return False
        return True

    def _finish(self, source: Source, work: Path, task: TaskOutcome[SourceCheckResult]) -> FetchOutcome:
        found = task.result
        known = self.read_copy(source)
        if found is None or found.failure:
            reason = found.failure if found else task.reason.replace(f"{work / LIST}: ", "")
            return self._updates.fail(source, reason, found.retry_seconds if found else 0.0)
        try:
            if found.is_unchanged:
                return self._updates.confirm(source, known, found)
            if found.sha256 == known.refused_sha256:
                return self._updates.leave_refused(source, known)
            if found.doubt:
                return self._updates.hold(source, known, found, work)
            return self._updates.take(source, known, found, work)
        except (ListError, OSError) as problem:
            return self._updates.fail(source, describe_failure(problem))


def _conditional_headers(known: ListCopy) -> dict[str, str]:
    headers = {}
    if known.etag:
        headers["If-None-Match"] = known.etag
    if known.last_modified:
        headers["If-Modified-Since"] = known.last_modified
    return headers


def fetch_all(fetcher: Fetcher, sources: tuple[Source, ...]) -> Iterator[FetchOutcome]:
    """Fetch all sources that are fetched; yield what became of each."""
    yield from fetcher.fetch_sources([source for source in sources if source.is_url])


__all__ = ["NOT_UPDATED", "Fetcher", "fetch_all"]
