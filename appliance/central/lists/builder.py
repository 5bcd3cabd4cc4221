"""Fetches and compiles the school's sources in a process of its own, which says how far it is.

The process is a child that can be ended at any moment: it writes into a folder that is thrown away, and into the
copies of lists, which replace each other whole. It finds its job there, and writes one line of JSON a message.
Each list is fetched and read in a child of its own, which ends with this one (`blocklists.fetcher`).
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO

import msgspec

from blocklists import compiler
from blocklists.errors import ListError, describe_failure
from blocklists.kept_build import LastBuild
from blocklists.sources import Source

_CHILD = (sys.executable, "-m", "appliance.central.lists.build_process")
KEPT = "kept-build"  # the folder of what is kept of a build (`blocklists.kept_build`)
PROGRESS_SECONDS = 1.0  # how often the child says how far it is


class BuildJob(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be built."""

    sources: tuple[Source, ...]
    folder: Path  # where it is built: `folder`/index; what is kept of it: `folder`/kept-build
    downloads: Path
    with_builtin_list: bool
    in_force: tuple[str, ...] = ()  # the sources that stand in the index of now: without them nothing is published
    has_index: bool = False  # whether one was published before
    last: LastBuild | None = None  # the build that led to the one in force, where it can be built upon


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
    builtin_note: str = ""  # what is wrong with the list that comes with Hallpass
    base: str = ""  # where only an overlay was made: the whole index over which it lies
    whole_because: str = ""  # why all was compiled although there was a build to build upon


class BuildFailure(msgspec.Struct, frozen=True, tag="failure"):
    """Why nothing came of it."""

    reason: str


Message = BuildProgress | BuildResult | BuildFailure
_decoder: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)


class ListBuilder:
    """Runs one build at a time."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._is_cancelled = False

    def run_build(self, job: BuildJob, on_progress: Callable[[BuildProgress], None]) -> BuildResult:
        """Build, and say how far it is. Raises ListError."""
        path = job.folder / "job.json"  # a file: an address may have a password in it
        path.write_bytes(msgspec.json.encode(job, enc_hook=str))
        with subprocess.Popen([*_CHILD, str(path)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
            self._process = process
            if self._is_cancelled:  # while the process began
                process.kill()
            try:
                return _follow(process.stdout or (), on_progress)
            finally:
                self._process = None
                process.kill()

    def cancel_build(self) -> None:
        """End what runs, for good; nothing comes of it."""
        self._is_cancelled = True
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
    """Bring the lists up to date and compile what can be had, in this process. Raises ListError."""
    # They bring the HTTP client and more, which only this process needs.
    from blocklists.available_build import build_available  # noqa: PLC0415
    from blocklists.builtin_copy import keep_builtin_sources  # noqa: PLC0415
    from blocklists.fetcher import NOT_UPDATED, Fetcher  # noqa: PLC0415

    fetcher = Fetcher(job.downloads, time.time, progress=progress)
    locations = {source.name: source.location for source in job.sources if not source.is_url}
    notes = {
        outcome.source: outcome.message.replace(locations.get(outcome.source, outcome.source), "the file")
        for outcome in fetcher.fetch_sources(job.sources)
        if outcome.state in NOT_UPDATED
    }
    builtin: list[Source] = []
    builtin_note = ""
    if job.with_builtin_list:
        builtin, builtin_note = keep_builtin_sources(job.downloads)
        if not builtin and job.has_index:
            raise ListError(f"{builtin_note}; the index of now stays, which knows what this list closes")
    builtin_names = {source.name for source in builtin}

    def locate(source: Source) -> Path:
        return source.path if source.name in builtin_names else fetcher.locate_copy(source)

    built = build_available(
        [*job.sources, *builtin], job.folder / "index", progress,
        locate=locate, in_force=job.in_force, failures=notes, last=job.last, keep=job.folder / KEPT,
    )  # fmt: skip
    return BuildResult(
        report=built.report,
        left_out=built.left_out,
        notes={name: note for name, note in notes.items() if name not in built.left_out},
        held=tuple(one.source for one in fetcher.list_held()),
        builtin_note=builtin_note,
        base=built.base,
        whole_because=built.whole_because,
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
    except Exception as problem:  # noqa: BLE001 (whatever it is, a person is told in words)
        say(BuildFailure(describe_failure(problem)))
