"""Domains that this room has closed to a device because its questions under them looked like carried data.

To that device alone, by the address from which it asked: nobody closes a site to others by asking for made-up
names under it. What many sites or schools stand on is not closed at all (`may_be_closed`). Only where the policy
says so (`PolicyDocument.tunnels` is "close"). The recorder, which sees every question, writes the file; the
room's policy takes it in as rules. A closing lasts a day: by then the coordinator has seen the incident and made
a rule of it, or allowed the domain, which keeps it from being closed.
"""

from collections.abc import Iterable
from pathlib import Path

import msgspec

from appliance.room import guarded_file
from blocklists.never_block import is_taught_with
from blocklists.shared_domains import is_widely_used
from dns.errors import DECODING_FAILED
from dns.message.names import is_under
from dns.policy.document import Rule
from dns.policy.tunnel_values import TunnelFinding
from dns.public_suffix import is_public_suffix

BLOCK_SECONDS = 86400.0
MAX_KEPT = 1000  # domains in the file, over or not: a clock that jumps ahead and comes back opens none


class BlockedTunnel(msgspec.Struct, frozen=True):
    """One domain, and until when it stays closed."""

    parent: str
    until: float  # Unix seconds
    device: str = ""  # its address; "": everybody, as it was written before devices were told apart


_decoder = msgspec.json.Decoder(tuple[BlockedTunnel, ...])


def read_blocked_tunnels(path: Path, now: float) -> tuple[BlockedTunnel, ...]:
    """Return what is closed now. Where it cannot be read, nor its copy, nothing is."""
    return tuple(one for one in _read_all(path) if one.until > now)


def _read_all(path: Path) -> tuple[BlockedTunnel, ...]:
    found = guarded_file.read_guarded_file(path, is_tunnels)
    return _decoder.decode(found.content) if found.content is not None else ()


def is_tunnels(content: bytes) -> bool:
    """Tell whether bytes are such a file's content."""
    try:
        _decoder.decode(content)
    except DECODING_FAILED:
        return False
    return True


def may_be_closed(parent: str) -> bool:
    """Tell whether a domain may be closed: none that anybody may register under, or that many depend on."""
    return not (is_public_suffix(parent) or is_taught_with(parent) or is_widely_used(parent))


def block_tunnel(path: Path, finding: TunnelFinding, now: float) -> None:
    """Close the parents of a finding that may be closed, for a day. Raises OSError where the disk is full."""
    parents = [parent for parent in finding.parents if may_be_closed(parent)]
    if not parents:
        return
    kept = [one for one in _read_all(path) if one.device != finding.device or one.parent not in parents]
    blocked = [*kept, *(BlockedTunnel(parent, now + BLOCK_SECONDS, finding.device) for parent in parents)]
    guarded_file.write_guarded_file(path, msgspec.json.encode(blocked[-MAX_KEPT:]))


def block_rules(blocked: Iterable[BlockedTunnel], school_rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """Return the rules that close them; a domain that the school allows is not closed."""
    allowed = [rule.name for rule in school_rules if rule.action == "allow"]
    return tuple(
        Rule(
            name=one.parent,
            action="block",
            category="circumvention",
            note="looks like a DNS tunnel",
            device=one.device,
        )
        for one in blocked
        if not any(is_under(one.parent, name) for name in allowed)
    )
