"""Record types as lists name them."""

from collections.abc import Iterable

from blocklists.entries import EntryCondition
from blocklists.errors import NotUnderstood
from dns.message.constants import parse_record_type


def parse_types(names: Iterable[str]) -> EntryCondition:
    """Return the condition of type names, each perhaps with ``~`` for "not this". Raises NotUnderstood."""
    wanted: list[int] = []
    unwanted: list[int] = []
    for name in names:
        (unwanted if name.startswith("~") else wanted).append(_number(name.removeprefix("~").strip()))
    return EntryCondition(types=tuple(sorted(wanted)), not_types=tuple(sorted(unwanted)))


def _number(name: str) -> int:
    number = parse_record_type(name)
    if number is None:
        raise NotUnderstood(f"{name[:12]!r} is no record type")
    return number
