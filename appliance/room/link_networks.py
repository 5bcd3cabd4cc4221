"""The networks on this machine's own links, as the kernel knows them: whoever is there may ask by default.

The idea is dnsmasq's (`local-service`): a school's devices have global addresses where its provider gives it a
prefix, and that prefix may change at any time, so nobody can write it down. A router's side is never among them.
"""

import ipaddress
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

PROC_NET = Path("/proc/net")  # proc(5)

SHORTEST_PREFIX = {4: 16, 6: 48}  # what claims to be larger is a tunnel or a provider's net, and no classroom

# Flags of a route (linux/route.h, linux/ipv6_route.h). One without an interface ("*") leads nowhere.
_UP, _GATEWAY, _REJECT, _ANYCAST, _LOCAL = 0x1, 0x2, 0x200, 0x100000, 0x80000000
_ON_LINK = _UP | _GATEWAY | _REJECT | _ANYCAST | _LOCAL


def link_networks(proc_net: Path = PROC_NET) -> tuple[str, ...]:
    """Return the networks, sorted. What cannot be read has none: only the configured networks are left then."""
    found: set[ipaddress.IPv4Network | ipaddress.IPv6Network] = set(_ipv4_networks(_lines(proc_net / "route")))
    found.update(_ipv6_networks(_lines(proc_net / "if_inet6")))
    found.update(_ipv6_routes(_lines(proc_net / "ipv6_route")))
    return tuple(sorted(str(one) for one in found if one.prefixlen >= SHORTEST_PREFIX[one.version]))


def _lines(path: Path) -> list[list[str]]:
    try:
        return [line.split() for line in path.read_text(encoding="ascii").splitlines()]
    except (OSError, UnicodeDecodeError):
        return []


def _ipv4_networks(lines: list[list[str]]) -> Iterator[ipaddress.IPv4Network]:
    """Read routes: interface, destination, gateway, flags, three counts, mask; numbers in the host's order."""
    for columns in lines[1:]:
        with suppress(ValueError, IndexError, OverflowError):
            if int(columns[3], 16) & (_UP | _GATEWAY | _REJECT) == _UP and columns[0] != "*":
                destination, mask = (int(columns[at], 16).to_bytes(4, sys.byteorder) for at in (1, 7))
                yield ipaddress.IPv4Network((destination, int.from_bytes(mask).bit_count()), strict=False)


def _ipv6_networks(lines: list[list[str]]) -> Iterator[ipaddress.IPv6Network]:
    """Read addresses: address, number of the interface, length of the prefix, scope, flags, interface."""
    for columns in lines:
        with suppress(ValueError, IndexError, OverflowError):
            yield ipaddress.IPv6Network((bytes.fromhex(columns[0]), int(columns[2], 16)), strict=False)


def _ipv6_routes(lines: list[list[str]]) -> Iterator[ipaddress.IPv6Network]:
    """Read routes: destination and its prefix, source and its prefix, next hop, three counts, flags, interface.

    A machine that has its address from DHCPv6 has it for itself alone: what else is on its link, its router says.
    """
    for columns in lines:
        with suppress(ValueError, IndexError, OverflowError):
            if int(columns[8], 16) & _ON_LINK == _UP:
                yield ipaddress.IPv6Network((bytes.fromhex(columns[0]), int(columns[1], 16)), strict=False)
