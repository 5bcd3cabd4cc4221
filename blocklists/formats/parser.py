"""The shape of every format."""

from collections.abc import Iterable
from typing import ClassVar

from blocklists.entries import BadFilter, Match, NameEntry, PatternEntry


class Parser:
    """Reads one file of one format. Formats override `parse_line`, and `finish_file` if they hold items back."""

    default_match: ClassVar[Match] = Match.EXACT  # what a bare name means unless the source says otherwise

    def __init__(self, match: Match | None = None) -> None:
        self.match = self.default_match if match is None else match

    def parse_line(self, text: str) -> Iterable[NameEntry | PatternEntry]:
        """Return what one line says (nothing for a comment). Raises NotUnderstood with the reason."""
        raise NotImplementedError

    def finish_file(self) -> Iterable[NameEntry | PatternEntry | BadFilter]:
        """Return what was held back until the whole file was known."""
        return ()
