"""The compiled index: mapped, read-only, shared by all workers of a machine; says which entries close a name.

`open_index` takes milliseconds; it checks that a file is ours, whole in length and readable, not every byte of it.
Whoever brings an index onto the machine calls `verify` first, which does.

An index may stand in layers (`blocklists.layers`): then this is the base, and an overlay says for some keys what
holds instead.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from blocklists import container
from blocklists.container import INDEX_NAME, Mapped, SourceInfo, Tables
from blocklists.entries import Effect, Match
from blocklists.errors import IndexDamaged
from blocklists.weighing import Group, Hit, applies, groups, settle
from dns.names import is_under, key, name_of_key
from dns.verdict import Closing


class Index:
    """Implements `dns.verdict.ClosedNames` over a mapped file."""

    def __init__(self, mapped: Mapped) -> None:
        self._trie = mapped.trie
        self._numbers = mapped.numbers
        self._prefixes = mapped.trie.iter_prefixes_with_ids
        self.tables = mapped.tables
        self._version = mapped.version
        self._groups: dict[int, tuple[Group, ...]] = {}
        self._patterns = _Patterns(mapped.tables) if mapped.tables.patterns else None

    @property
    def version(self) -> str:
        """The content hash, in hexadecimal: the checksum at the end of the file."""
        return self._version

    @property
    def sources(self) -> tuple[SourceInfo, ...]:
        """The sources that were compiled, in their order."""
        return self.tables.sources

    @property
    def categories(self) -> tuple[str, ...]:
        """The categories that any source has, sorted."""
        return tuple(sorted({source.category for source in self.tables.sources}))

    @property
    def has_openings(self) -> bool:
        """Whether any entry opens, so that a listed name may be open after all."""
        return any(attribute.effect >= Effect.OPEN for attribute in self.tables.attributes)

    def __len__(self) -> int:
        return len(self._trie)

    def closings(self, name: str, qtype: int = 1) -> tuple[Closing, ...]:
        """Return every closing of a canonical name, exceptions already taken away."""
        # Called for every name on first sight. One walk down the trie finds every listed parent; a name that is
        # not listed, which is nearly every one, is done after it.
        found = list(self._prefixes(".".join(name.split(".")[::-1]) + "."))
        if not found and self._patterns is None:
            return ()
        hits = self.hits(name, qtype, found)
        if not hits or self._is_protected(name):
            return ()
        if any(hit.group.effect is not Effect.CLOSE for hit in hits):
            hits = settle(hits)
        return tuple(hit.closing() for hit in hits)

    def hits(self, name: str, qtype: int = 1, found: Iterable[tuple[str, int]] | None = None) -> list[Hit]:
        """Return every group that matches a name, the longest entry first, not yet weighed against each other."""
        if found is None:
            found = self._prefixes(key(name))
        whole = len(name) + 1
        hits: list[Hit] = []
        for prefix, number in found:
            length = len(prefix)
            for group in self.groups_of(number):
                if group.match is not Match.SUBDOMAINS and (group.match is Match.EXACT) != (length == whole):
                    continue
                if group.condition is not None and not applies(group.condition, name, qtype):
                    continue
                hits.append(Hit(group, length - 1, group.entry(name[whole - length :])))
        hits.reverse()
        if self._patterns is not None:
            hits.extend(self._patterns.hits(name, qtype))
        return hits

    def groups_of(self, number: int) -> tuple[Group, ...]:
        """Return what stands at a trie key, by its number."""
        at = self._numbers[number]
        known = self._groups.get(at)
        if known is None:
            known = self._groups[at] = groups(self.tables, self.tables.sets[at])
        return known

    def entries(self, below: str = "") -> Iterator[tuple[str, tuple[Group, ...]]]:
        """Yield every listed name under a name ("": all) with what stands there, in the file's order."""
        for reversed_key, number in self._trie.iteritems(key(below)):
            yield name_of_key(reversed_key), self.groups_of(number)

    def keys(self) -> Iterator[tuple[str, int]]:
        """Yield every reversed key with its number."""
        yield from self._trie.iteritems()

    def _is_protected(self, name: str) -> bool:
        return any(is_under(name, protected) for protected in self.tables.protected)


class _Patterns:
    """The regular expressions of an index, compiled when the first name asks for them."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._any: re.Pattern[str] | None = None
        self._each: list[tuple[re.Pattern[str], Group, str]] = []

    def hits(self, name: str, qtype: int) -> Iterator[Hit]:
        """Yield the patterns found in a name."""
        if self._any is None:
            self._compile()
        if self._any is None or not self._any.search(name):
            return
        for pattern, group, text in self._each:
            if pattern.search(name) and (group.condition is None or applies(group.condition, name, qtype)):
                yield Hit(group, len(name), text)

    def _compile(self) -> None:
        for info in self._tables.patterns:
            (group,) = groups(self._tables, [info.attribute])
            self._each.append((re.compile(info.regex, re.IGNORECASE), group, info.text))
        # One alternation answers "none of them" in one pass; only a hit asks each.
        self._any = re.compile("|".join(f"(?:{info.regex})" for info in self._tables.patterns), re.IGNORECASE)


def open_index(directory: Path) -> Index:
    """Open the index in a directory. Raises IndexDamaged, with one line that says what is wrong."""
    path = directory / INDEX_NAME
    if not path.exists():
        raise IndexDamaged(f"{directory}: holds no index ({INDEX_NAME} is missing)")
    return Index(container.map_file(path))


def verify(directory: Path) -> str:
    """Read every byte of an index and return its version. Raises IndexDamaged."""
    path = directory / INDEX_NAME
    version = container.digest(path)
    container.map_file(path)
    return version


__all__ = ["INDEX_NAME", "Index", "open_index", "verify"]
