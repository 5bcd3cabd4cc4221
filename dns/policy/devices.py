"""Which group a device belongs to.

A device belongs to exactly one group: the most specific member that fits it wins. From the most specific:
a device's name, a MAC address, an address, a network (the smaller the more specific). Whoever fits no member
belongs to the room's default group. A group may be bound to networks (`Group.only_from`): its names and MAC
addresses count only there, because anybody can imitate them.

A device's name stands for the addresses that the document's `devices` give it. MAC addresses are known only on
the room's own network, from the kernel's table of neighbours; the caller passes the one of an address.
"""

import ipaddress
import re
from collections.abc import Iterable
from typing import Generic, TypeVar

from dns.policy.document import Device, PolicyDocument, Rule, Suspension, Unblock
from dns.policy.lookups import Address, Network, NetworkTable

T = TypeVar("T", bound=Suspension | Unblock | Rule)

_OCTETS = re.compile(r"[0-9a-f]{1,2}(?:([:. -])[0-9a-f]{1,2})(?:\1[0-9a-f]{1,2}){4}")  # macOS leaves out zeros
_PACKED = re.compile(r"[0-9a-f]{12}|[0-9a-f]{6}([:-])[0-9a-f]{6}|[0-9a-f]{4}([.:-])[0-9a-f]{4}\2[0-9a-f]{4}")
_SEPARATORS = re.compile(r"[:. -]")
_LOCALLY_ADMINISTERED = 0x02  # of the first octet (IEEE 802, section 8.4): made up by the device, not its maker's


def canonical_mac(text: str) -> str | None:
    """Return a MAC address, however vendors spell it, as ``00:00:5e:00:53:01``; None where the text is none."""
    lowered = text.strip().lower()
    if _OCTETS.fullmatch(lowered):
        return ":".join(octet.zfill(2) for octet in _SEPARATORS.split(lowered))
    if not _PACKED.fullmatch(lowered):
        return None
    digits = _SEPARATORS.sub("", lowered)
    return ":".join(digits[at : at + 2] for at in range(0, 12, 2))


def is_random_mac(mac: str) -> bool:
    """Tell whether a device made up its (canonical) MAC address itself, as phones do: another one tomorrow."""
    return bool(int(mac[:2], 16) & _LOCALLY_ADMINISTERED)


def parse_networks(text: str) -> tuple[Network, ...]:
    """Return an address, a network (CIDR) or a range (``192.0.2.1-192.0.2.9``) as networks; none of these: ()."""
    first, dash, last = (part.strip() for part in text.partition("-"))
    try:
        if not dash:
            return (ipaddress.ip_network(first, strict=False),)
        begin, end = ipaddress.ip_address(first), ipaddress.ip_address(last)
        return tuple(ipaddress.summarize_address_range(begin, end))
    except (ValueError, TypeError):
        return ()


class Devices:
    """Knows what a member stands for: MAC addresses and networks."""

    def __init__(self, devices: Iterable[Device]) -> None:
        self._addresses = {device.name.lower(): device.addresses for device in devices}

    def has_device(self, member: str) -> bool:
        """Tell whether a member is the name of a device."""
        return member.strip().lower() in self._addresses

    def resolve_member(self, member: str) -> tuple[frozenset[str], tuple[Network, ...]]:
        """Return the MAC addresses and the networks that a member stands for; neither where it is unknown."""
        texts = self._addresses.get(member.strip().lower(), (member,))
        macs: set[str] = set()
        networks: list[Network] = []
        for text in texts:
            if mac := canonical_mac(text):
                macs.add(mac)
            else:  # no MAC address is an IP address as well
                networks.extend(parse_networks(text))
        return frozenset(macs), tuple(networks)


class Membership:
    """Finds the group of a device."""

    def __init__(self, document: PolicyDocument) -> None:
        devices = Devices(document.devices)
        self._default = document.default_group
        self._named_macs: dict[str, str] = {}
        self._macs: dict[str, str] = {}
        named_networks: list[tuple[Network, str]] = []
        networks: list[tuple[Network, str]] = []
        for group in document.groups:
            for member in group.members:
                named = devices.has_device(member)
                macs, nets = devices.resolve_member(member)
                (self._named_macs if named else self._macs).update(dict.fromkeys(macs, group.name))
                (named_networks if named else networks).extend((network, group.name) for network in nets)
        self._bounds = {
            group.name: tuple(network for text in group.only_from for network in parse_networks(text))
            for group in document.groups
            if group.only_from
        }
        self._named_networks = NetworkTable(named_networks)
        self._networks = NetworkTable(networks)
        self.needs_mac = bool(self._named_macs or self._macs)

    def group_of(self, address: Address | None, mac: str | None) -> str:
        """Return the name of the group of whoever has this address."""
        if (group := self._named_macs.get(mac or "")) and self._is_within_bounds(group, address):
            return group
        if address is not None:
            for group in self._named_networks.lookup_address(address):
                if self._is_within_bounds(group, address):
                    return group
        if (group := self._macs.get(mac or "")) and self._is_within_bounds(group, address):
            return group
        if address is not None:
            for group in self._networks.lookup_address(address):
                return group
        return self._default

    def _is_within_bounds(self, group: str, address: Address | None) -> bool:
        bounds = self._bounds.get(group)
        return bounds is None or (address is not None and any(address in network for network in bounds))


class DeviceLookup(Generic[T]):
    """Finds what is meant for a device: the suspensions that it is under, the unblocks and rules for it alone."""

    def __init__(self, entries: Iterable[T], known: Iterable[Device]) -> None:
        devices = Devices(known)
        self._entries: list[tuple[T, frozenset[str], tuple[Network, ...]]] = []
        for entry in entries:
            macs, networks = devices.resolve_member(entry.device)
            self._entries.append((entry, macs, networks))
        self.needs_mac = any(macs for _, macs, _ in self._entries)

    def entries_of(self, address: Address | None, mac: str | None) -> tuple[T, ...]:
        """Return what is meant for whoever has this address, whenever it holds."""
        return tuple(
            entry
            for entry, macs, networks in self._entries
            if mac in macs or (address is not None and any(address in network for network in networks))
        )
