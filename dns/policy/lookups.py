"""The look-ups a decision is made of: by name and its parents, and by address and its networks.

Both cost the same however many entries they hold: a dictionary look-up for each parent of a name (three or four),
and for each prefix length in use.
"""

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Generic, TypeVar

from dns.message import names

T = TypeVar("T")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# A new document has mostly the names of the one before: this makes compiling a change a third as long.
canonical = lru_cache(maxsize=32768)(names.canonical)

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address


def group_by_name(entries: Iterable[tuple[str, T]]) -> Mapping[str, tuple[T, ...]]:
    """Gather what stands at each name. Look it up for the asked name and each of its parents."""
    gathered: dict[str, list[T]] = {}
    for name, entry in entries:
        gathered.setdefault(name, []).append(entry)
    return {name: tuple(found) for name, found in gathered.items()}


class NetworkTable(Generic[T]):
    """What stands at each network; the longest prefix wins."""

    def __init__(self, entries: Iterable[tuple[Network, T]]) -> None:
        self._by_length: dict[tuple[int, int], dict[int, T]] = {}
        for network, entry in entries:
            table = self._by_length.setdefault((network.version, network.prefixlen), {})
            table.setdefault(int(network.network_address), entry)
        self._lengths = sorted(self._by_length, key=lambda pair: pair[1], reverse=True)
        # The same networks by the octets of an address, as numbers without the bits that a prefix leaves out.
        self._prefixes: dict[int, list[tuple[int, frozenset[int]]]] = {4: [], 16: []}
        for (version, length), table in self._by_length.items():
            size = 4 if version == 4 else 16
            spare = size * 8 - length
            self._prefixes[size].append((spare, frozenset(number >> spare for number in table)))

    def __bool__(self) -> bool:
        return bool(self._by_length)

    def lookup_address(self, address: Address) -> Iterator[T]:
        """Yield what stands at each network that holds the address, the smallest network first."""
        number = int(address)
        for version, length in self._lengths:
            if version != address.version:
                continue
            spare = address.max_prefixlen - length
            found = self._by_length[version, length].get(number >> spare << spare)
            if found is not None:
                yield found

    def holds_packed(self, packed: bytes) -> bool:
        """Tell whether any network holds an address of 4 or 16 octets, in network order."""
        number = int.from_bytes(packed)
        return any(number >> spare in prefixes for spare, prefixes in self._prefixes[len(packed)])


def parse_address(text: str) -> Address | None:
    """Read an address; an IPv4 address inside an IPv6 one (mapped, or behind NAT64) is taken out.

    None where the text is no address.
    """
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address
