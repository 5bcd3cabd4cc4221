"""dnsmasq configuration (dnsmasq(8)): a name and its subdomains, the longest suffix wins.

``address=/a/b/0.0.0.0``, ``address=/a/``, ``address=/a/#``, ``server=/a/`` and ``local=/a/`` close;
``server=/a/#`` (use the standard servers) opens again. An ``address`` that leads to a real address, or a
``server`` with one, says where to find a name and closes nothing.
"""

import re
from collections.abc import Iterable
from typing import ClassVar

from blocklists.entries import Effect, Item, Match, NameEntry
from blocklists.errors import NotForNames, NotUnderstood
from blocklists.formats.parser import LineShape, Parser
from blocklists.formats.text import is_comment, parse_ip, parse_name, strip_comment
from blocklists.formats.words import parse_words

_LINE = re.compile(r"(?:--)?(address|server|local)\s*=\s*/(.*)/([^/]*)", re.IGNORECASE)


class Dnsmasq(Parser):
    """One dnsmasq configuration file."""

    default_match: ClassVar[Match] = Match.SUBDOMAINS
    line_shape: ClassVar[LineShape | None] = LineShape(
        pattern=re.compile(r"\s*(?:--)?(?:address|server|local)\s*=\s*/.*", re.IGNORECASE),
        strictness=70,
        is_unmistakable=True,
    )

    def parse_line(self, text: str) -> Iterable[Item]:
        """Return what one line says (nothing for a comment). Raises NotUnderstood with the reason."""
        text = text.strip()
        if is_comment(text):
            return ()
        match = _LINE.fullmatch(strip_comment(text))
        if not match:
            raise NotUnderstood("not address=/name/, server=/name/ or local=/name/")
        effect = _effect(match[1].lower(), match[2], match[3].strip())
        wanted = Match.EXACT if self.match is Match.EXACT else Match.SUBDOMAINS
        return parse_words(
            match[2].split("/"),
            lambda name: NameEntry(parse_name(name.removeprefix("*").removeprefix(".")), wanted, effect),
        )


def _effect(keyword: str, names: str, value: str) -> Effect:
    if not names.strip("/ "):
        raise NotUnderstood("names no name")
    if keyword == "address":
        address = parse_ip(value)
        if value in ("", "#") or (address is not None and (address.is_unspecified or address.is_loopback)):
            return Effect.BLOCK
        raise NotForNames("says where a name is: closes nothing")
    if value == "":
        return Effect.BLOCK
    if value == "#":
        return Effect.ALLOW_LONGEST
    raise NotForNames("says which server to ask: closes nothing")
