"""The shape of every format."""

from collections.abc import Iterable
from typing import ClassVar

from blocklists.entries import Entry, Match, Pattern, Withdrawn


class Parser:
    """Reads one file of one format. Formats override `line`, and `finish` where they hold something back."""

    default_match: ClassVar[Match] = Match.EXACT  # what a bare name means unless the source says otherwise

    def __init__(self, match: Match | None = None) -> None:
        self.match = self.default_match if match is None else match

    def line(self, text: str) -> Iterable[Entry | Pattern]:
        """Return what one line says (nothing for a comment). Raises NotUnderstood with the reason."""
        raise NotImplementedError

    def finish(self) -> Iterable[Entry | Pattern | Withdrawn]:
        """Return what was held back until the whole file was known."""
        return ()
