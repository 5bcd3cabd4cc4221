"""Looks into indexes: what touches a name, and what changed between two."""

from collections.abc import Iterable, Iterator

import msgspec

from blocklists.entries import Effect
from blocklists.index import Index, iter_differences
from blocklists.precedence import EntryGroup, Hit
from dns.message.constants import RecordType
from dns.message.names import key_to_name
from dns.policy.verdict import BlockEntry

MAX_BELOW = 20


class MatchingEntry(msgspec.Struct, frozen=True):
    """An entry that touches a name."""

    category: str
    sources: tuple[str, ...]
    entry: str
    does: str  # "closes", "opens"
    decides: bool  # whether it is one for which the name is closed in the end
    new_sources: tuple[str, ...] = ()  # of its sources those in which the last update brought it


class SearchResult(msgspec.Struct, frozen=True):
    """Everything that an index says of a name."""

    name: str
    closings: tuple[BlockEntry, ...]
    touches: tuple[MatchingEntry, ...]
    below: tuple[str, ...]  # listed names under it, the first few
    below_count: int
    updated_at: float | None = None  # when the index last changed; with `compared_with`
    compared_with: float | None = None  # when the index before it was built: what is not new, is older than that


class CategoryChange(msgspec.Struct, frozen=True):
    """What changed in one category: names that are closed now, and names that no longer are."""

    category: str
    added: tuple[str, ...]
    removed: tuple[str, ...]


def search_index(
    index: Index, name: str, qtype: int = RecordType.A, *, previous: Index | None = None
) -> SearchResult:
    """Return every list, entry and category that touches a canonical name; by the index before, which are new."""
    found = _find_closings(index, name, qtype)
    touches = match_entries(index, name, qtype)
    if previous is not None:
        touches = tuple(_mark_new(touches, previous.find_hits(name, qtype)))
    below = []
    count = 0
    for reversed_key, _ in index.iter_entries(name):
        listed = key_to_name(reversed_key)
        if listed == name:
            continue
        count += 1
        if count <= MAX_BELOW:
            below.append(listed)
    return SearchResult(name, found, touches, tuple(below), count)


def match_entries(index: Index, name: str, qtype: int = RecordType.A) -> tuple[MatchingEntry, ...]:
    """Return every entry that touches a canonical name, with its lists and category."""
    found = _find_closings(index, name, qtype)
    return tuple(_matching_entry(hit, found) for hit in index.find_hits(name, qtype))


def _find_closings(index: Index, name: str, qtype: int) -> tuple[BlockEntry, ...]:
    return tuple(entry for entry in index.find_block_entries(name, qtype) if not entry.is_opened)


def diff_indexes(old: Index, new: Index) -> tuple[CategoryChange, ...]:
    """Return what changed from one index to another, by category, each with its names sorted."""
    added: dict[str, list[str]] = {}
    removed: dict[str, list[str]] = {}
    for reversed_key, before, after in iter_differences(old, new):
        had, has = _blocking_categories(before), _blocking_categories(after)
        for category in has - had:
            added.setdefault(category, []).append(key_to_name(reversed_key))
        for category in had - has:
            removed.setdefault(category, []).append(key_to_name(reversed_key))
    _compare_patterns(old, new, added, removed)
    return tuple(
        CategoryChange(category, tuple(sorted(added.get(category, ()))), tuple(sorted(removed.get(category, ()))))
        for category in sorted({*added, *removed})
    )


def _compare_patterns(old: Index, new: Index, added: dict[str, list[str]], removed: dict[str, list[str]]) -> None:
    had, has = set(_blocking_patterns(old)), set(_blocking_patterns(new))
    for category, text in has - had:
        added.setdefault(category, []).append(text)
    for category, text in had - has:
        removed.setdefault(category, []).append(text)


def _blocking_patterns(index: Index) -> Iterator[tuple[str, str]]:
    for info in index.tables.patterns:
        attribute = index.tables.attributes[info.attribute]
        if attribute.effect <= Effect.BLOCK_IMPORTANT:
            yield index.tables.sources[attribute.source].category, info.text


def _blocking_categories(groups: Iterable[EntryGroup]) -> set[str]:
    return {group.category for group in groups if group.effect <= Effect.BLOCK_IMPORTANT}


def _mark_new(touches: Iterable[MatchingEntry], before: Iterable[Hit]) -> Iterator[MatchingEntry]:
    known = {(source, hit.entry) for hit in before for source in hit.group.source_names}
    for touch in touches:
        new = tuple(source for source in touch.sources if (source, touch.entry) not in known)
        yield msgspec.structs.replace(touch, new_sources=new)


def _matching_entry(hit: Hit, found: tuple[BlockEntry, ...]) -> MatchingEntry:
    group = hit.group
    closes = group.effect <= Effect.BLOCK_IMPORTANT
    decides = closes and hit.block_entry() in found
    return MatchingEntry(group.category, group.source_names, hit.entry, "closes" if closes else "opens", decides)
