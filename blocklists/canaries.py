"""Canaries: well-known names that no honest list closes, whatever it is about (`blocklists/canaries.toml`).

A copy that closes one has been swapped, poisoned or read wrongly. It is no list of what must stay open: it is
looked at when a copy comes, and a person who wants the name closed accepts that copy once.

The other way round, a list opens (`@@`) no name that it is there to close, and nothing as wide as ``com``: one
line more would undo it in silence.
"""

import functools
import re
import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import Any

from blocklists.categories import EVERY_CATEGORY
from blocklists.entries import Effect, EntryCondition, Match, NameEntry, PatternEntry
from dns.message.constants import RecordType

# Whoever opens one of these, or a name made up under two of them, opens nearly everything.
_WIDEST = frozenset({"com", "net", "org", "info", "io", "uk", "co.uk", "ru", "xyz", "app"})
_MADE_UP = ("qzxj7vk.com", "w3-hvkq.co.uk")
_ADDRESSES = {int(RecordType.A), int(RecordType.AAAA)}  # who gets neither reaches no site


@functools.cache
def load_canaries() -> tuple[str, ...]:
    """Return the canaries, best known first in each group."""
    groups = _table()["names"]
    return tuple(dict.fromkeys(name for words in groups.values() for name in words.split()))


@functools.cache
def _parents() -> dict[str, str]:
    """Return for each parent of a canary the first canary below it."""
    found: dict[str, str] = {}
    for name in load_canaries():
        labels = name.split(".")
        for at in range(1, len(labels)):
            found.setdefault(".".join(labels[at:]), name)
    return found


@functools.cache
def _known() -> frozenset[str]:
    return frozenset(load_canaries())


def closed_canary(entry: NameEntry) -> str:
    """Return the canary that an entry closes to whoever asks for its addresses; "" where it closes none."""
    if entry.effect > Effect.BLOCK_IMPORTANT:
        return ""
    name = ""
    if entry.match is not Match.BELOW and entry.name in _known():
        name = entry.name
    elif entry.match is not Match.EXACT:
        name = _parents().get(entry.name, "")
    return name if name and closes_addresses(entry.condition, name) else ""


def closes_addresses(condition: EntryCondition | None, name: str) -> bool:
    """Tell whether an entry with a condition closes an address of a name that it speaks of."""
    if condition is None:
        return True
    types = _ADDRESSES.intersection(condition.types) if condition.types else _ADDRESSES
    is_excepted = any(name == one or name.endswith(f".{one}") for one in condition.except_names)
    return bool(types.difference(condition.not_types)) and not is_excepted


def opened_canary(item: NameEntry | PatternEntry, category: str, *, allow_wide: bool = False) -> str:
    """Return the name that an entry opens although its list is there to close it; "" where there is none.

    `category`: of the list; of one that opens against every list, `all`. `allow_wide`: it may open ``com``.
    """
    if item.effect <= Effect.BLOCK_IMPORTANT:
        return ""
    names = _opened(category)
    if isinstance(item, PatternEntry):
        search = re.compile(item.regex).search
        if not allow_wide and all(map(search, _MADE_UP)):
            return "com"
        return next((name for name in names if search(name)), "")
    if item.name in _WIDEST and item.match is not Match.EXACT:
        return "" if allow_wide else item.name
    if item.match is Match.BELOW:
        return ""
    return item.name if item.name in names else ""


@functools.cache
def _opened(category: str) -> tuple[str, ...]:
    groups: Mapping[str, str] = _table()["openings"]
    chosen = groups.values() if category == EVERY_CATEGORY else [groups.get(category, "")]
    return tuple(name for words in chosen for name in words.split())


@functools.cache
def _table() -> dict[str, Any]:
    return tomllib.loads(resources.files("blocklists").joinpath("canaries.toml").read_text("utf-8"))
