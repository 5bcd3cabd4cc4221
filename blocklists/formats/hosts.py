"""Hosts files (hosts(5)): an address, then one or more names, each of which is closed exactly.

Only lines whose address is unspecified or loopback close anything: any other address says where a name is.
"""

import re
from collections.abc import Iterable
from typing import ClassVar

from blocklists.entries import Item, NameEntry
from blocklists.errors import NotForNames, NotUnderstood
from blocklists.formats.parser import LineShape, Parser
from blocklists.formats.text import is_comment, parse_ip, parse_site, strip_comment
from blocklists.formats.words import parse_words

_BLOCKING_ADDRESSES = frozenset({"0.0.0.0", "127.0.0.1", "::", "::1", "0", "::0"})  # noqa: S104 (text of a hosts file)


class Hosts(Parser):
    """One hosts file."""

    line_shape: ClassVar[LineShape | None] = LineShape(
        pattern=re.compile(
            r"\s*(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f]*:[0-9a-f:.]*(?:%\S+)?|0(?=\s+\S+\.))\s+\S.*", re.IGNORECASE
        ),
        strictness=50,
        is_unmistakable=True,
    )

    def parse_line(self, text: str) -> Iterable[Item]:
        """Return what one line says (nothing for a comment). Raises NotUnderstood with the reason."""
        text = text.strip()
        if is_comment(text):
            return ()
        if "#" in text:
            text = strip_comment(text)
        where, *names = text.split()
        if where not in _BLOCKING_ADDRESSES and not _is_blocking_address(where):
            reason = "does not begin with an address that closes (0.0.0.0, 127.0.0.1, ::)"
            raise NotForNames(reason) if parse_ip(where) else NotUnderstood(reason)
        if not names:
            raise NotUnderstood("an address without a name")
        return parse_words(names, lambda name: NameEntry(parse_site(name), self.match))


def _is_blocking_address(where: str) -> bool:
    address = parse_ip(where)
    if address is None:
        return False
    mapped = getattr(address, "ipv4_mapped", None) or address
    own_lines = where == "255.255.255.255" or address.is_link_local or address.is_multicast
    return mapped.is_unspecified or mapped.is_loopback or own_lines
