"""Finds the names related to an unblocked site: those refused to the same device within seconds of it.

A page fetches pictures, scripts and streams from other names. When a site has been opened and looks broken,
what it needs was refused to the very device that asked for it, right after. Those names are offered to a person
("this site also asked for"), never opened by themselves. Pure: query records in, suggestions out.
"""

from collections.abc import Collection, Iterable

import msgspec

from dns.message.names import is_under
from dns.querylog.records import QueryRecord

WINDOW_SECONDS = 10
MAX_RELATED_NAMES = 12

# What a page asks for in these categories it does not need, whatever it looks like without.
NEVER_SUGGESTED = frozenset(
    {
        "advertising",
        "malware",
        "pornography",
        "gambling",
        "extremism",
        "hate_speech",
        "violence",
        "drugs",
        "piracy",
    }
)


class RelatedName(msgspec.Struct, frozen=True):
    """A name that an opened site seems to need."""

    name: str
    times: int  # visits to the site after which it was refused
    devices: int
    category: str
    source: str


class _Visit(msgspec.Struct, frozen=True):
    number: int
    second: int


def find_related_names(
    records: Iterable[QueryRecord],
    site: str,
    *,
    known: Collection[str] = (),
    window: int = WINDOW_SECONDS,
    never: Collection[str] = NEVER_SUGGESTED,
) -> tuple[RelatedName, ...]:
    """Return what was refused within `window` seconds of a visit to `site`, the most frequent first.

    `records` are in the order of time. `known` are names (with their subdomains) that are granted already.
    """
    visits: dict[str, _Visit] = {}
    number = 0
    seen: dict[str, set[int]] = {}
    devices: dict[str, set[str]] = {}
    about: dict[str, QueryRecord] = {}
    for record in records:
        if is_under(record.name, site) and record.verdict in ("allowed", "rewritten"):
            visit = visits.get(record.device)
            if visit is None or record.second - visit.second > window:
                number += 1
                visits[record.device] = _Visit(number, record.second)
            continue
        visit = visits.get(record.device)
        if visit is None or record.verdict != "refused" or not 0 <= record.second - visit.second <= window:
            continue
        if record.category in never or any(is_under(record.name, name) for name in (site, *known)):
            continue
        seen.setdefault(record.name, set()).add(visit.number)
        devices.setdefault(record.name, set()).add(record.device)
        about[record.name] = record
    ranked = sorted(seen, key=lambda name: (-len(seen[name]), -len(devices[name]), name))
    return tuple(
        RelatedName(name, len(seen[name]), len(devices[name]), about[name].category, about[name].source)
        for name in ranked[:MAX_RELATED_NAMES]
    )
