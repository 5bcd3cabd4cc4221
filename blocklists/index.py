"""The compiled index: mapped, read-only, shared by all workers of a machine; says which entries block a name.

`open_index` takes milliseconds; it refuses a file that is not ours, cut short or damaged by chance. Whoever
brings an index onto the machine calls `verify_index` first, which checks it against its content hash; whoever
decides by it for long takes it with `open_verified`, and asks it now and then whether it `is_whole`.

An index may stand in layers (`blocklists.delta`): then this is the base, and an overlay says for some keys what
holds instead.
"""

import os
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sized
from pathlib import Path

from blocklists import container
from blocklists.container import INDEX_NAME, OVERLAY_NAME, MappedIndex, SourceInfo, Tables
from blocklists.entries import Effect, Match
from blocklists.errors import IndexDamaged
from blocklists.never_block import NeverBlockNames
from blocklists.pattern_search import PatternSearch
from blocklists.precedence import EntryGroup, Hit, condition_applies, group_attributes, resolve_entries
from dns.message.constants import RecordType
from dns.message.names import name_to_key
from dns.policy.verdict import BlockEntry

# Members of an enumeration are looked up by name at every use; here that is the hot path.
_EXACT, _SUBDOMAINS, _BLOCK = Match.EXACT, Match.SUBDOMAINS, Effect.BLOCK


class Index:
    """Implements `dns.policy.verdict.BlocklistLookup` over a mapped file."""

    def __init__(self, mapped: MappedIndex) -> None:
        self.tables = mapped.tables
        self._version = mapped.version
        self._files = [mapped]
        self._base = _Layer(mapped)
        # Whether any parent of a key may be listed costs a third of finding out what stands there.
        self._any_listed: Callable[[str], Sized] = self._base.listed_parents
        self._never_block = NeverBlockNames(mapped.tables.never_block)
        self._patterns = PatternSearch(mapped.tables) if mapped.tables.patterns else None

    @property
    def version(self) -> str:
        """The content hash, in hexadecimal: the checksum at the end of the file."""
        return self._version

    @property
    def files(self) -> tuple[tuple[Path, os.stat_result], ...]:
        """The files that it is mapped from: their paths when they were opened, and how they looked then."""
        return tuple((mapped.path, mapped.file.stat) for mapped in self._files)

    def is_whole(self) -> bool:
        """Read every byte of the files that are mapped; tell whether all are what they were."""
        return all(container.is_whole(mapped) for mapped in self._files)

    @property
    def sources(self) -> tuple[SourceInfo, ...]:
        """The sources that were compiled, in their order."""
        return self.tables.sources

    @property
    def categories(self) -> tuple[str, ...]:
        """The categories that any source has, sorted."""
        return tuple(sorted({source.category for source in self.tables.sources}))

    @property
    def has_exceptions(self) -> bool:
        """Whether any entry opens, so that a listed name may be open after all."""
        return any(attribute.effect >= Effect.ALLOW for attribute in self.tables.attributes)

    def __len__(self) -> int:
        return len(self._base.names)

    def find_block_entries(self, name: str, qtype: int = RecordType.A) -> tuple[BlockEntry, ...]:
        """Return every entry that blocks a canonical name, exceptions already taken away."""
        # Called for every name on first sight. One walk down the trie finds every listed parent; a name that is
        # not listed, which is nearly every one, is done after it.
        labels = name.split(".")  # `dns.message.names.name_to_key`, written out
        labels.reverse()
        labels.append("")
        reversed_key = ".".join(labels)
        if not self._any_listed(reversed_key) and (self._patterns is None or not self._patterns.may_match(name)):
            return ()
        found = self.find_listed(reversed_key)
        hits = self._match_groups(name, qtype, found)
        if not hits or self._never_block.covers(name):
            return ()
        for hit in hits:
            if hit.group.effect is not _BLOCK:
                return resolve_entries(hits)
        return tuple([BlockEntry(hit.group.category, hit.group.sources, hit.entry) for hit in hits])

    def find_hits(self, name: str, qtype: int = RecordType.A) -> list[Hit]:
        """Return every group that matches a name, the longest entry first, not yet resolved against each other."""
        return self._match_groups(name, qtype, self.find_listed(name_to_key(name)))

    def find_listed(self, reversed_key: str) -> list[tuple[str, tuple[EntryGroup, ...]]]:
        """Return the listed parents of a key (itself among them), the shortest first, with what stands there."""
        return self._base.find_listed(reversed_key)

    def iter_entries(self, below: str = "") -> Iterator[tuple[str, tuple[EntryGroup, ...]]]:
        """Yield every listed key under a name ("": all) with what stands there, sorted by the reversed keys."""
        return self._base.iter_entries(name_to_key(below))

    def _match_groups(self, name: str, qtype: int, found: list[tuple[str, tuple[EntryGroup, ...]]]) -> list[Hit]:
        whole = len(name) + 1
        hits: list[Hit] = []
        for prefix, alike in reversed(found):
            length = len(prefix)
            for group in alike:
                if group.match is not _SUBDOMAINS and (group.match is _EXACT) != (length == whole):
                    continue
                if group.condition is not None and not condition_applies(group.condition, name, qtype):
                    continue
                hits.append(
                    Hit(
                        group,
                        length - 1,
                        group.entry_text(name[whole - length :]) if group.has_syntax else name[whole - length :],
                    )
                )
        if self._patterns is not None:
            hits.extend(self._patterns.find_hits(name, qtype))
        return hits


class _Layer:
    """The names of one mapped file."""

    def __init__(self, mapped: MappedIndex) -> None:
        self.names = mapped.names
        self.tables = mapped.tables
        self._numbers = mapped.numbers
        self.listed_parents = mapped.names.prefixes
        self._firsts = mapped.names.firsts
        self._walks = [
            (trie.iter_prefixes_with_ids, mapped.numbers[begin:])
            for trie, begin in zip(mapped.names.tries, mapped.names.begins, strict=False)
        ]
        self._groups = _SetGroups(mapped.tables)

    def find_listed(self, reversed_key: str) -> list[tuple[str, tuple[EntryGroup, ...]]]:
        groups = self._groups
        walk, numbers = self._walks[bisect_right(self._firsts, reversed_key)]
        return [(prefix, groups[numbers[key_id]]) for prefix, key_id in walk(reversed_key)]

    def iter_entries(self, prefix: str) -> Iterator[tuple[str, tuple[EntryGroup, ...]]]:
        groups, numbers = self._groups, self._numbers
        for reversed_key, key_id in self.names.iteritems(prefix):
            yield reversed_key, groups[numbers[key_id]]


class _SetGroups(dict[int, tuple[EntryGroup, ...]]):
    """The groups of each attribute set by its number, worked out when it is first asked for."""

    def __init__(self, tables: Tables) -> None:
        super().__init__()
        self._tables = tables

    def __missing__(self, at: int) -> tuple[EntryGroup, ...]:
        found = self[at] = group_attributes(self._tables, self._tables.sets[at])
        return found


class LayeredIndex(Index):
    """A base and an overlay over it: for the keys in the overlay, what it says holds (nothing: removed)."""

    def __init__(self, base: MappedIndex, overlay: MappedIndex) -> None:
        super().__init__(base)
        self.tables = overlay.tables
        self._version = overlay.tables.target
        self._files.append(overlay)
        self._over = _Layer(overlay)
        self._any_listed = self._any_listed_in_either
        self._never_block = NeverBlockNames(overlay.tables.never_block)
        self._patterns = PatternSearch(overlay.tables) if overlay.tables.patterns else None

    def __len__(self) -> int:
        return sum(1 for _ in self.iter_entries())

    def _any_listed_in_either(self, reversed_key: str) -> list[str]:
        return self._base.listed_parents(reversed_key) or self._over.listed_parents(reversed_key)

    @property
    def overlay_size(self) -> int:
        """How many keys the overlay speaks of."""
        return len(self._over.names)

    def iter_overlay(self) -> Iterator[tuple[str, tuple[EntryGroup, ...]]]:
        """Yield the keys that the overlay speaks of, sorted, with what stands there instead (nothing: removed)."""
        return self._over.iter_entries("")

    @property
    def has_exceptions(self) -> bool:
        """Whether any entry opens."""
        return super().has_exceptions or any(one.effect >= Effect.ALLOW for one in self._base.tables.attributes)

    def find_listed(self, reversed_key: str) -> list[tuple[str, tuple[EntryGroup, ...]]]:
        """Return the listed parents of a key, the shortest first, with what stands there."""
        below = self._base.find_listed(reversed_key)
        over = self._over.find_listed(reversed_key)
        if not over:
            return below
        return sorted((one for one in {**dict(below), **dict(over)}.items() if one[1]), key=_length)

    def iter_entries(self, below: str = "") -> Iterator[tuple[str, tuple[EntryGroup, ...]]]:
        """Yield every listed key under a name with what stands there, sorted."""
        for reversed_key, old, new in merge_entries(
            self._base.iter_entries(name_to_key(below)), self._over.iter_entries(name_to_key(below))
        ):
            here = old if new is None else new
            if here:
                yield reversed_key, here


def _length(entry: tuple[str, tuple[EntryGroup, ...]]) -> int:
    return len(entry[0])


Entries = Iterator[tuple[str, tuple[EntryGroup, ...]]]


def merge_entries(
    first: Entries, second: Entries
) -> Iterator[tuple[str, tuple[EntryGroup, ...] | None, tuple[EntryGroup, ...] | None]]:
    """Yield the keys of two sorted runs of entries in one, with what stands at each in both (None: nothing)."""
    one, two = next(first, None), next(second, None)
    while one or two:
        if two is None or (one is not None and one[0] < two[0]):
            assert one is not None  # noqa: S101 (for the reader and the type checker; the loop's condition says it)
            yield one[0], one[1], None
            one = next(first, None)
        elif one is None or two[0] < one[0]:
            yield two[0], None, two[1]
            two = next(second, None)
        else:
            yield one[0], one[1], two[1]
            one, two = next(first, None), next(second, None)


def iter_differences(
    old: Index, new: Index
) -> Iterator[tuple[str, tuple[EntryGroup, ...], tuple[EntryGroup, ...]]]:
    """Yield the keys at which two indexes differ, with what stands there in each (empty: nothing)."""
    # What stands at a key is one of few objects of its index, so that millions of comparisons are a few.
    same: dict[tuple[int, int], bool] = {}
    for reversed_key, before, after in merge_entries(old.iter_entries(), new.iter_entries()):
        pair = (id(before), id(after))
        known = same.get(pair)
        if known is None:
            known = same[pair] = before == after
        if not known:
            yield reversed_key, before or (), after or ()


def open_index(directory: Path) -> Index:
    """Open the index in a directory. Raises IndexDamaged, with one line that says what is wrong."""
    directory = directory.resolve()  # a link that is turned in between must not mix two indexes
    path = directory / INDEX_NAME
    if not path.exists():
        raise IndexDamaged(f"{directory}: holds no index ({INDEX_NAME} is missing)")
    base = container.map_index_file(path)
    if base.tables.base:
        raise IndexDamaged(f"{path}: is an overlay, which needs its base")
    overlay_path = directory / OVERLAY_NAME
    if not overlay_path.exists():
        return Index(base)
    overlay = container.map_index_file(overlay_path)
    if overlay.tables.base != base.version:
        raise IndexDamaged(f"{overlay_path}: belongs to another base")
    return LayeredIndex(base, overlay)


def open_verified(directory: Path) -> Index:
    """Open the index in a directory after reading every byte of it. Raises IndexDamaged."""
    index = open_index(directory)
    if not index.is_whole():
        raise IndexDamaged(f"{directory}: is damaged: its checksum does not fit")
    return index


def verify_index(directory: Path) -> str:
    """Read every byte of an index and return its version. Raises IndexDamaged."""
    return open_verified(directory).version


__all__ = [
    "INDEX_NAME",
    "OVERLAY_NAME",
    "Index",
    "LayeredIndex",
    "iter_differences",
    "open_index",
    "open_verified",
    "verify_index",
]
