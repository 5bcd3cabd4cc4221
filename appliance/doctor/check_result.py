"""What a check found: one line each, and what to do where something is wrong. It tells nobody's browsing."""

from collections.abc import Callable, Iterator
from typing import Literal

import msgspec


class CheckResult(msgspec.Struct, frozen=True):
    """One check's outcome. `unknown`: it cannot be told on this machine, and is no problem."""

    what: str
    state: Literal["ok", "problem", "unknown"]
    words: str
    todo: str = ""


Check = Callable[[], Iterator[CheckResult]]


def ok(what: str, words: str) -> CheckResult:
    """Return that something is well."""
    return CheckResult(what, "ok", words)


def problem(what: str, words: str, todo: str) -> CheckResult:
    """Return that something is wrong, and what to do."""
    return CheckResult(what, "problem", words, todo)


def unknown(what: str, words: str) -> CheckResult:
    """Return that something cannot be told here."""
    return CheckResult(what, "unknown", words)


def run_check(what: str, check: Check) -> Iterator[CheckResult]:
    """Run a check; what it did not expect is a finding too, so that the others go on."""
    try:
        yield from check()
    except Exception as fault:  # noqa: BLE001 (a doctor that dies of what it finds helps nobody)
        yield problem(what, f"could not be looked at: {fault}", "tell the people who make Hallpass")
