"""Response policy zones (draft-vixie-dnsop-dns-rpz), written as a zone file (RFC 1035, section 5).

``a.example CNAME .`` closes exactly, ``*.a.example CNAME .`` only what is under the name; ``CNAME *.`` (no
data), ``rpz-drop.`` close too, ``rpz-passthru.`` opens, ``rpz-tcp-only.`` says nothing about closing. Owners
are relative to the origin (``$ORIGIN``, else the owner of the SOA); an owner left out is the one before. A and
AAAA records with an unspecified or loopback address close. Triggers on addresses or name servers
(``32.4.3.2.1.rpz-ip``) are reported: they are not about names.
"""

import re
from collections.abc import Iterable
from typing import ClassVar

from blocklists.entries import Effect, Item, Match, NameEntry
from blocklists.errors import NotForNames, NotUnderstood
from blocklists.formats.parser import LineShape, Parser
from blocklists.formats.text import HOSTS_FILE_NAMES, parse_ip, parse_name

_CLASSES = frozenset({"IN", "CH", "HS"})
_HOUSEKEEPING = frozenset({"SOA", "NS", "TXT"})
_TTL = re.compile(r"\d{1,10}|(?:\d{1,10}[smhdw]){1,5}", re.IGNORECASE)
_QUOTED = re.compile(r'"[^"]*"')
_TRIGGERS = ("rpz-ip", "rpz-client-ip", "rpz-nsip", "rpz-nsdname")


class Rpz(Parser):
    """One zone file."""

    default_match: ClassVar[Match] = Match.EXACT
    line_shape: ClassVar[LineShape | None] = LineShape(
        pattern=re.compile(
            r"\$(?:TTL|ORIGIN)\b.*|.*\s(?:SOA|CNAME|NS)(?:\s.*|$)|.*\s(?:A|AAAA)\s+[0-9a-f.:]+\s*(?:;.*)?",
            re.IGNORECASE,
        ),
        strictness=60,
        is_unmistakable=True,
    )

    def __init__(self, match: Match | None = None) -> None:
        super().__init__(match)
        self._origin = ""
        self._owner = ""
        self._in_parentheses = False

    def parse_line(self, text: str) -> Iterable[Item]:
        """Return what one line says (nothing for a comment). Raises NotUnderstood with the reason."""
        text = _QUOTED.sub('""', text).partition(";")[0].rstrip()
        if self._in_parentheses:
            self._in_parentheses = ")" not in text
            return ()
        if not text.strip():
            return ()
        if text.startswith("$"):
            return self._directive(text.split())
        words = text.split()
        if not text[0].isspace():
            self._owner = words.pop(0)
        self._in_parentheses = "(" in text and ")" not in text
        return self._record(words)

    def _directive(self, words: list[str]) -> Iterable[NameEntry]:
        if words[0].upper() == "$ORIGIN" and len(words) > 1:
            self._origin = words[1].lower().removesuffix(".")
            return ()
        if words[0].upper() == "$TTL":
            return ()
        raise NotUnderstood(f"{words[0][:20]} is not followed: only $ORIGIN and $TTL are")

    def _record(self, words: list[str]) -> Iterable[NameEntry]:
        while words and (words[0].upper() in _CLASSES or _TTL.fullmatch(words[0])):
            words.pop(0)
        if not words:
            raise NotUnderstood("no record: an owner, a type and a value are expected")
        kind, value = words[0].upper(), (words[1].lower() if len(words) > 1 else "")
        if kind == "SOA" and not self._origin and self._owner not in ("@", ""):
            self._origin = self._owner.lower().removesuffix(".")
        if kind in _HOUSEKEEPING:
            return ()
        effect = _effect(kind, value)
        name, match = self._trigger()
        return () if name in HOSTS_FILE_NAMES else (NameEntry(parse_name(name), match, effect),)

    def _trigger(self) -> tuple[str, Match]:
        owner = self._owner.lower()
        if owner == "@" or not owner:
            raise NotForNames("a rule for the zone itself")
        if owner.endswith("."):
            owner = owner[:-1]
            if not self._origin or not owner.endswith("." + self._origin):
                raise NotForNames("an owner outside the zone")
            owner = owner.removesuffix("." + self._origin)
        if owner.rpartition(".")[2] in _TRIGGERS:
            raise NotForNames("a rule about addresses or name servers, not about names")
        if owner.startswith("*."):
            below = Match.SUBDOMAINS if self.match is Match.SUBDOMAINS else Match.BELOW
            return owner[2:], below
        return owner, self.match


def _effect(kind: str, value: str) -> Effect:
    if kind == "CNAME":
        if value in (".", "*.", "rpz-drop."):
            return Effect.BLOCK
        if value == "rpz-passthru.":
            return Effect.ALLOW_LONGEST
        if value == "rpz-tcp-only.":
            raise NotForNames("asks for TCP: closes nothing")
        raise NotForNames("leads to another name: closes nothing")
    if kind in ("A", "AAAA"):
        address = parse_ip(value)
        if address is not None and (address.is_unspecified or address.is_loopback):
            return Effect.BLOCK
        raise NotForNames("leads to an address: closes nothing")
    raise NotForNames(f"a record of type {kind[:12]}: closes nothing")
