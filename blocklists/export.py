"""Exports what an index closes as plain names."""

import difflib
from collections.abc import Collection, Iterator

from blocklists.entries import Effect, Match
from blocklists.errors import ListError
from blocklists.index import Index
from blocklists.precedence import EntryGroup
from dns.message.constants import RecordType
from dns.message.names import key_to_name

_UNLISTED = "any-name-that-nobody-lists"
_NEVER_NAMED = 65280  # for private use (RFC 6895): no list says "not for this type" of it


def blocked_names(index: Index, categories: Collection[str] = ()) -> Iterator[str]:
    """Yield the names that an index closes, sorted; names under a listed parent are left out.

    `categories` limits it; empty: all. An entry that closes only what is under a name is given as ``*.name``.
    Patterns close no name that could be listed. Raises ListError for a category that the index does not have.
    """
    for category in categories:
        if category not in index.categories:
            raise ListError(_unknown_category(category, index.categories))
    # In the order of reversed keys a name's listed parents stand right before it. Sorting the text of millions of
    # names is the price of an order in which people and `comm` expect them.
    names: list[str] = []
    parent: str | None = None
    for reversed_key, groups in index.iter_entries():
        if parent is not None and reversed_key.startswith(parent):
            continue
        wanted = [
            group
            for group in groups
            if group.effect <= Effect.BLOCK_IMPORTANT and (not categories or group.category in categories)
        ]
        if not wanted:
            continue
        name = key_to_name(reversed_key)
        itself, below = _blocked_reach(index, name, wanted)
        if itself or below:
            names.append(name if itself else f"*.{name}")
        if below:
            parent = reversed_key
    return iter(sorted(names))


def _unknown_category(category: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(category, known, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else f"it has: {', '.join(known) or 'none'}"
    return f"no list of this index has the category {category!r}; {hint}"


def _blocked_reach(index: Index, name: str, wanted: list[EntryGroup]) -> tuple[bool, bool]:
    """Tell whether a listed name itself is closed, and whether what is under it is."""
    matches = {group.match for group in wanted}
    itself = bool(matches & {Match.EXACT, Match.SUBDOMAINS})
    below = bool(matches & {Match.BELOW, Match.SUBDOMAINS})
    if not index.has_exceptions and all(group.condition is None for group in wanted):
        return itself, below
    # Exceptions, and the limits of an entry, may open it after all; an entry may speak of some record types only:
    # then the name is closed, though not for every question.
    categories = {group.category for group in wanted}
    types = {
        RecordType.A,
        _NEVER_NAMED,
        *(one for group in wanted if group.condition for one in group.condition.types),
    }

    def is_blocked(queried: str) -> bool:
        return any(
            entry.category in categories and not entry.is_opened
            for one in types
            for entry in index.find_block_entries(queried, one)
        )

    return itself and is_blocked(name), below and is_blocked(f"{_UNLISTED}.{name}")
