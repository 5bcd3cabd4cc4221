"""Regular expressions from lists: checked before they are ever run, because lists are written by strangers.

A pattern is looked for anywhere in the canonical name (Python's `re`; the POSIX classes that Pi-hole lists use
are translated). Refused, each with its reason: what Python does not understand, back-references and
look-around, a repeat of what can itself be read in several ways (time that doubles with every character), and
patterns that could cost more than `_MOST_STEPS` on the longest name. How wide one may close, `blocklists.width`
says.

The cost is a bound from above: how many ways there are to try, were no character ever to rule one out but those of
the texts that must stand after a repeat. A step takes some 5 to 40 ns.
"""

import importlib
import re
import warnings
from typing import Any

from blocklists.errors import NotForNames, NotUnderstood

_sre: Any = importlib.import_module("re._parser")  # the only parser of these expressions; stable from 3.11 to 3.13
_LONGEST = 500
_NAME = 253  # characters of the longest name: as many ways to end an unbounded repeat
_MOST_STEPS = 20 * _NAME * _NAME
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


def check_pattern(regex: str) -> str:
    """Return the expression as Python's `re` reads it. Raises NotUnderstood with the reason."""
    if len(regex) > _LONGEST:
        raise NotForNames(f"a pattern longer than {_LONGEST} characters")
    regex = _without_idle_ends(regex.removeprefix("(?i)"))  # names are lower-case, and looked at as such
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
        raise NotForNames("sets flags: not supported")
    if _cost(tree) > _MOST_STEPS:
        raise NotForNames("too costly to look for in every name")
    return regex


def pattern_cost(regex: str) -> int:
    """Return the most steps that an expression which was checked can take on the longest name."""
    return _cost(_sre.parse(regex, re.IGNORECASE))


def _without_idle_ends(regex: str) -> str:
    """Drop a ``.*`` at the beginning and the end: looked for anywhere, they change nothing but the cost."""
    regex = re.sub(r"^\^?\.\*(?![*+?{])", "", regex)
    return re.sub(r"(?<!\\)\.\*\$?$", "", regex)


def _cost(tree: Any) -> int:
    parts = list(tree)
    if len(parts) == 1 and str(parts[0][0]) == "BRANCH":
        return sum(_cost(branch) for branch in parts[0][1][1])
    return _ways(parts, inside=False) * _starts(parts)


def _starts(parts: Any) -> int:
    """Return at how many places of a name a search may have to begin in earnest."""
    parts = list(parts)
    if not parts:
        return 1
    operation, value = str(parts[0][0]), parts[0][1]
    if operation == "AT":
        return 1 if str(value) == "AT_BEGINNING" else _NAME
    if operation == "BRANCH":
        return max(_starts(branch) for branch in value[1])
    if operation == "SUBPATTERN":
        return _starts(value[-1])
    return _NAME // max(1, _text_length(parts))


def _text_length(parts: Any) -> int:
    """Return how many characters must stand at the beginning of a sequence, each of them one and no other."""
    length = 0
    for operation, _ in parts:
        if str(operation) != "LITERAL":
            break
        length += 1
    return length


def _ways(tree: Any, *, inside: bool) -> int:
    """Return in how many ways a sequence can be tried. Raises NotUnderstood for what is refused."""
    ways = 1
    parts = list(tree)
    for at, (operation, value) in enumerate(parts):
        found = _ways_of(str(operation), value, inside=inside)
        if found > _NAME and ways > _NAME:
            # A text of so many characters fits into a name only so often: as many ends of the repeat before it
            # count.
            found //= max(1, _text_length(parts[at + 1 :]))
        ways *= found
        if ways > _MOST_STEPS:
            raise NotForNames("too costly to look for in every name")
    return ways


def _ways_of(operation: str, value: Any, *, inside: bool) -> int:
    if operation in _REFUSED:
        raise NotForNames(_REFUSED[operation])
    if operation in _REPEATING:
        return _ways_of_repeat(*value, inside=inside)
    if operation == "BRANCH":
        if inside:
            raise NotForNames("repeats what can be read in several ways: could take for ever")
        return sum(_ways(branch, inside=inside) for branch in value[1])
    if operation == "SUBPATTERN":
        return _ways(value[-1], inside=inside)
    if operation == "ATOMIC_GROUP":
        return _ways(value, inside=inside)
    return 1


def _ways_of_repeat(least: int, most: int, body: Any, *, inside: bool) -> int:
    if inside and least != most:
        raise NotForNames("repeats what can be read in several ways: could take for ever")
    most = min(int(most), _NAME)
    if most <= 1:
        return most - least + _ways(body, inside=inside)
    return (most - least + 1) * (1 if _separated(body) else _ways(body, inside=True))


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
