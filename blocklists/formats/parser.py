"""The shape of every format."""

import re
from collections.abc import Iterable
from typing import ClassVar

import msgspec

from blocklists.entries import BadFilter, Item, Match, NameEntry, PatternEntry


class LineShape(msgspec.Struct, frozen=True, kw_only=True):
    """By what a line of a format is recognised (`blocklists.format_detection`)."""

    pattern: re.Pattern[str]  # matches the whole of a line that could be an entry
    strictness: int  # where as many lines fit two formats, the one with the greater number is taken
    is_unmistakable: bool = False  # a line of this shape counts for no format that is less strict


class Parser:
    """Reads one file of one format. Formats override `parse_line`, and `finish_file` if they hold items back."""

    default_match: ClassVar[Match] = Match.EXACT  # what a bare name means unless the source says otherwise
    line_shape: ClassVar[LineShape | None] = None  # None: never recognised, only named

    def __init__(self, match: Match | None = None) -> None:
        self.match = self.default_match if match is None else match

    def parse_line(self, text: str) -> Iterable[Item]:
        """Return what one line says (nothing for a comment). Raises NotUnderstood with the reason."""
        raise NotImplementedError

    def finish_file(self) -> Iterable[NameEntry | PatternEntry | BadFilter]:
        """Return what was held back until the whole file was known."""
        return ()
