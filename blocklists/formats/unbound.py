"""Unbound configuration (unbound.conf(5)): local zones, the longest zone wins.

``local-zone: "a." always_nxdomain`` closes the name and its subdomains; so do refuse, deny, static, redirect,
always_refuse, always_deny, always_null, always_nodata and inform_deny. ``transparent`` and ``typetransparent``
(and their ``always_`` and ``inform`` kin) open. ``local-data: "a. A 0.0.0.0"`` closes exactly; other data says
where a name is.
"""

import re
from collections.abc import Iterable
from typing import ClassVar

from blocklists.entries import Effect, Item, Match, NameEntry
from blocklists.errors import NotForNames, NotUnderstood
from blocklists.formats.parser import LineShape, Parser
from blocklists.formats.text import HOSTS_FILE_NAMES, is_comment, parse_ip, parse_name, strip_comment

_ZONE = re.compile(r"local-zone:\s*[\"']?([^\"'\s]+)[\"']?\s+[\"']?([a-z_]+)[\"']?", re.IGNORECASE)
_DATA = re.compile(
    r"local-data:\s*[\"'](\S+)\s+(?:\d+\s+)?(?:IN\s+)?(A|AAAA)\s+([^\"'\s]+)\s*[\"']", re.IGNORECASE
)
_SECTION = re.compile(r"(?:server|python|remote-control|include|forward-zone|stub-zone):?.*", re.IGNORECASE)
_BLOCKING_TYPES = frozenset(
    [
        "always_nxdomain",
        "always_refuse",
        "always_deny",
        "always_null",
        "always_nodata",
        "refuse",
        "deny",
        "static",
        "redirect",
        "inform_deny",
        "inform_redirect",
        "block_a",
    ]
)
_ALLOWING_TYPES = frozenset(["transparent", "typetransparent", "always_transparent", "inform", "nodefault"])


class Unbound(Parser):
    """One Unbound configuration file."""

    default_match: ClassVar[Match] = Match.SUBDOMAINS
    line_shape: ClassVar[LineShape | None] = LineShape(
        pattern=re.compile(r"\s*(?:server:|local-(?:zone|data):.*)", re.IGNORECASE),
        strictness=80,
        is_unmistakable=True,
    )

    def parse_line(self, text: str) -> Iterable[Item]:
        """Return what one line says (nothing for a comment). Raises NotUnderstood with the reason."""
        text = strip_comment(text.strip())
        if is_comment(text):
            return ()
        if zone := _ZONE.fullmatch(text):
            return self._zone(zone[1], zone[2].lower())
        if data := _DATA.fullmatch(text):
            return _data(data[1], data[3])
        if _SECTION.fullmatch(text):
            return ()
        raise NotUnderstood("neither a local-zone nor a local-data that closes")

    def _zone(self, name: str, kind: str) -> Iterable[NameEntry]:
        if name.strip(".").lower() in HOSTS_FILE_NAMES:
            return ()
        if kind in _BLOCKING_TYPES:
            match = Match.EXACT if self.match is Match.EXACT else Match.SUBDOMAINS
            return (NameEntry(parse_name(name), match),)
        if kind in _ALLOWING_TYPES:
            return (NameEntry(parse_name(name), Match.SUBDOMAINS, Effect.ALLOW_LONGEST),)
        raise NotUnderstood(f"{kind!r} is no type of local-zone")


def _data(name: str, value: str) -> Iterable[NameEntry]:
    address = parse_ip(value)
    if address is None or not (address.is_unspecified or address.is_loopback):
        raise NotForNames("says where a name is: closes nothing")
    return () if name.strip(".").lower() in HOSTS_FILE_NAMES else (NameEntry(parse_name(name), Match.EXACT),)
