"""What a check found: one line each, and what to do where something is wrong. It tells nobody's browsing."""

from collections.abc import Callable, Iterator
from typing import Literal

import msgspec


class Finding(msgspec.Struct, frozen=True):
    """One check's outcome. `unknown`: it cannot be told on this machine, and is no problem."""

    what: str
    state: Literal["ok", "problem", "unknown"]
    words: str
    todo: str = ""


Check = Callable[[], Iterator[Finding]]


def ok(what: str, words: str) -> Finding:
    """Return that something is well."""
    return Finding(what, "ok", words)


def problem(what: str, words: str, todo: str) -> Finding:
    """Return that something is wrong, and what to do."""
    return Finding(what, "problem", words, todo)


def unknown(what: str, words: str) -> Finding:
    """Return that something cannot be told here."""
    return Finding(what, "unknown", words)


def guarded(what: str, check: Check) -> Iterator[Finding]:
    """Run a check; what it did not expect is a finding too, so that the others go on."""
    try:
        yield from check()
    except Exception as fault:  # noqa: BLE001 (a doctor that dies of what it finds helps nobody)
        yield problem(what, f"could not be looked at: {fault}", "tell the people who make Hallpass")
