"""Compiles the school's sources into the index that rooms are told to use, in the background.

The work runs in a process of its own, so that the feed is not slowed by it. A compilation that fails changes
nothing: the last good index stays published, and the reason is shown to the coordinator. Several wishes that come
while one compilation runs become one more compilation.
"""

import logging
import multiprocessing
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from datetime import datetime
from pathlib import Path

import msgspec
from sqlalchemy import select

import blocklists.sources
from appliance.central import audit, policies, sources
from appliance.central.models import Publication, School
from appliance.central.store import Store
from blocklists import compile as compiling
from blocklists import starter
from blocklists.container import INDEX_NAME
from blocklists.errors import ListError
from blocklists.fetch import Fetcher

KEPT = 3  # published indexes kept on disk, for rooms that are fetching one while the next is published

log = logging.getLogger("hallpass.central")


class State(msgspec.Struct, frozen=True):
    """What the compiler does, for the coordinator's page."""

    running: bool = False
    error: str = ""


class Compiler:
    """The one that compiles and publishes."""

    def __init__(self, store: Store, data: Path, now: Callable[[], datetime]) -> None:
        self._store = store
        self._data = data
        self._now = now
        self._wanted = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._work, name="compiler", daemon=True)
        self.state = State()

    def start(self) -> None:
        """Begin to wait for wishes."""
        self._thread.start()

    def stop(self) -> None:
        """Take no further wishes. A compilation that runs is given up: nothing of it is published."""
        self._stopping = True
        self._wanted.set()

    def want(self) -> None:
        """Ask for a compilation; returns at once."""
        self._wanted.set()

    def index_file(self, version: str) -> Path | None:
        """Return the file of a published index, or None."""
        path = self._data / "indexes" / version / INDEX_NAME
        return path if version.isalnum() and path.is_file() else None

    def compile_now(self) -> None:
        """Compile and publish. Raises ListError or OSError, and then nothing has changed."""
        with self._store.reading() as session:
            wanted = sources.every(session)
            with_starter = session.scalars(select(School)).one().starter_list
        given = [
            blocklists.sources.Source(
                name=one.name, category=one.category, location=one.location, format=one.format, match=one.match
            )
            for one in wanted
        ]
        work = Path(tempfile.mkdtemp(prefix="building-", dir=self._data))
        try:
            report, left_out = self._in_a_process(given, work, "starter" if with_starter else "")
            self._publish(work, report, left_out)
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def _in_a_process(
        self, given: list[blocklists.sources.Source], work: Path, starter_list: str
    ) -> tuple[compiling.BuildReport, dict[str, str]]:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            try:
                return pool.submit(_build, given, work, self._data / "downloads", starter_list).result()
            except BrokenProcessPool:
                raise ListError("the compilation was ended before it was done; is there enough memory?") from None

    def _publish(self, work: Path, report: compiling.BuildReport, left_out: dict[str, str]) -> None:
        home = self._data / "indexes" / report.version
        home.mkdir(parents=True, exist_ok=True)
        (work / "index" / INDEX_NAME).replace(home / INDEX_NAME)
        with self._store.writing() as session:
            for source in sources.every(session):
                told = next((one for one in report.sources if one.name == source.name), None)
                if told is not None:
                    source.report = msgspec.to_builtins(told)
                elif source.name in left_out:
                    source.report = {"error": left_out[source.name]}
            published = policies.latest_publication(session)
            if published is None or published.hash != report.version:
                session.add(Publication(hash=report.version, built_at=self._now(), names=report.names))
                audit.note(session, self._now(), "central", "index published", f"{report.names} names")
        self._forget_old()

    def _forget_old(self) -> None:
        with self._store.reading() as session:
            kept = set(session.scalars(select(Publication.hash).order_by(Publication.id.desc()).limit(KEPT)))
        for folder in (self._data / "indexes").iterdir():
            if folder.name not in kept:
                shutil.rmtree(folder, ignore_errors=True)

    def _work(self) -> None:
        while True:
            self._wanted.wait()
            if self._stopping:
                return
            self._wanted.clear()
            self._tell(State(running=True))
            try:
                self.compile_now()
                self._tell(State())
            except Exception as problem:  # noqa: BLE001 (a background thread must outlive whatever a list did to it)
                log.warning("the lists could not be compiled: %s", problem)
                self._tell(State(error=str(problem)))

    def _tell(self, state: State) -> None:
        self.state = state
        with self._store.writing():
            pass  # nothing to write but the pulse: the coordinator's page looks again


def _build(
    given: Sequence[blocklists.sources.Source], work: Path, downloads: Path, starter_list: str
) -> tuple[compiling.BuildReport, dict[str, str]]:
    """Fetch what is new, compile what can be had; return the report, and why which source was left out."""
    fetcher = Fetcher(downloads, time.time)
    for source in given:
        if source.is_url:
            fetcher.fetch(source)
    usable: list[blocklists.sources.Source] = []
    left_out: dict[str, str] = {}
    for source in given:
        try:
            fetcher.locate(source)
            usable.append(source)
        except ListError as problem:
            left_out[source.name] = fetcher.copy(source).error or str(problem)
    if starter_list:
        lists = work / starter_list
        lists.mkdir()
        usable += starter.sources(lists)
    return compiling.build(usable, work / "index", locate=fetcher.locate), left_out
