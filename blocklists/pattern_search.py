"""Searches names for an index's regular expressions. Which are safe to take in, `blocklists.patterns` decides."""

import re
from collections.abc import Iterator

from blocklists.container import Tables
from blocklists.precedence import EntryGroup, Hit, condition_applies, group_attributes


class PatternSearch:
    """The regular expressions of an index, compiled when the first name asks for them."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._any: re.Pattern[str] | None = None
        self._each: list[tuple[re.Pattern[str], EntryGroup, str]] = []

    def find_hits(self, name: str, qtype: int) -> Iterator[Hit]:
        """Yield the patterns found in a name."""
        if self._any is None:
            self._compile()
        if self._any is None or not self._any.search(name):
            return
        for pattern, group, text in self._each:
            if pattern.search(name) and (
                group.condition is None or condition_applies(group.condition, name, qtype)
            ):
                yield Hit(group, len(name), text)

    def _compile(self) -> None:
        for info in self._tables.patterns:
            (group,) = group_attributes(self._tables, [info.attribute])
            self._each.append((re.compile(info.regex, re.IGNORECASE), group, info.text))
        # One alternation answers "none of them" in one pass; only a hit asks each.
        together = "|".join(f"(?:{info.regex})" for info in self._tables.patterns)
        try:
            self._any = re.compile(together, re.IGNORECASE)
        except re.error:  # patterns that do not stand beside each other, such as groups of the same name
            self._any = re.compile("")
