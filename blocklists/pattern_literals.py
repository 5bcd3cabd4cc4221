r"""Texts that stand in every name that a regular expression finds: by them thousands of expressions are cheap.

``^ad[0-9]+\.track(er|ing)\.`` finds only names with ``ad`` and with ``.track`` in them. One pass over a name
tells which texts stand in it (Aho-Corasick, `blocklists.pattern_search`), and only expressions with such a text
are tried.

A *choice* is a tuple of texts of which at least one must be there (``\.(ru|cn)$``: ``.ru`` or ``.cn``); an
expression may have several choices, each of which would do alone. Texts are lower-case ASCII.
"""

import importlib
import re
from collections.abc import Iterable, Iterator
from typing import Any

_sre: Any = importlib.import_module("re._parser")
_MOST_TEXTS = 40  # in one choice
_REPEATS = ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT")

Choice = tuple[str, ...]


def literal_choices(regex: str) -> tuple[Choice, ...]:
    """Return the choices of an expression that `blocklists.patterns` took; none where nothing must be there."""
    return tuple(dict.fromkeys(_Walk().choices_of(_sre.parse(regex, re.IGNORECASE))))


class _Walk:
    """Goes along one sequence and gathers the runs of characters that must stand in it."""

    def __init__(self) -> None:
        self._run = ""
        self._found: list[Choice] = []

    def choices_of(self, tree: Iterable[tuple[Any, Any]]) -> list[Choice]:
        self._follow(tree)
        self._end_run()
        return self._found

    def _follow(self, tree: Iterable[tuple[Any, Any]]) -> None:
        for operation, value in tree:
            match str(operation):
                case "LITERAL":
                    self._add_character(value)
                case "AT":
                    pass  # a place, not a character
                case "SUBPATTERN":
                    self._follow(value[-1])
                case "ATOMIC_GROUP":
                    self._follow(value)
                case "BRANCH":
                    self._end_run()
                    self._found.extend(_choices_of_branches(value[1]))
                case repeat if repeat in _REPEATS:
                    self._end_run()
                    if value[0] > 0:
                        self._found.extend(_Walk().choices_of(value[2]))
                case _:  # any of several characters
                    self._end_run()

    def _add_character(self, code: int) -> None:
        if code < 128:
            self._run += chr(code).lower()
        else:  # may be found in another case, in letters that a name has: the long s, the Kelvin sign
            self._end_run()

    def _end_run(self) -> None:
        if self._run:
            self._found.append((self._run,))
        self._run = ""


def shortest_text(choice: Choice) -> int:
    """Return how long the shortest text of a choice is."""
    return min(map(len, choice))


def _choices_of_branches(branches: Iterable[Any]) -> Iterator[Choice]:
    """Yield the one choice of several branches: of each branch its best, together."""
    together: list[str] = []
    for branch in branches:
        choices: list[Choice] = _Walk().choices_of(branch)
        if not choices:
            return
        best = max(choices, key=shortest_text)
        together.extend(best)
    if len(together) <= _MOST_TEXTS:
        yield tuple(sorted(set(together)))
