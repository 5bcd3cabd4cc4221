"""Regular expressions, one a line, with or without slashes around them (Pi-hole's regex lists).

Pi-hole's options after a semicolon: ``;querytype=A,AAAA`` is followed; a line with any other is passed over whole.
"""

import re
from collections.abc import Iterable
from typing import ClassVar

from blocklists.entries import Effect, EntryCondition, NameEntry, PatternEntry
from blocklists.errors import NotUnderstood
from blocklists.formats.parser import LineShape, Parser
from blocklists.formats.types import parse_types
from blocklists.patterns import check_pattern

_LONGEST_LINE = 600
_OPTIONS = re.compile(r"(.*?)((?:;[a-z]+(?:=[^;]*)?)*)", re.IGNORECASE)


class Regexes(Parser):
    """One list of regular expressions."""

    line_shape: ClassVar[LineShape | None] = LineShape(
        pattern=re.compile(r"\s*\S*[\^$\\()+?\[{|]\S*"), strictness=10
    )

    def parse_line(self, text: str) -> Iterable[NameEntry | PatternEntry]:
        """Return what one line says (nothing for a comment). Raises NotUnderstood with the reason."""
        text = text.strip()
        if not text or text[0] in "!#;":
            return ()
        if len(text) > _LONGEST_LINE:
            raise NotUnderstood(f"a pattern longer than {_LONGEST_LINE} characters")
        effect = Effect.BLOCK
        if text.startswith("@@/"):
            text, effect = text[2:], Effect.ALLOW
        if len(text) > 2 and text.startswith("/") and text.endswith("/"):
            return (PatternEntry(check_pattern(text[1:-1]), effect, None, text),)
        match = _OPTIONS.fullmatch(text)
        if match is None:
            raise NotUnderstood("not a regular expression")
        return (PatternEntry(check_pattern(match[1]), effect, _condition(match[2]), f"/{text}/"),)


def _condition(options: str) -> EntryCondition | None:
    condition = None
    for option in options.split(";")[1:]:
        key, _, value = option.partition("=")
        if key.lower() != "querytype":
            raise NotUnderstood(f"the option {key[:20]!r} is not supported")
        if value.startswith("!"):
            condition = parse_types(["~" + name for name in value[1:].split(",")])
        else:
            condition = parse_types(value.split(","))
    return condition
