"""Domains that this room has closed by itself because questions under them looked like carried data.

Only where the policy says so (`PolicyDocument.tunnels` is "close"). The recorder, which sees every question,
writes the file; the room's policy takes it in as rules. A closing lasts a day: by then the coordinator has seen
the incident and made a rule of it, or allowed the domain, which keeps it from being closed.
"""

import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from appliance.room.policy_file import make_way
from dns.errors import DECODING_FAILED
from dns.message.names import is_under
from dns.policy.document import Rule
from dns.policy.tunnel import TunnelFinding

CLOSED_SECONDS = 86400.0
REMEMBERED = 1000  # domains in the file, over or not: a clock that jumps ahead and comes back opens none


class ClosedTunnel(msgspec.Struct, frozen=True):
    """One domain, and until when it stays closed."""

    parent: str
    until: float  # Unix seconds


_decoder = msgspec.json.Decoder(tuple[ClosedTunnel, ...])


def read(path: Path, now: float) -> tuple[ClosedTunnel, ...]:
    """Return what is closed now. A file that is missing or cannot be read closes nothing."""
    return tuple(one for one in _remembered(path) if one.until > now)


def _remembered(path: Path) -> tuple[ClosedTunnel, ...]:
    try:
        return _decoder.decode(path.read_bytes())
    except (OSError, *DECODING_FAILED):
        return ()


def close(path: Path, finding: TunnelFinding, now: float) -> None:
    """Close the parent of a finding for a day. Raises OSError where the disk is full."""
    kept = [one for one in _remembered(path) if one.parent != finding.parent]
    closed = [*kept[1 - REMEMBERED :], ClosedTunnel(finding.parent, now + CLOSED_SECONDS)]
    temporary = path.with_suffix(f".{os.getpid()}.new")
    temporary.write_bytes(msgspec.json.encode(closed))
    make_way(path)
    temporary.replace(path)


def rules(closed: Iterable[ClosedTunnel], school: Iterable[Rule]) -> tuple[Rule, ...]:
    """Return the rules that close them; a domain that the school allows is not closed."""
    allowed = [rule.name for rule in school if rule.action == "allow"]
    return tuple(
        Rule(name=one.parent, action="block", category="circumvention", note="looks like a DNS tunnel")
        for one in closed
        if not any(is_under(one.parent, name) for name in allowed)
    )
