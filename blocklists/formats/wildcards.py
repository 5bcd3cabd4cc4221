"""Wildcard lists: ``*.a.example`` closes what is under a name, and the name itself.

Most programs that publish such lists count the name itself too (the source may say `match = "below"` to leave it
out, as RPZ does). A bare name closes exactly that name. Stars elsewhere become patterns.
"""

import re
from collections.abc import Iterable
from typing import ClassVar

from blocklists.entries import Item, Match, NameEntry, PatternEntry
from blocklists.errors import NotForNames, NotUnderstood
from blocklists.formats.parser import LineShape, Parser
from blocklists.formats.text import NAME_SHAPE, is_comment, parse_name, parse_site, strip_comment
from blocklists.patterns import check_pattern
from dns.message.names import NAME_CHARACTERS

_PATTERN = re.compile(r"[a-z0-9_.*-]+")


class Wildcards(Parser):
    """One list of names and wildcards."""

    line_shape: ClassVar[LineShape | None] = LineShape(
        pattern=re.compile(rf"\s*(?:\*\.)?{NAME_SHAPE}(?:\*{NAME_SHAPE})*\s*(?:\s#.*)?"), strictness=30
    )

    def parse_line(self, text: str) -> Iterable[Item]:
        """Return what one line says (nothing for a comment). Raises NotUnderstood with the reason."""
        text = text.strip()
        if is_comment(text):
            return ()
        text = strip_comment(text)
        if text.startswith("."):
            return (NameEntry(parse_name(text[1:]), Match.SUBDOMAINS),)
        if text.startswith("*.") and "*" not in text[2:]:
            match = Match.BELOW if self.match is Match.BELOW else Match.SUBDOMAINS
            return (NameEntry(parse_name(text[2:]), match),)
        if "*" in text:
            return (PatternEntry(wildcard_to_regex(text), text=text),)
        return (NameEntry(parse_site(text), Match.SUBDOMAINS if self.match is Match.SUBDOMAINS else Match.EXACT),)


def wildcard_to_regex(text: str, *, subdomains: bool = False) -> str:
    """Return the regular expression for a name with stars; a star stands for any characters, dots included.

    Raises NotUnderstood for one that says nothing, or costs too much. How wide it is, `blocklists.width` says.
    """
    lowered = text.lower().removesuffix(".")
    if len(lowered) > NAME_CHARACTERS or not _PATTERN.fullmatch(lowered):
        raise NotUnderstood("not a domain name, nor one with stars")
    if lowered.count("*") + subdomains > 3:
        raise NotForNames("too many stars: too costly to look for in every name")
    body = re.sub(r"(?:\\\*)+", ".*", re.escape(lowered))
    return check_pattern(f"^(?:.*\\.)?{body}$" if subdomains else f"^{body}$")
