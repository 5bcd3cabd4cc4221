"""Regular expressions, one a line, with or without slashes around them (Pi-hole's regex lists).

A URL is none of them: without a path it is its host, with one it is passed over (DNS sees only names).
Pi-hole's options after a semicolon: ``;querytype=A,AAAA`` is followed; a line with any other is passed over
whole.
"""

import re
from collections.abc import Iterable
from typing import ClassVar

from blocklists.entries import Effect, EntryCondition, Item, Match, NameEntry, PatternEntry
from blocklists.errors import NotForNames, NotUnderstood
from blocklists.formats.parser import LineShape, Parser
from blocklists.formats.text import is_address, parse_url
from blocklists.formats.types import parse_types
from blocklists.patterns import check_pattern

_LONGEST_LINE = 600
_URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_OPTIONS = re.compile(r"(.*?)((?:;[a-z]+(?:=[^;]*)?)*)", re.IGNORECASE)


class Regexes(Parser):
    """One list of regular expressions."""

    line_shape: ClassVar[LineShape | None] = LineShape(
        pattern=re.compile(r"\s*\S*[\^$\\()+?\[{|]\S*"), strictness=10
    )

    def parse_line(self, text: str) -> Iterable[Item]:
        """Return what one line says (nothing for a comment). Raises NotUnderstood with the reason."""
        text = text.strip()
        if not text or text[0] in "!#;":
            return ()
        if len(text) > _LONGEST_LINE:
            raise NotUnderstood(f"a pattern longer than {_LONGEST_LINE} characters")
        if not text.isprintable():
            raise NotUnderstood("not text")
        if " " in text:
            raise NotUnderstood("holds a blank, as no name does: not an expression for names")
        if _URL.match(text):
            return (NameEntry(parse_url(text), Match.EXACT),)
        if is_address(text):
            raise NotForNames("an address, not a name: nobody asks DNS for it")
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
            raise NotForNames(f"the option {key[:20]!r} is not supported")
        if value.startswith("!"):
            condition = parse_types(["~" + name for name in value[1:].split(",")])
        else:
            condition = parse_types(value.split(","))
    return condition
