"""Record types as lists name them."""

from collections.abc import Iterable

from dnslib import QTYPE

from blocklists.entries import EntryCondition
from blocklists.errors import NotUnderstood


def parse_types(names: Iterable[str]) -> EntryCondition:
    """Return the condition of type names, each perhaps with ``~`` for "not this". Raises NotUnderstood."""
    wanted: list[int] = []
    unwanted: list[int] = []
    for name in names:
        (unwanted if name.startswith("~") else wanted).append(_number(name.removeprefix("~").strip().upper()))
    return EntryCondition(types=tuple(sorted(wanted)), not_types=tuple(sorted(unwanted)))


def _number(name: str) -> int:
    if name.startswith("TYPE") and name[4:].isdecimal() and int(name[4:]) < 65536:
        return int(name[4:])
    number = QTYPE.reverse.get(name)
    if not isinstance(number, int):
        raise NotUnderstood(f"{name[:12]!r} is no record type")
    return number
