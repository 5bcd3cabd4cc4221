"""Recognises the syntax of a list by its first lines.

Each line that is no comment votes for the formats in which it could be an entry, by the `LineShape` of each; the
format with the most votes is taken, the stricter one on a tie. A web page, and a text in which no line fits any
format, are refused.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from blocklists.errors import SourceUnusable
from blocklists.formats import FORMATS
from blocklists.formats.parser import LineShape

SAMPLE_LINES = 2000
_LINE_PREFIX = 300  # characters of a line

_PAGE = re.compile(r"\s*(?:<\?xml\b.*)?<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE)
_COMMENT = re.compile(r"\s*(?:[!#;\[].*)?")
_SOME_RULES = 50  # one AdBlock rule among so many lines makes an AdBlock list
_FEW_STARS = 10  # of so many lines one may have a star in a list of bare names


def detect_format(sample: Sequence[str | None]) -> str:
    """Return the name of the format. Raises SourceUnusable for what is no list."""
    # A line's beginning says what it is; matching shapes against kilobytes of junk could take minutes.
    lines = [line[:_LINE_PREFIX] for line in sample if line]
    reject_web_pages(lines)
    shapes = _shapes()
    votes = dict.fromkeys(shapes, 0)
    meaningful = 0
    for line in lines:
        if _COMMENT.fullmatch(line) and not line.lstrip().startswith("[^"):
            continue
        meaningful += 1
        for name in _votes(line, shapes):
            votes[name] += 1
    if not meaningful:
        return "adblock" if any(line.lstrip().startswith(("!", "[")) for line in lines) else "domains"
    rules = sum(line.lstrip().startswith(("||", "@@||", "@@|")) for line in lines)
    if rules * _SOME_RULES >= meaningful:
        return "adblock"  # whose lists may hold bare names and hosts lines as well
    best = max(votes, key=lambda name: votes[name])  # of equals the first: the strictest
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


def _shapes() -> dict[str, LineShape]:
    """Return how each format is recognised, the strictest first."""
    shapes = {name: kind.line_shape for name, kind in FORMATS.items() if kind.line_shape is not None}
    return dict(sorted(shapes.items(), key=lambda item: -item[1].strictness))


def _votes(line: str, shapes: dict[str, LineShape]) -> Iterator[str]:
    for name, shape in shapes.items():
        if shape.pattern.fullmatch(line):
            yield name
            if shape.is_unmistakable:
                if name == "hosts":
                    # It is a legal line of an AdBlock list too: it may not outvote the rules around it.
                    yield "adblock"
                return
