"""What can go wrong with lists: one root, so that a caller can catch the whole family.

The message of each is one line that a person can act on (`SourcesInvalid` lists one mistake a line).
"""

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
