"""What a network contradicts: itself, the enrolment beside it, or another room's. Said before a card is written.

Beside what no card takes at all (`appliance.card.settings`, which is looked at again at each boot): a room with
one of these would start, and could not be reached, or could not reach what it needs.
"""

import ipaddress
from collections.abc import Iterator, Mapping

from appliance.card.enrolment_file import EnrolmentFile
from appliance.card.settings import CardSettings, InterfaceAddress, IpAddress
from appliance.card.system_files import host_name, room_name

_IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
_IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

_THIS_NETWORK = ipaddress.ip_network("0.0.0.0/8")  # RFC 1122, section 3.2.1.3
_SMALLEST_PREFIX = {4: 8, 6: 16}  # no school's network is larger
CENTRAL = "central, by the enrolment"


def list_asked_hosts(settings: CardSettings, enrolment: EnrolmentFile | None) -> list[tuple[str, str]]:
    """Return whom a room asks for anything, each with the setting that says so."""
    forwarded = (server for forward in settings.dns.forward for server in forward.upstreams)
    asked = [("dns.upstreams", server.host) for server in settings.dns.upstreams]
    asked += [("dns.forward.upstreams", server.host) for server in forwarded]
    asked += [("time.servers", server.text) for server in settings.time.servers]
    if enrolment is not None:
        asked.append((CENTRAL, enrolment.central_host))
    return asked


def list_networks(settings: CardSettings) -> tuple[_IpNetwork, ...]:
    """Return the networks in which a room has an address of its own."""
    return tuple(ipaddress.ip_interface(own.text).network for own in _own_addresses(settings))


def find_contradictions(settings: CardSettings, enrolment: EnrolmentFile | None) -> Iterator[str]:
    """Yield what one room's network contradicts in itself, and in what it is enrolled with."""
    for own in _own_addresses(settings):
        interface = ipaddress.ip_interface(own.text)
        if _is_nobodys(interface.ip):
            yield f"network: {own} is no address that a machine on a network can have"
        if interface.network.prefixlen < _SMALLEST_PREFIX[interface.version]:
            yield f"network: {own} takes the internet for its own network, and would reach nobody in it"
        networks = (ipaddress.ip_network(str(one)) for one in settings.dns.clients)
        served = [network for network in networks if interface.ip in network]
        if served and interface.network.num_addresses > 1 and all(one.num_addresses == 1 for one in served):
            yield f"dns.clients: leaves out {interface.network} but for the room itself: nobody would be answered"
    own_name = host_name(room_name(settings, enrolment))
    for key, host in list_asked_hosts(settings, enrolment):
        if host.removesuffix(".local") == own_name:
            yield f"{key}: {host} is this room itself"
        elif (address := _parse(host)) is not None and (words := _why_unreachable(address, settings)):
            yield f"{key}: {words}"


def find_crossings(
    room: str, settings: CardSettings, enrolment: EnrolmentFile | None, others: Mapping[str, CardSettings]
) -> Iterator[str]:
    """Yield where one room's network contradicts those of other rooms, by their names."""
    asked = {host: key for key, host in list_asked_hosts(settings, enrolment)}
    for other, there in others.items():
        if other == room:
            continue
        for known in (*there.network.own_addresses, f"{host_name(other)}.local"):
            if key := asked.get(known):
                yield f"{key}: asks {known}, which is {other}"


def find_overlaps(settings: CardSettings, others: Mapping[str, CardSettings]) -> Iterator[str]:
    """Yield where a room's network is part of another's, or the other way round: of two sizes one is wrong."""
    known = {network: other for other, there in others.items() for network in list_networks(there)}
    for network in list_networks(settings):
        if network in known:  # said of the first that had it
            continue
        for other_network, other in known.items():
            if network.version == other_network.version and network.overlaps(other_network):
                relation = "lies in" if network.prefixlen > other_network.prefixlen else "holds"
                yield f"the network {network} {relation} {other_network}, that of {other}"


def _own_addresses(settings: CardSettings) -> list[InterfaceAddress]:
    return [own for own in (settings.network.address, settings.network.address6) if own is not None]


def _why_unreachable(address: _IpAddress, settings: CardSettings) -> str:
    if _is_nobodys(address):
        return f"{address} is no address that a machine on a network can have"
    if address.version == 6 and settings.network.ipv6 == "off":
        return f"{address} is one of IPv6, which is off"
    own = settings.network.address
    if address.version == 4 and own is not None and address in ipaddress.ip_interface(own.text).network:
        return own.reserved_problem(IpAddress(str(address)))
    return ""


def _is_nobodys(address: _IpAddress) -> bool:
    return address.is_multicast or address.is_reserved or address.is_unspecified or address in _THIS_NETWORK


def _parse(host: str) -> _IpAddress | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
