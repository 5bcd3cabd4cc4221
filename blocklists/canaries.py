"""Canaries: well-known names that no honest list closes, whatever it is about (`blocklists/canaries.toml`).

A copy that closes one has been swapped, poisoned or read wrongly. It is no list of what must stay open: it is
looked at when a copy comes, and a person who wants the name closed accepts that copy once.
"""

import functools
import tomllib
from importlib import resources

from blocklists.entries import Effect, Match, NameEntry


@functools.cache
def load_canaries() -> tuple[str, ...]:
    """Return the canaries, best known first in each group."""
    text = resources.files("blocklists").joinpath("canaries.toml").read_text("utf-8")
    groups = tomllib.loads(text)["names"]
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
    """Return the canary that an entry closes whatever is asked of it; "" where it closes none."""
    if entry.effect > Effect.BLOCK_IMPORTANT or entry.condition is not None:
        return ""
    if entry.match is not Match.BELOW and entry.name in _known():
        return entry.name
    return _parents().get(entry.name, "") if entry.match is not Match.EXACT else ""
