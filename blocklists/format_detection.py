"""Recognises the syntax of a list by its first lines.

Each line that is no comment votes for the formats in which it could be an entry, by the `LineShape` of each; the
format with the most votes is taken, the stricter one on a tie. A web page, and a text in which no line fits any
format, are refused, and so is what is no text: bytes that no list has.

What is decided here is what a bare line means; a line that is plainly of another syntax is read as that
(`blocklists.formats.mixed_lines`).
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from blocklists.errors import SourceUnusable
from blocklists.formats import FORMATS
from blocklists.formats.parser import LineShape

SAMPLE_LINES = 2000  # that are no comments
_MOST_LINES = 50_000  # comments among them
_MOST_CHARACTERS = 8_000_000
MOST_BINARY = 0.05  # of the lines of a text
_MOST_JUNK = 0.2  # of the lines of a list of bare regular expressions: in a script, most lines are none
_LINE_PREFIX = 300  # characters of a line

_PAGE = re.compile(r"\s*(?:<\?xml\b.*)?<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE)
_COMMENT = re.compile(r"\s*(?:[!#;\[].*)?")
_NO_TEXT = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f\ufffd]")
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
        if is_comment(line):
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
    if best == "regex" and votes[best] < meaningful * (1 - _MOST_JUNK):
        raise SourceUnusable("is no list: too few of its lines are an entry in any syntax known here")
    if best == "wildcards" and votes["domains"] * _FEW_STARS >= votes["wildcards"] * (_FEW_STARS - 1):
        return "domains"  # which knows *.name as well
    return best


def reject_web_pages(lines: Iterable[str | None]) -> None:
    """Raise SourceUnusable where a text begins like a web page."""
    begun = "".join(line for line in list(lines)[:20] if line)
    if _PAGE.match(begun.lstrip("\ufeff")):
        raise SourceUnusable("is a web page, not a list")


def first_lines(text: Iterator[str | None]) -> list[str | None]:
    """Take so many lines of a text that they say what it is; comments are read, and do not count."""
    sample: list[str | None] = []
    meaningful = characters = 0
    for line in text:
        sample.append(line)
        characters += len(line or "")
        meaningful += line is not None and not is_comment(line)
        if meaningful >= SAMPLE_LINES or len(sample) >= _MOST_LINES or characters >= _MOST_CHARACTERS:
            break
    return sample


def is_comment(line: str) -> bool:
    """Tell whether a line says nothing, in any syntax."""
    return _COMMENT.fullmatch(line[:_LINE_PREFIX]) is not None and not line.lstrip().startswith("[^")


def is_binary(line: str) -> bool:
    """Tell whether a line holds bytes that are no text."""
    return _NO_TEXT.search(line) is not None


def reject_binary(lines: Iterable[str | None]) -> None:
    """Raise SourceUnusable for a text that is none."""
    some = [line for line in lines if line]
    binary = sum(map(is_binary, some))
    begun = "".join(some[:20])
    if len(begun) < begun.count("\0") * 3 < 2 * len(begun):
        raise SourceUnusable("is written in UTF-16 without a mark at its beginning: save it as UTF-8")
    if binary > len(some) * MOST_BINARY and (binary > 1 or len(some) < 2):
        raise SourceUnusable("is no list: it holds bytes that are no text")


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
