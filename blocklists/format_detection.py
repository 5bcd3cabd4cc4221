"""Recognises the syntax of a list by its first lines.

Each line that is no comment votes for the formats in which it could be an entry; the format with the most votes is
taken, the stricter one on a tie. A web page, and a text in which no line fits any format, are refused.
"""

import re
from collections.abc import Iterable, Sequence

from blocklists.errors import SourceUnusable

SAMPLE_LINES = 2000
_LINE_PREFIX = 300  # characters of a line

_NAME = r"[^\s/|^$*@#:;=\"'<>(){}\[\],!]+"
_SHAPES: dict[str, re.Pattern[str]] = {
    # The order is that of ties: the stricter shape first.
    "unbound": re.compile(r"\s*(?:server:|local-(?:zone|data):.*)", re.IGNORECASE),
    "dnsmasq": re.compile(r"\s*(?:--)?(?:address|server|local)\s*=\s*/.*", re.IGNORECASE),
    "rpz": re.compile(
        r"\$(?:TTL|ORIGIN)\b.*|.*\s(?:SOA|CNAME|NS)(?:\s.*|$)|.*\s(?:A|AAAA)\s+[0-9a-f.:]+\s*(?:;.*)?",
        re.IGNORECASE,
    ),
    "hosts": re.compile(r"\s*(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f]*:[0-9a-f:.]*(?:%\S+)?)\s+\S.*", re.IGNORECASE),
    "adblock": re.compile(r"\s*(?:@@.*|\|\|?[^|].*|/.+/(?:\$.*)?|[^\s|^$]+[\^|](?:\$.*)?|[^\s$]+\$[a-z].*)"),
    "wildcards": re.compile(rf"\s*(?:\*\.)?{_NAME}(?:\*{_NAME})*\s*(?:\s#.*)?"),
    "domains": re.compile(rf"\s*\.?{_NAME}\s*(?:\s#.*)?"),
    "regex": re.compile(r"\s*\S*[\^$\\()+?\[{|]\S*"),
}
_PAGE = re.compile(r"\s*(?:<\?xml\b.*)?<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE)
_COMMENT = re.compile(r"\s*(?:[!#;\[].*)?")
_SOME_RULES = 50  # one AdBlock rule among so many lines makes an AdBlock list
_FEW_STARS = 10  # of so many lines one may have a star in a list of bare names
_STRONG = ("unbound", "dnsmasq", "rpz", "hosts")


def detect_format(sample: Sequence[str | None]) -> str:
    """Return the name of the format. Raises SourceUnusable for what is no list."""
    # A line's beginning says what it is; matching shapes against kilobytes of junk could take minutes.
    lines = [line[:_LINE_PREFIX] for line in sample if line]
    reject_web_pages(lines)
    votes = dict.fromkeys(_SHAPES, 0)
    meaningful = 0
    for line in lines:
        if _COMMENT.fullmatch(line) and not line.lstrip().startswith("[^"):
            continue
        meaningful += 1
        for name in _votes(line):
            votes[name] += 1
    if not meaningful:
        return "adblock" if any(line.lstrip().startswith(("!", "[")) for line in lines) else "domains"
    rules = sum(line.lstrip().startswith(("||", "@@||", "@@|")) for line in lines)
    if rules * _SOME_RULES >= meaningful:
        return "adblock"  # whose lists may hold bare names and hosts lines as well
    best = max(_SHAPES, key=lambda name: votes[name])
    if not votes[best]:
        raise SourceUnusable("is no list: not one line is an entry in any syntax known here")
    if best == "wildcards" and votes["domains"] * _FEW_STARS >= votes["wildcards"] * (_FEW_STARS - 1):
        return "domains"  # which knows *.name as well
    return best


def reject_web_pages(lines: Iterable[str | None]) -> None:
    """Raise SourceUnusable where a text begins like a web page."""
    begun = "".join(line for line in list(lines)[:20] if line)
    if _PAGE.match(begun.lstrip("\ufeff")):
        raise SourceUnusable("is a web page, not a list")


def _votes(line: str) -> Iterable[str]:
    for name in _STRONG:
        if _SHAPES[name].fullmatch(line):
            # A hosts line is a legal line of an AdBlock list too: it may not outvote the rules around it.
            return (name, "adblock") if name == "hosts" else (name,)
    return [name for name in ("adblock", "wildcards", "domains", "regex") if _SHAPES[name].fullmatch(line)]
