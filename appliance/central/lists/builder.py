"""Fetches and compiles the school's sources in a process of its own, which says how far it is.

The process is a child that can be ended at any moment: it writes into a folder that is thrown away, and into the
copies of lists, which replace each other whole.
"""

import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import msgspec

from blocklists import builtin_list, compiler
from blocklists.errors import ListError
from blocklists.fetcher import Fetcher
from blocklists.sources import Source

PROGRESS_SECONDS = 1.0  # how often the child says how far it is


class BuildJob(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be built."""

    sources: tuple[Source, ...]
    folder: Path  # where it is built: `folder`/index
    downloads: Path
    with_builtin_list: bool


class BuildProgress(msgspec.Struct, frozen=True):
    """How far it is: what is under way, how much of it is done, and how much there is (0: not known)."""

    what: str
    done: int
    total: int


class BuildResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it."""

    report: compiler.BuildReport
    left_out: dict[str, str]  # the sources that could not be had at all, and why
    notes: dict[str, str]  # the sources of which an older copy was used, and why
    held: tuple[str, ...]  # the sources of which a download waits for a person


class BuildFailure(msgspec.Struct, frozen=True):
    """Why nothing came of it."""

    reason: str


class ListBuilder:
    """Runs one build at a time."""

    def __init__(self) -> None:
        self._process: multiprocessing.context.SpawnProcess | None = None

    def run_build(self, job: BuildJob, on_progress: Callable[[BuildProgress], None]) -> BuildResult:
        """Build, and say how far it is. Raises ListError."""
        context = multiprocessing.get_context("spawn")
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=_run_child, args=(sender, job), name="compile", daemon=True)
        process.start()
        self._process = process
        sender.close()
        try:
            while True:
                message = receiver.recv()
                if isinstance(message, BuildProgress):
                    on_progress(message)
                elif isinstance(message, BuildFailure):
                    raise ListError(message.reason)
                else:
                    result: BuildResult = message
                    return result
        except EOFError:
            raise ListError("the compilation was ended before it was done; is there enough memory?") from None
        finally:
            receiver.close()
            process.join()
            self._process = None

    def cancel_build(self) -> None:
        """End what runs; nothing comes of it."""
        process = self._process
        if process is not None:
            process.kill()


def build_in_process(job: BuildJob, progress: compiler.Progress) -> BuildResult:
    """Fetch what is new and compile what can be had, in this process. Raises ListError."""
    fetcher = Fetcher(job.downloads, time.time, progress=progress)
    notes: dict[str, str] = {}
    for source in job.sources:
        if source.is_url:
            outcome = fetcher.fetch_source(source)
            if outcome.state in ("failed", "held"):
                notes[source.name] = outcome.message
    usable: list[Source] = []
    left_out: dict[str, str] = {}
    for source in job.sources:
        try:
            fetcher.locate_copy(source)
            usable.append(source)
        except ListError as problem:
            left_out[source.name] = notes.pop(source.name, str(problem))
    if job.with_builtin_list:
        builtin_folder = job.folder / "starter"
        builtin_folder.mkdir()
        usable += builtin_list.builtin_sources(builtin_folder)
    return BuildResult(
        report=compiler.build_index(usable, job.folder / "index", progress, locate=fetcher.locate_copy),
        left_out=left_out,
        notes=notes,
        held=tuple(one.name for one in job.sources if one.is_url and fetcher.read_copy(one).held is not None),
    )


def _run_child(sender: Connection, job: BuildJob) -> None:
    sent_at = 0.0

    def progress(what: str, done: int, total: int) -> None:
        nonlocal sent_at
        if time.monotonic() - sent_at >= PROGRESS_SECONDS:
            sent_at = time.monotonic()
            sender.send(BuildProgress(what, done, total))

    try:
        sender.send(build_in_process(job, progress))
    except (ListError, OSError) as problem:
        sender.send(BuildFailure(str(problem)))
