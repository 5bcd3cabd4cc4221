"""Regular expressions from lists: checked before they are ever run, because lists are written by strangers.

A pattern is looked for anywhere in the canonical name (Python's `re`; the POSIX classes that Pi-hole lists use
are translated). Refused, each with its reason: what Python does not understand, back-references and
look-around, an unbounded repeat inside another (time that doubles with every character), more than four
unbounded repeats, and what would close nearly everything.
"""

import importlib
import re
import warnings
from typing import Any

from blocklists.errors import NotUnderstood
from blocklists.formats.text import TOO_WIDE

_sre: Any = importlib.import_module("re._parser")  # the only parser of these expressions; stable from 3.11 to 3.13
_LONGEST = 500
_REPEATS = 4
_ALMOST_UNBOUNDED = 16
_POSIX = {
    "[:alnum:]": "a-z0-9",
    "[:alpha:]": "a-z",
    "[:lower:]": "a-z",
    "[:upper:]": "A-Z",
    "[:digit:]": "0-9",
    "[:xdigit:]": "a-f0-9",
    "[:space:]": r"\s",
    "[:blank:]": r"\s",
    "[:punct:]": r"_.\-",
}
_REPEATING = ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT")
_REFUSED = {
    "ASSERT": "looks around: not supported",
    "ASSERT_NOT": "looks around: not supported",
    "GROUPREF": "refers back: not supported",
    "GROUPREF_EXISTS": "refers back: not supported",
}


def checked(regex: str) -> str:
    """Return the expression as Python's `re` reads it. Raises NotUnderstood with the reason."""
    if len(regex) > _LONGEST:
        raise NotUnderstood(f"a pattern longer than {_LONGEST} characters")
    regex = regex.removeprefix("(?i)")  # names are lower-case, and looked at as such
    for name, characters in _POSIX.items():
        regex = regex.replace(name, characters)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            compiled = re.compile(regex, re.IGNORECASE)
            tree = _sre.parse(regex, re.IGNORECASE)
    except (re.error, RecursionError, OverflowError, Warning):
        raise NotUnderstood("not a regular expression") from None
    if compiled.flags & ~(re.IGNORECASE | re.UNICODE):
        raise NotUnderstood("sets flags: not supported")
    if _repeats(tree, inside=False) > _REPEATS:
        raise NotUnderstood(f"more than {_REPEATS} unbounded repeats: too costly to look for")
    if _closes_too_much(compiled):
        raise NotUnderstood("would close nearly everything: too wide for a list")
    return regex


def _repeats(tree: Any, *, inside: bool) -> int:
    """Return how many unbounded repeats there are. Raises NotUnderstood for what is refused."""
    return sum(_repeats_of(str(operation), value, inside=inside) for operation, value in tree)


def _repeats_of(operation: str, value: Any, *, inside: bool) -> int:
    if operation in _REFUSED:
        raise NotUnderstood(_REFUSED[operation])
    if operation in _REPEATING:
        _, most, body = value
        if most < _ALMOST_UNBOUNDED:
            return int(_repeats(body, inside=inside) * max(1, int(most)))
        if inside:
            raise NotUnderstood("repeats a repeat: could take for ever")
        return 1 + _repeats(body, inside=not _separated(body))
    if operation == "BRANCH":
        return sum(_repeats(branch, inside=inside) for branch in value[1])
    if operation == "SUBPATTERN":
        return _repeats(value[-1], inside=inside)
    if operation == "ATOMIC_GROUP":
        return _repeats(value, inside=inside)
    return 0


def _separated(body: Any) -> bool:
    r"""Tell whether a repeated body is like ``[^.]+\.``: its last character cannot be part of what it repeats."""
    parts = list(body)
    while len(parts) == 1 and str(parts[0][0]) == "SUBPATTERN":
        parts = list(parts[0][1][-1])
    if len(parts) != 2 or str(parts[0][0]) not in _REPEATING or str(parts[1][0]) != "LITERAL":
        return False
    repeated = list(parts[0][1][2])
    if len(repeated) != 1 or str(repeated[0][0]) != "IN":
        return str(repeated[0][0]) == "NOT_LITERAL" and repeated[0][1] == parts[1][1] if repeated else False
    return not _in_class(repeated[0][1], parts[1][1])


def _in_class(items: Any, character: int) -> bool:
    negated, found = False, False
    for operation, value in items:
        match str(operation):
            case "NEGATE":
                negated = True
            case "LITERAL":
                found |= value == character
            case "RANGE":
                found |= value[0] <= character <= value[1]
            case _:  # a category such as \s: a dot or a hyphen is in none that is not negated
                found |= str(value).startswith("CATEGORY_NOT")
    return found != negated


def _closes_too_much(compiled: re.Pattern[str]) -> bool:
    return any(
        compiled.search(f"qzxj7.{wide}") and compiled.search(f"w3.vkhw-q.{wide}")
        for wide in (*TOO_WIDE, "example")
    )
