"""Hosts files (hosts(5)): an address, then one or more names, each of which is closed exactly.

Only lines whose address is unspecified or loopback close anything: any other address says where a name is.
"""

import re
from collections.abc import Iterable
from typing import ClassVar

from blocklists.entries import NameEntry, PatternEntry
from blocklists.errors import NotUnderstood
from blocklists.formats.parser import LineShape, Parser
from blocklists.formats.text import HOSTS_FILE_NAMES, is_comment, parse_ip, parse_site, strip_comment

_BLOCKING_ADDRESSES = frozenset({"0.0.0.0", "127.0.0.1", "::", "::1", "0", "::0"})  # noqa: S104 (text of a hosts file)


class Hosts(Parser):
    """One hosts file."""

    line_shape: ClassVar[LineShape | None] = LineShape(
        pattern=re.compile(r"\s*(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f]*:[0-9a-f:.]*(?:%\S+)?)\s+\S.*", re.IGNORECASE),
        strictness=50,
        is_unmistakable=True,
    )

    def parse_line(self, text: str) -> Iterable[NameEntry | PatternEntry]:
        """Return what one line says (nothing for a comment). Raises NotUnderstood with the reason."""
        text = text.strip()
        if is_comment(text):
            return ()
        if "#" in text:
            text = strip_comment(text)
        where, *names = text.split()
        if where not in _BLOCKING_ADDRESSES and not _is_blocking_address(where):
            raise NotUnderstood("does not begin with an address that closes (0.0.0.0, 127.0.0.1, ::)")
        if not names:
            raise NotUnderstood("an address without a name")
        if len(names) == 1:
            return () if names[0].lower() in HOSTS_FILE_NAMES else (NameEntry(parse_site(names[0]), self.match),)
        return tuple(
            NameEntry(parse_site(name), self.match) for name in names if name.lower() not in HOSTS_FILE_NAMES
        )


def _is_blocking_address(where: str) -> bool:
    address = parse_ip(where)
    if address is None:
        return False
    mapped = getattr(address, "ipv4_mapped", None) or address
    own_lines = where == "255.255.255.255" or address.is_link_local or address.is_multicast
    return mapped.is_unspecified or mapped.is_loopback or own_lines
