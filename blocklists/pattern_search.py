"""Searches names for an index's regular expressions. Which are safe to take in, `blocklists.patterns` decides.

Nearly every name is found by none of them, and one pass over it says so: expressions are filed under texts that
stand in what they find (`blocklists.pattern_literals`), and only those whose text is there are tried. An
expression is compiled when it is first tried: a list of thousands costs a resolver nothing at its first
question.
"""

import functools
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast

import ahocorasick

from blocklists.container import PatternInfo, Tables
from blocklists.precedence import EntryGroup, Hit, condition_applies, group_attributes

_COMPILED_KEPT = 4096  # expressions; each takes some kilobytes


class PatternSearch:
    """The regular expressions of an index."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._patterns = tables.patterns
        self._iter_texts = _texts(self._patterns)
        always = [number for number, info in enumerate(self._patterns) if not info.literals]
        self._always = frozenset(always)
        # One alternation answers "none of them" in one pass; only a hit asks each.
        self._search_always = _alternation(self._patterns[number].regex for number in always)
        self._compiled = functools.lru_cache(_COMPILED_KEPT)(self._compile)

    def may_match(self, name: str) -> bool:
        """Tell whether it is worth looking: False where no expression is found in a name."""
        if self._search_always is not None and self._search_always(name):
            return True
        if self._iter_texts is None:
            return False
        return next(self._iter_texts(name), None) is not None

    def find_hits(self, name: str, qtype: int) -> Iterator[Hit]:
        """Yield the patterns found in a name."""
        for number in self._candidates(name):
            pattern, group = self._compiled(number)
            if pattern.search(name) and (
                group.condition is None or condition_applies(group.condition, name, qtype)
            ):
                yield Hit(group, len(name), self._patterns[number].text)

    def _candidates(self, name: str) -> list[int]:
        numbers: set[int] = set()
        if self._search_always is not None and self._search_always(name):
            numbers |= self._always
        if self._iter_texts is not None:
            for _, filed in self._iter_texts(name):
                numbers.update(filed)
        return sorted(numbers)

    def _compile(self, number: int) -> tuple[re.Pattern[str], EntryGroup]:
        info = self._patterns[number]
        (group,) = group_attributes(self._tables, [info.attribute])
        return re.compile(info.regex, re.IGNORECASE), group


def _texts(patterns: Iterable[PatternInfo]) -> Callable[[str], Iterator[tuple[int, list[int]]]] | None:
    """Return what finds the texts in a name, each with the patterns filed under it; None where there are none."""
    filed: dict[str, list[int]] = {}
    for number, info in enumerate(patterns):
        for text in info.literals:
            filed.setdefault(text, []).append(number)
    if not filed:
        return None
    automaton: Any = ahocorasick.Automaton()
    for text, numbers in filed.items():
        automaton.add_word(text, numbers)
    automaton.make_automaton()
    return cast("Callable[[str], Iterator[tuple[int, list[int]]]]", automaton.iter)


def _alternation(regexes: Iterable[str]) -> Callable[[str], object] | None:
    together = "|".join(f"(?:{regex})" for regex in regexes)
    if not together:
        return None
    try:
        return re.compile(together, re.IGNORECASE).search
    except re.error:  # patterns that do not stand beside each other, such as groups of the same name
        return re.compile("").search
