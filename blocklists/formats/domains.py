"""One bare name a line (Pi-hole-style lists), and the `domains` files of squidGuard and UT1.

A bare name closes exactly that name, unless the source says `match = "subdomains"`. In a squidGuard `domains` file
it closes the name and its subdomains (https://www.squidguard.org/Doc/configure.html, "domainlist"). A leading dot
or ``*.`` is tolerated and means the same as in the programs that write it: the name and what is under it. A
URL without a path (``https://a.example/``) is its host; one with a path is passed over, for DNS sees only names.
"""

import re
from collections.abc import Iterable
from typing import ClassVar

from blocklists.entries import Item, Match, NameEntry
from blocklists.formats.parser import LineShape, Parser
from blocklists.formats.text import (
    HOSTS_FILE_NAMES,
    NAME_SHAPE,
    PLAIN_NAME,
    is_comment,
    parse_name,
    parse_site,
    strip_comment,
)


class Domains(Parser):
    """One bare name a line."""

    line_shape: ClassVar[LineShape | None] = LineShape(
        pattern=re.compile(rf"\s*(?:\.?{NAME_SHAPE}(?:/[^\s$]*)?|[a-zA-Z][a-zA-Z0-9+.-]*://\S+)\s*(?:\s#.*)?"),
        strictness=20,
    )

    def parse_line(self, text: str) -> Iterable[Item]:
        """Return what one line says (nothing for a comment). Raises NotUnderstood with the reason."""
        text = text.strip()
        if is_comment(text):
            return ()
        if "#" in text:
            text = strip_comment(text)
        if PLAIN_NAME.fullmatch(text):  # nearly every line
            return (NameEntry(text, self.match),)
        if text.startswith("*."):
            return (NameEntry(parse_name(text[2:]), Match.SUBDOMAINS),)
        if text.startswith("."):
            return (NameEntry(parse_name(text[1:]), Match.SUBDOMAINS),)
        if text in HOSTS_FILE_NAMES:
            return ()
        return (NameEntry(parse_site(text), self.match),)


class SquidGuard(Domains):
    """A squidGuard `domains` file."""

    default_match: ClassVar[Match] = Match.SUBDOMAINS
    line_shape: ClassVar[LineShape | None] = None  # nothing in its lines tells it from bare names
