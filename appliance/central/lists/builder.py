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

from blocklists import builtin_list
from blocklists import compiler as compiling
from blocklists.errors import ListError
from blocklists.fetcher import Fetcher
from blocklists.sources import Source

TELL_SECONDS = 1.0  # how often the child says how far it is


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be built."""

    sources: tuple[Source, ...]
    folder: Path  # where it is built: `folder`/index
    downloads: Path
    with_starter: bool


class Progress(msgspec.Struct, frozen=True):
    """How far it is: what is under way, how much of it is done, and how much there is (0: not known)."""

    what: str
    done: int
    total: int


class Built(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it."""

    report: compiling.BuildReport
    left_out: dict[str, str]  # the sources that could not be had at all, and why
    notes: dict[str, str]  # the sources of which an older copy was used, and why
    held: tuple[str, ...]  # the sources of which a download waits for a person


class Failed(msgspec.Struct, frozen=True):
    """Why nothing came of it."""

    reason: str


class Builder:
    """Runs one build at a time."""

    def __init__(self) -> None:
        self._process: multiprocessing.context.SpawnProcess | None = None

    def build(self, work: Work, tell: Callable[[Progress], None]) -> Built:
        """Build, and say how far it is. Raises ListError."""
        context = multiprocessing.get_context("spawn")
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=_child, args=(sender, work), name="compile", daemon=True)
        process.start()
        self._process = process
        sender.close()
        try:
            while True:
                said = receiver.recv()
                if isinstance(said, Progress):
                    tell(said)
                elif isinstance(said, Failed):
                    raise ListError(said.reason)
                else:
                    built: Built = said
                    return built
        except EOFError:
            raise ListError("the compilation was ended before it was done; is there enough memory?") from None
        finally:
            receiver.close()
            process.join()
            self._process = None

    def stop(self) -> None:
        """End what runs; nothing comes of it."""
        process = self._process
        if process is not None:
            process.kill()


def build_here(work: Work, progress: compiling.Progress) -> Built:
    """Fetch what is new and compile what can be had, in this process. Raises ListError."""
    fetcher = Fetcher(work.downloads, time.time, progress=progress)
    notes: dict[str, str] = {}
    for source in work.sources:
        if source.is_url:
            outcome = fetcher.fetch_source(source)
            if outcome.state in ("failed", "held"):
                notes[source.name] = outcome.message
    usable: list[Source] = []
    left_out: dict[str, str] = {}
    for source in work.sources:
        try:
            fetcher.locate_copy(source)
            usable.append(source)
        except ListError as problem:
            left_out[source.name] = notes.pop(source.name, str(problem))
    if work.with_starter:
        lists = work.folder / "starter"
        lists.mkdir()
        usable += builtin_list.builtin_sources(lists)
    return Built(
        report=compiling.build_index(usable, work.folder / "index", progress, locate=fetcher.locate_copy),
        left_out=left_out,
        notes=notes,
        held=tuple(one.name for one in work.sources if one.is_url and fetcher.read_copy(one).held is not None),
    )


def _child(sender: Connection, work: Work) -> None:
    told = 0.0

    def progress(what: str, done: int, total: int) -> None:
        nonlocal told
        if time.monotonic() - told >= TELL_SECONDS:
            told = time.monotonic()
            sender.send(Progress(what, done, total))

    try:
        sender.send(build_here(work, progress))
    except (ListError, OSError) as problem:
        sender.send(Failed(str(problem)))
