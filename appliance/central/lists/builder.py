"""Fetches and compiles the school's sources in a process of its own, which says how far it is.

The process is a child that can be ended at any moment: it writes into a folder that is thrown away, and into the
copies of lists, which replace each other whole. It finds its job there, and writes one line of JSON a message.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO

import msgspec

from blocklists import builtin_list, compiler
from blocklists.errors import ListError
from blocklists.sources import Source

_CHILD = (sys.executable, "-m", "appliance.central.lists.build_process")
PROGRESS_SECONDS = 1.0  # how often the child says how far it is


class BuildJob(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be built."""

    sources: tuple[Source, ...]
    folder: Path  # where it is built: `folder`/index
    downloads: Path
    with_builtin_list: bool


class BuildProgress(msgspec.Struct, frozen=True, tag="progress"):
    """How far it is: what is under way, how much of it is done, and how much there is (0: not known)."""

    what: str
    done: int
    total: int


class BuildResult(msgspec.Struct, frozen=True, kw_only=True, tag="result"):
    """What came of it."""

    report: compiler.BuildReport
    left_out: dict[str, str]  # the sources that could not be had at all, and why
    notes: dict[str, str]  # the sources of which an older copy was used, and why
    held: tuple[str, ...]  # the sources of which a download waits for a person


class BuildFailure(msgspec.Struct, frozen=True, tag="failure"):
    """Why nothing came of it."""

    reason: str


Message = BuildProgress | BuildResult | BuildFailure
_decoder: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)


class ListBuilder:
    """Runs one build at a time."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def run_build(self, job: BuildJob, on_progress: Callable[[BuildProgress], None]) -> BuildResult:
        """Build, and say how far it is. Raises ListError."""
        path = job.folder / "job.json"  # a file: an address may have a password in it
        path.write_bytes(msgspec.json.encode(job, enc_hook=str))
        with subprocess.Popen([*_CHILD, str(path)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
            self._process = process
            try:
                return _follow(process.stdout or (), on_progress)
            finally:
                self._process = None
                process.kill()

    def cancel_build(self) -> None:
        """End what runs; nothing comes of it."""
        process = self._process
        if process is not None:
            process.kill()


def _follow(messages: Iterable[bytes], on_progress: Callable[[BuildProgress], None]) -> BuildResult:
    for line in messages:
        message = _decoder.decode(line)
        if isinstance(message, BuildProgress):
            on_progress(message)
        elif isinstance(message, BuildFailure):
            raise ListError(message.reason)
        else:
            return message
    raise ListError("the compilation was ended before it was done; is there enough memory?")


def read_job(path: Path) -> BuildJob:
    """Return the job that the parent has written down."""
    return msgspec.json.decode(path.read_bytes(), type=BuildJob, dec_hook=lambda kind, value: kind(value))


def build_in_process(job: BuildJob, progress: compiler.Progress) -> BuildResult:
    """Fetch what is new and compile what can be had, in this process. Raises ListError."""
    from blocklists.fetcher import Fetcher  # noqa: PLC0415 (brings httpx, which only this process needs)

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


def run_child(job: BuildJob, output: IO[bytes]) -> None:
    """Build as `run_build` told this process to, and write what comes of it."""
    said_at = 0.0

    def say(message: Message) -> None:
        output.write(msgspec.json.encode(message) + b"\n")
        output.flush()

    def progress(what: str, done: int, total: int) -> None:
        nonlocal said_at
        if time.monotonic() - said_at >= PROGRESS_SECONDS:
            said_at = time.monotonic()
            say(BuildProgress(what, done, total))

    try:
        say(build_in_process(job, progress))
    except (ListError, OSError) as problem:
        say(BuildFailure(str(problem)))
