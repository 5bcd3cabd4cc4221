"""Addresses that are no place on the internet, in every form in which one can be written or wrapped.

The table is that of IANA's registries of special-purpose addresses (RFC 6890; of 2026-11), with multicast. What
is reserved stands beside it, with what has become global within (`_RESERVED`, `_GLOBAL`): the blocks for
protocols, and of IPv6 whatever is outside of 2000::/3 (RFC 4291, section 2.4). Left out are AS112 and AMT, which
are global all the same, and the networks for documentation, which lead nowhere in any network.

An IPv6 address can carry an IPv4 address within it. A device that translates or tunnels reaches the inner one, so
both count: IPv4-mapped and IPv4-compatible (RFC 4291), IPv4-translated (RFC 2765), NAT64 (RFC 6052), 6to4 (RFC
3056), Teredo (RFC 4380) and ISATAP (RFC 5214).
"""

import ipaddress
from collections.abc import Iterable, Iterator

from dns.policy.lookups import Address, Network, NetworkTable

_NETWORKS = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",  # RFC 791: "this network"; many systems take 0.0.0.0 as themselves
        "10.0.0.0/8",  # RFC 1918
        "100.64.0.0/10",  # RFC 6598: between a provider and its customers
        "127.0.0.0/8",  # RFC 1122: the asking device itself
        "169.254.0.0/16",  # RFC 3927
        "172.16.0.0/12",  # RFC 1918
        "192.0.0.0/29",  # RFC 7335
        "192.0.0.8/32",  # RFC 7600
        "192.0.0.170/31",  # RFC 8880, RFC 7050
        "192.88.99.0/24",  # RFC 7526: once the nearest 6to4 relay
        "192.168.0.0/16",  # RFC 1918
        "198.18.0.0/15",  # RFC 2544: benchmarks
        "224.0.0.0/4",  # RFC 5771: multicast
        "240.0.0.0/4",  # RFC 1112: reserved; with the limited broadcast
        "::/128",  # RFC 4291: unspecified
        "::1/128",  # RFC 4291
        "64:ff9b:1::/48",  # RFC 8215: a network's own translation
        "100::/64",  # RFC 6666: discard only
        "100:0:0:1::/64",  # RFC 9780
        "2001:2::/48",  # RFC 5180: benchmarks
        "2001:10::/28",  # RFC 4843
        "5f00::/16",  # RFC 9602: segment routing
        "fc00::/7",  # RFC 4193
        "fe80::/10",  # RFC 4291
        "fec0::/10",  # RFC 3879: site-local, as old systems still take it
        "ff00::/8",  # RFC 4291: multicast
    )
)
SPECIAL_NETWORKS = NetworkTable((network, str(network)) for network in _NETWORKS)

_RESERVED = tuple(
    ipaddress.ip_network(text)
    for text in (
        "192.0.0.0/24",  # RFC 6890, section 2.1: for protocols
        "2001::/23",  # RFC 2928: the same
        "::/3",  # RFC 4291, section 2.4
        "4000::/2",
        "8000::/1",
    )
)
_GLOBAL = tuple(
    ipaddress.ip_network(text)
    for text in (
        "192.0.0.9/32",  # RFC 7723
        "192.0.0.10/32",  # RFC 8155
        "2001:1::1/128",  # RFC 7723
        "2001:1::2/128",  # RFC 8155
        "2001:1::3/128",  # RFC 9665
        "2001:3::/32",  # RFC 7450
        "2001:4:112::/48",  # RFC 7535
        "2001:20::/28",  # RFC 7343
        "2001:30::/28",  # RFC 9374
    )
)

_COMPATIBLE = ipaddress.IPv6Network("::/96")
_TRANSLATED = ipaddress.IPv6Network("::ffff:0:0:0/96")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_ISATAP = frozenset({0x00005EFE, 0x02005EFE})  # the upper half of an interface identifier
_LOW = 0xFFFFFFFF
_MINIMUM_COMPATIBLE = 0x10000  # below are the unspecified address, loopback, and nothing that is an IPv4 address


def is_special(address: Address) -> bool:
    """Tell whether an address, or one that it carries, is no place on the internet."""
    forms = tuple(address_forms(address))
    if any(True for form in forms for _ in SPECIAL_NETWORKS.lookup_address(form)):
        return True
    # What carries another address is as good as that one.
    return len(forms) == 1 and _is_within(address, _RESERVED) and not _is_within(address, _GLOBAL)


def _is_within(address: Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks if network.version == address.version)


def address_forms(address: Address) -> Iterator[Address]:
    """Yield an address and the IPv4 addresses within it."""
    yield address
    if not isinstance(address, ipaddress.IPv6Address):
        return
    number = int(address)
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
    elif address in _NAT64 or address in _TRANSLATED or (address in _COMPATIBLE and number >= _MINIMUM_COMPATIBLE):
        yield ipaddress.IPv4Address(number & _LOW)
    elif address.sixtofour is not None:
        yield address.sixtofour
    elif address.teredo is not None:
        yield from address.teredo
    if number >> 32 & _LOW in _ISATAP:
        yield ipaddress.IPv4Address(number & _LOW)


def is_plainly_global(raw: bytes) -> bool:
    """Tell of an address's bytes, at less cost, that it is none of the above: False where it must be looked up."""
    if len(raw) == 16:
        # Global unicast (RFC 4291, section 2.4), without what carries another address and the small registries.
        return (
            0x20 <= raw[0] < 0x40
            and raw[:2] != b"\x20\x02"
            and (raw[2] > 1 or raw[:2] != b"\x20\x01")
            and raw[9:12] != b"\x00\x5e\xfe"
        )
    return raw[0] not in _FIRST_OCTETS and raw[:2] not in _FIRST_PAIRS and raw[:3] not in _FIRST_TRIPLES


def _starts(octets: int) -> frozenset[bytes]:
    """Return how the IPv4 networks begin that so many octets tell, and no fewer."""
    shortest, longest = 8 * octets - 7, 8 * octets if octets < 3 else 32
    return frozenset(
        part.network_address.packed[:octets]
        for network in _NETWORKS
        if network.version == 4 and shortest <= network.prefixlen <= longest
        for part in (network.subnets(new_prefix=longest) if octets < 3 else (network,))
    )


_FIRST_OCTETS = frozenset(start[0] for start in _starts(1))
_FIRST_PAIRS, _FIRST_TRIPLES = _starts(2), _starts(3)
