"""Compiles the school's sources into the index that rooms are told to use, in the background.

The work runs in a process of its own (`appliance.central.lists.builder`), so that the feed is not slowed by it. A
compilation that fails changes nothing: the last good index stays published, and the reason is shown to the
coordinator. Where little has changed since the last one, only an overlay is made, over the whole index that rooms
have (`blocklists.daily_change`); the first room that lacks that one has the whole compiled. Several wishes that
come while one compilation runs become one more compilation. Every `REFRESH_SECONDS` the lists are fetched and
compiled without anybody's wish.
"""

import contextlib
import fcntl
import logging
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from appliance.central import audit, log_keys, policies, webhooks
from appliance.central.errors import Busy, NotPossible
from appliance.central.key_file import KeyFile
from appliance.central.lists import copies, sources
from appliance.central.lists.builder import KEPT, BuildJob, BuildProgress, BuildResult, ListBuilder
from appliance.central.lists.copies import SourceCopy
from appliance.central.lists.deltas import IndexDeltas
from appliance.central.lists.downloads import retry_seconds
from appliance.central.lists.index_folders import IndexFolders, is_version
from appliance.central.models import PublicationRow, SchoolRow, SourceRow
from appliance.central.store import Store
from appliance.central.tuf_repository.list_signer import FOLDER, ListSigner
from blocklists.errors import ListError

if TYPE_CHECKING:
    from blocklists.fetcher import Fetcher

KEPT_INDEXES = (
    8  # published indexes kept on disk: rooms that have one of them download only what has changed since
)
_LOCK_POLL_SECONDS = 0.5
REFRESH_SECONDS = 12 * 3600.0
WHOLE_POLL_SECONDS = 5.0  # how often it is looked whether a room needs a whole index: another process may be told

WHOLE_PAUSE_SECONDS = 600.0  # after a compilation that failed

log = logging.getLogger("hallpass.central")


class PublisherState(msgspec.Struct, frozen=True):
    """What the compiler does, for the coordinator's page."""

    is_running: bool = False
    error: str = ""
    warning: str = ""  # of a compilation that was published all the same
    progress: BuildProgress | None = None


class ListPublisher:
    """The one that compiles and publishes."""

    def __init__(self, store: Store, data: Path, keys: KeyFile, now: Callable[[], datetime]) -> None:
        self.signer = ListSigner(data / FOLDER, keys, now)
        self._keys = keys
        self._store = store
        self._data = data
        self._now = now
        self._build_requested = threading.Event()
        self._stopping = False
        self._builder = ListBuilder()
        self.folders = IndexFolders(data)
        self._deltas = IndexDeltas(self.folders.path, self.signer.sign_overlay)
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
        self.state = PublisherState()
        self._whole_not_before = (
            0.0  # of the monotonic clock: rooms that wait for a whole index ask every few seconds
        )
        self.last_build_seconds: float | None = None  # how long the last compilation took, whatever came of it

    def start(self) -> None:
        """Begin to wait for wishes."""
        with self._build_lock(wait=False) as is_ours:
            for left in self._data.glob("building-*") if is_ours else ():  # of a compilation that was ended
                shutil.rmtree(left, ignore_errors=True)
        self._thread.start()

    def stop(self) -> None:
        """Take no further wishes. A compilation that runs is ended: nothing of it is published."""
        self._stopping = True
        self._build_requested.set()
        self._builder.cancel_build()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def request_build(self) -> None:
        """Ask for a compilation; returns at once. Where another process puts lists together, it sees that soon."""
        if self._thread.is_alive():
            self._build_requested.set()
        else:
            self.folders.want_build()

    def read_copies(self, subscribed: Sequence[SourceRow]) -> dict[str, SourceCopy]:
        """Return of each source how old its copy is, and what waits for a person."""
        return copies.read_source_copies(self._fetcher, subscribed)

    def accept_download(self, source: SourceRow) -> None:
        """Take into use a download that was held back for a person to look at. Raises NotPossible."""
        try:
            self._fetcher.accept_held(copies.to_list_source(source))
        except ListError as problem:
            raise NotPossible(str(problem)) from None

    def refuse_download(self, source: SourceRow) -> None:
        """Refuse a download that was held back: the same one is not shown again. Raises NotPossible."""
        try:
            self._fetcher.refuse_held(copies.to_list_source(source))
        except ListError as problem:
            raise NotPossible(str(problem)) from None

    def adopt_files(self) -> None:
        """Take into use the files of this machine that a person has put into the place of others, or put back.

        Without that a file that differs much would be held back, for the person who has just looked at it.
        """
        with self._store.read_session() as session:
            rows = sources.list_sources(session)
        for row in rows:
            self._fetcher.adopt_file(copies.to_list_source(row))

    def find_index_file(self, version: str, base: str = "") -> Path | None:
        """Return the file of a published index, or None; for a room that has `base`, what has changed since.

        Raises Busy where that is not there yet.
        """
        if (
            is_version(version)
            and is_version(base)
            and (delta := self._deltas.find_delta(version, base)) is not None
        ):
            return delta
        if self.folders.is_layered(version):
            with self._store.read_session() as session:
                in_force = policies.latest_publication(session)
            if in_force is not None and in_force.hash == version:
                self.folders.want_whole()
                raise Busy("the whole index is being compiled; come again in a moment", retry_seconds())
        return self.folders.find_whole(version)

    def build_and_publish(self) -> str:
        """Compile and publish; return what is wrong all the same, "" where nothing is.

        Raises ListError or OSError, and then nothing has changed.
        """
        with self._build_lock(wait=True) as is_ours:
            return self._build_and_publish() if is_ours else ""

    @contextlib.contextmanager
    def _build_lock(self, *, wait: bool) -> Iterator[bool]:
        """Hold the folder for a compilation: centrals that share it compile one after the other.

        Gives whether it is held: not where somebody else has it (`wait`: and central stops meanwhile).
        """
        handle = os.open(self._data / "compilation.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            while not (is_ours := _try_lock(handle)) and wait and not self._stopping:
                time.sleep(_LOCK_POLL_SECONDS)
            yield is_ours
        finally:
            os.close(handle)

    def _build_and_publish(self) -> str:
        """Compile and publish; return what is wrong all the same."""
        with self._store.read_session() as session:
            rows = sources.list_sources(session)
            with_builtin_list = session.scalars(select(SchoolRow)).one().starter_list
            in_force = policies.latest_publication(session)
        folder = Path(tempfile.mkdtemp(prefix="building-", dir=self._data))
        job = BuildJob(
            sources=tuple(copies.to_list_source(one) for one in rows),
            folder=folder,
            downloads=self._downloads,
            with_builtin_list=with_builtin_list,
            in_force=tuple(one.name for one in rows if one.report and one.report.get("names")),
            has_index=in_force is not None,
            last=self.folders.find_last_build(in_force.hash if in_force else ""),
        )
        began_at = time.monotonic()
        try:
            result = self._builder.run_build(job, self._show_progress)
            self._publish(job, result)
            self.folders.keep_build(folder / KEPT, is_whole=job.last is None or bool(result.whole_because))
            return result.builtin_note
        finally:
            self.last_build_seconds = time.monotonic() - began_at
            shutil.rmtree(folder, ignore_errors=True)

    @property
    def _downloads(self) -> Path:
        return self._data / "downloads"

    @property
    def _fetcher(self) -> "Fetcher":
        from blocklists.fetcher import Fetcher  # noqa: PLC0415 (brings the HTTP client, for rare clicks)

        return Fetcher(self._downloads, time.time, start_method="spawn")

    def _publish(self, job: BuildJob, result: BuildResult) -> None:
        if result.whole_because:
            log.info("the lists were compiled whole: %s", result.whole_because)
        target = self.folders.put_index(job.folder / "index", result.report.version, job.last, result.base)
        with self._store.read_session() as session:
            log_keys.require_key_of_database(session, self._keys)
        self.signer.sign_index(target)  # before any room hears of it
        reports = {one.name: msgspec.to_builtins(one) for one in result.report.sources}
        with self._store.write_session() as session:
            for source in sources.list_sources(session):
                if source.name in result.held and not (source.report or {}).get("held"):
                    webhooks.enqueue_event(session, self._now(), "list.held", list=source.name)
                if source.name in reports:
                    note, held = result.notes.get(source.name, ""), source.name in result.held
                    source.report = reports[source.name] | {"note": note, "held": held}
                elif source.name in result.left_out:
                    source.report = {"error": result.left_out[source.name], "held": source.name in result.held}
            published = policies.latest_publication(session)
            if published is None or published.hash != result.report.version:
                names = result.report.names
                session.add(PublicationRow(hash=result.report.version, built_at=self._now(), names=names))
                audit.record_audit(session, self._now(), "central", "index published", f"{names} names")
        self._prune_indexes()

    def _prune_indexes(self) -> None:
        with self._store.read_session() as session:
            kept = set(
                session.scalars(select(PublicationRow.hash).order_by(PublicationRow.id.desc()).limit(KEPT_INDEXES))
            )
        self.folders.prune(kept)

    def _run(self) -> None:
        while True:
            self._wait_for_request()
            if self._stopping:
                return
            self._build_requested.clear()
            self._set_state(PublisherState(is_running=True))
            try:
                self._set_state(PublisherState(warning=self.build_and_publish()))
            except Exception as problem:  # noqa: BLE001 (a background thread must outlive whatever a list did to it)
                self._whole_not_before = time.monotonic() + WHOLE_PAUSE_SECONDS
                if not self._stopping:
                    log.warning("the lists could not be compiled: %s", problem)
                    self._set_state(PublisherState(error=str(problem)))

    def _wait_for_request(self) -> None:
        due_at = time.monotonic() + REFRESH_SECONDS
        while not self._build_requested.wait(WHOLE_POLL_SECONDS):
            now = time.monotonic()
            if self.folders.take_wanted_build():
                return
            if now >= due_at or (now >= self._whole_not_before and self.folders.is_whole_wanted()):
                return

    def _show_progress(self, progress: BuildProgress) -> None:
        self._set_state(PublisherState(is_running=True, progress=progress))

    def _set_state(self, state: PublisherState) -> None:
        self.state = state
        # Nothing to write but the revision: the coordinator's page looks again.
        with contextlib.suppress(SQLAlchemyError), self._store.write_session():
            pass


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
