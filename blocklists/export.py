"""Exports what an index closes as plain names."""

from collections.abc import Collection, Iterator

from blocklists.entries import Effect, Match
from blocklists.index import Index
from blocklists.weighing import Group
from dns.names import name_of_key

_ADDRESS = 1
_NEVER_NAMED = 65280  # for private use (RFC 6895): no list says "not for this type" of it


def closed_names(index: Index, categories: Collection[str] = ()) -> Iterator[str]:
    """Yield the names that an index closes, sorted; names under a listed parent are left out.

    `categories` limits it; empty: all. An entry that closes only what is under a name is given as ``*.name``.
    Patterns close no name that could be listed.
    """
    # In the order of reversed keys a name's listed parents stand right before it. Sorting the text of millions of
    # names is the price of an order in which people and `comm` expect them.
    names: list[str] = []
    parent: str | None = None
    for reversed_key, groups in index.entries():
        if parent is not None and reversed_key.startswith(parent):
            continue
        wanted = [
            group
            for group in groups
            if group.effect <= Effect.CLOSE_IMPORTANT and (not categories or group.category in categories)
        ]
        if not wanted:
            continue
        name = name_of_key(reversed_key)
        if _is_opened(index, name, wanted):
            continue
        matches = {group.match for group in wanted}
        if Match.SUBDOMAINS in matches or {Match.EXACT, Match.BELOW} <= matches:
            names.append(name)
            parent = reversed_key
        else:
            names.append(name if Match.EXACT in matches else f"*.{name}")
    return iter(sorted(names))


def _is_opened(index: Index, name: str, wanted: list[Group]) -> bool:
    """Tell whether exceptions, or the limits of its own entries, open a listed name after all."""
    if not index.has_openings and all(group.condition is None for group in wanted):
        return False
    asked = name if any(group.match is not Match.BELOW for group in wanted) else f"any.{name}"
    categories = {group.category for group in wanted}
    # An entry may speak of some record types only: then the name is closed, though not for every question.
    types = {
        _ADDRESS,
        _NEVER_NAMED,
        *(one for group in wanted if group.condition for one in group.condition.types),
    }
    return not any(closing.category in categories for qtype in types for closing in index.closings(asked, qtype))
