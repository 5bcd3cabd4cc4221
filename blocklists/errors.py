"""What can go wrong with lists: one root, so that a caller can catch the whole family.

The message of each is one line that a person can act on (`SourcesInvalid` lists one mistake a line). What
libraries raise while they read a list becomes such a line in `describe_failure`.
"""

import errno
from collections.abc import Sequence
from pathlib import Path


class ListError(Exception):
    """Something about a list, a sources file or an index is wrong; the message says what."""


class SourcesInvalid(ListError):
    """A sources file that cannot be used: every mistake in it, one a line."""

    def __init__(self, path: Path, problems: Sequence[str]) -> None:
        self.path = path
        self.problems = tuple(problems)
        count = "1 mistake" if len(problems) == 1 else f"{len(problems)} mistakes"
        super().__init__(f"{path}: {count}\n" + "\n".join(f"  {problem}" for problem in problems))


class SourcesUnreadable(SourcesInvalid):
    """A sources file that is not there, or may not be read: there is no mistake in it to count."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(path, [f"cannot be read: {reason}"])
        self.args = (
            f"{path}: cannot be read: {reason}; name a sources file (docs/lists.md has one to begin with)",
        )


class SourceUnusable(ListError):
    """A source that cannot be read, or that as a whole is no list."""


class NotUnderstood(ListError):
    """One line of a list that says nothing we can use; the message is the reason."""


class NotForNames(NotUnderstood):
    """One line that is understood, and says nothing that can be followed here; the message is the reason."""


class IndexDamaged(ListError):
    """A file that is no index of ours, or no longer the one that was written."""


class FetchFailed(ListError):
    """A list could not be fetched; the copy from last time stays in use."""

    def __init__(self, reason: str, *, retry_seconds: float = 0.0) -> None:
        super().__init__(reason)
        self.retry_seconds = retry_seconds  # how long the server asked to be left alone; 0: it did not


_MAX_REASON = 300


def describe_failure(problem: BaseException) -> str:
    """Return in one line why a list could not be had or read, whatever was raised."""
    if isinstance(problem, ListError):
        reason = str(problem)
    elif isinstance(problem, MemoryError):
        reason = "needs more memory than one list may take"
    elif isinstance(problem, RecursionError):
        reason = "is nested too deeply"
    elif isinstance(problem, NotImplementedError):
        reason = "is packed in a way that is not known here"
    elif isinstance(problem, _unpacking_failures()) or (
        isinstance(problem, OSError) and problem.errno in (None, errno.EINVAL)
    ):
        reason = "is damaged: what is compressed in it ends too soon, or is not what it seems to be"
    elif isinstance(problem, OSError):
        reason = problem.strerror or type(problem).__name__
        reason = f"{problem.filename}: {reason}" if problem.filename else reason
    else:
        reason = f"could not be read ({type(problem).__name__}: {problem})"
    one_line = " ".join(reason.split())
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in one_line)[:_MAX_REASON]


def _unpacking_failures() -> tuple[type[Exception], ...]:
    """Return what libraries raise over something compressed that is damaged."""
    import lzma  # noqa: PLC0415 (half a megabyte, all of it, in each process that may know of lists)
    import tarfile  # noqa: PLC0415
    import zipfile  # noqa: PLC0415
    import zlib  # noqa: PLC0415

    return (EOFError, zlib.error, lzma.LZMAError, tarfile.TarError, zipfile.BadZipFile)
