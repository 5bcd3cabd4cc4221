"""Compiles the school's sources into the index that rooms are told to use, in the background.

The work runs in a process of its own (`appliance.central.lists.builder`), so that the feed is not slowed by it. A
compilation that fails changes nothing: the last good index stays published, and the reason is shown to the
coordinator. Several wishes that come while one compilation runs become one more compilation. Every
`REFRESH_SECONDS` the lists are fetched and compiled without anybody's wish.
"""

import contextlib
import logging
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import msgspec
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

import blocklists.sources
from appliance.central import audit, policies
from appliance.central.errors import NotPossible
from appliance.central.lists import sources
from appliance.central.lists.builder import Builder, Built, Progress, Work
from appliance.central.lists.deltas import Overlays
from appliance.central.models import Publication, School, Source
from appliance.central.store import Store
from blocklists.container import INDEX_NAME
from blocklists.errors import ListError
from blocklists.fetcher import Fetcher

KEPT = 8  # published indexes kept on disk: rooms that have one of them download only what has changed since
REFRESH_SECONDS = 12 * 3600.0

log = logging.getLogger("hallpass.central")


class State(msgspec.Struct, frozen=True):
    """What the compiler does, for the coordinator's page."""

    running: bool = False
    error: str = ""
    progress: Progress | None = None


class Compiler:
    """The one that compiles and publishes."""

    def __init__(self, store: Store, data: Path, now: Callable[[], datetime]) -> None:
        self._store = store
        self._data = data
        self._now = now
        self._wanted = threading.Event()
        self._stopping = False
        self._builder = Builder()
        self._overlays = Overlays(data / "indexes")
        self._thread = threading.Thread(target=self._work, name="compiler", daemon=True)
        self.state = State()

    def start(self) -> None:
        """Begin to wait for wishes."""
        for left in self._data.glob("building-*"):  # of a compilation that was ended
            shutil.rmtree(left, ignore_errors=True)
        self._thread.start()

    def stop(self) -> None:
        """Take no further wishes. A compilation that runs is ended: nothing of it is published."""
        self._stopping = True
        self._wanted.set()
        self._builder.stop()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def want(self) -> None:
        """Ask for a compilation; returns at once."""
        self._wanted.set()

    def accept(self, source: Source) -> None:
        """Take into use a download that was held back for a person to look at. Raises NotPossible."""
        try:
            Fetcher(self._downloads, time.time).accept_held(_for_compiling(source))
        except ListError as problem:
            raise NotPossible(str(problem)) from None

    def index_file(self, version: str, base: str = "") -> Path | None:
        """Return the file of a published index, or None; for a room that has `base`, what has changed since."""
        if base and (overlay := self._overlays.file(version, base)) is not None:
            return overlay
        path = self._data / "indexes" / version / INDEX_NAME
        return path if version.isalnum() and path.is_file() else None

    def compile_now(self) -> None:
        """Compile and publish. Raises ListError or OSError, and then nothing has changed."""
        with self._store.reading() as session:
            wanted = tuple(_for_compiling(one) for one in sources.every(session))
            with_starter = session.scalars(select(School)).one().starter_list
        folder = Path(tempfile.mkdtemp(prefix="building-", dir=self._data))
        work = Work(sources=wanted, folder=folder, downloads=self._downloads, with_starter=with_starter)
        try:
            self._publish(folder, self._builder.build(work, self._show))
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @property
    def _downloads(self) -> Path:
        return self._data / "downloads"

    def _publish(self, folder: Path, built: Built) -> None:
        home = self._data / "indexes" / built.report.version
        home.mkdir(parents=True, exist_ok=True)
        (folder / "index" / INDEX_NAME).replace(home / INDEX_NAME)
        reports = {one.name: msgspec.to_builtins(one) for one in built.report.sources}
        with self._store.writing() as session:
            for source in sources.every(session):
                if source.name in reports:
                    note, held = built.notes.get(source.name, ""), source.name in built.held
                    source.report = reports[source.name] | {"note": note, "held": held}
                elif source.name in built.left_out:
                    source.report = {"error": built.left_out[source.name], "held": source.name in built.held}
            published = policies.latest_publication(session)
            if published is None or published.hash != built.report.version:
                names = built.report.names
                session.add(Publication(hash=built.report.version, built_at=self._now(), names=names))
                audit.note(session, self._now(), "central", "index published", f"{names} names")
        self._forget_old()

    def _forget_old(self) -> None:
        with self._store.reading() as session:
            kept = set(session.scalars(select(Publication.hash).order_by(Publication.id.desc()).limit(KEPT)))
        for folder in (self._data / "indexes").iterdir():
            if folder.name not in kept:
                shutil.rmtree(folder, ignore_errors=True)

    def _work(self) -> None:
        while True:
            self._wanted.wait(REFRESH_SECONDS)
            if self._stopping:
                return
            self._wanted.clear()
            self._tell(State(running=True))
            try:
                self.compile_now()
                self._tell(State())
            except Exception as problem:  # noqa: BLE001 (a background thread must outlive whatever a list did to it)
                if not self._stopping:
                    log.warning("the lists could not be compiled: %s", problem)
                    self._tell(State(error=str(problem)))

    def _show(self, progress: Progress) -> None:
        self._tell(State(running=True, progress=progress))

    def _tell(self, state: State) -> None:
        self.state = state
        # Nothing to write but the pulse: the coordinator's page looks again.
        with contextlib.suppress(SQLAlchemyError), self._store.writing():
            pass


def _for_compiling(source: Source) -> blocklists.sources.Source:
    return blocklists.sources.Source(
        name=source.name,
        category=source.category,
        location=source.location,
        format=source.format,
        match=source.match,
    )
