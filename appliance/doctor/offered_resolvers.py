"""Which DNS servers this network offers to devices: by DHCP, by router advertisements, by DHCPv6.

A device's own first questions are asked again, on every cable and Wi-Fi that is up: DHCPDISCOVER (RFC 2131),
router solicitation (RFC 4861) for the option RDNSS (RFC 8106), and DHCPv6 information-request (RFC 8415). Nothing
is taken: an offer that nobody accepts lapses by itself. Needs root's rights.
"""

import contextlib
import fcntl
import ipaddress
import secrets
import select
import socket
import struct
import time
from collections.abc import Iterator

import msgspec

LISTEN_SECONDS = 3.0
_SIOCGIFFLAGS, _SIOCGIFHWADDR = 0x8913, 0x8927  # netdevice(7)
_IFF_UP, _IFF_LOOPBACK, _ARPHRD_ETHER = 1, 8, 1

_BOOTP = struct.Struct("!BBBBIHH4s4s4s4s16s64s128s4s")
_MAGIC = bytes((99, 130, 83, 99))
_BROADCAST_FLAG = 0x8000
_DHCP_DNS, _DHCP_TYPE, _DHCP_SERVER, _DHCP_WANTED, _DHCP_END = 6, 53, 54, 55, 255
_DHCP_DISCOVER, _DHCP_OFFER = 1, 2
_RA, _RS, _RDNSS = 134, 133, 25
_ALL_ROUTERS, _ALL_DHCP_SERVERS = "ff02::2", "ff02::1:2"
_INFORMATION_REQUEST, _DHCP6_RESPONSE = 11, 7
_DHCP6_CLIENT_ID, _DHCP6_WANTED, _DHCP6_ELAPSED, _DHCP6_DNS = 1, 6, 8, 23


class OfferedResolvers(msgspec.Struct, frozen=True):
    """What one machine of this network offers."""

    way: str  # "DHCP", "router advertisement", "DHCPv6"
    by: str  # its address
    interface: str
    servers: tuple[str, ...]


def list_interfaces() -> tuple[str, ...]:
    """Return the names of the interfaces that are up and lead to a network of devices (Ethernet, Wi-Fi)."""
    return tuple(name for _, name in socket.if_nameindex() if _is_up(name) and _mac_address(name) is not None)


def ask_network(interface: str, seconds: float = LISTEN_SECONDS) -> Iterator[OfferedResolvers]:
    """Ask on one interface in all three ways at once. Raises PermissionError without root's rights."""
    with contextlib.ExitStack() as stack:
        sockets: dict[socket.socket, str] = {}
        for way, open_socket in (
            ("DHCP", _ask_dhcp),
            ("router advertisement", _ask_routers),
            ("DHCPv6", _ask_dhcp6),
        ):
            try:
                sockets[stack.enter_context(open_socket(interface))] = way
            except PermissionError:
                raise
            except OSError:
                continue  # no IPv4, or no IPv6, on this interface: nobody offers anything there
        ends = time.monotonic() + seconds
        while sockets and (left := ends - time.monotonic()) > 0:
            for sock in select.select(list(sockets), [], [], left)[0]:
                with contextlib.suppress(OSError):
                    packet, sender = sock.recvfrom(4096)
                    way = sockets[sock]
                    by = sender[0].partition("%")[0]
                    if (servers := _READERS[way](packet)) is not None:
                        yield OfferedResolvers(way, by, interface, servers)


def read_dhcp_offer(packet: bytes) -> tuple[str, ...] | None:
    """Return the DNS servers of a DHCPOFFER, or None: it is none."""
    if len(packet) < _BOOTP.size + 4 or packet[0] != 2 or packet[_BOOTP.size - 4 : _BOOTP.size] != _MAGIC:
        return None
    options: dict[int, bytes] = {}
    at = _BOOTP.size
    while at < len(packet) and packet[at] != _DHCP_END:
        if packet[at] == 0:
            at += 1
            continue
        size = packet[at + 1] if at + 1 < len(packet) else 0
        options[packet[at]] = options.get(packet[at], b"") + packet[at + 2 : at + 2 + size]
        at += 2 + size
    if options.get(_DHCP_TYPE) != bytes((_DHCP_OFFER,)):
        return None
    servers = options.get(_DHCP_DNS, b"")
    return tuple(str(ipaddress.IPv4Address(servers[at : at + 4])) for at in range(0, len(servers) - 3, 4))


def read_router_advertisement(packet: bytes) -> tuple[str, ...] | None:
    """Return the DNS servers of a router advertisement (RFC 8106, section 5.1), or None: it is none."""
    if len(packet) < 16 or packet[0] != _RA:
        return None
    servers: list[str] = []
    at = 16
    while at + 8 <= len(packet) and packet[at + 1]:
        kind, size = packet[at], packet[at + 1] * 8
        body = packet[at : at + size]
        if kind == _RDNSS and int.from_bytes(body[4:8], "big"):  # of no lifetime: withdrawn
            servers += _addresses6(body[8:])
        at += size
    return tuple(servers)


def read_dhcp6_response(packet: bytes) -> tuple[str, ...] | None:
    """Return the DNS servers of a DHCPv6 reply (RFC 3646), or None: it is none."""
    if len(packet) < 4 or packet[0] != _DHCP6_RESPONSE:
        return None
    at = 4
    while at + 4 <= len(packet):
        kind, size = struct.unpack_from("!HH", packet, at)
        if kind == _DHCP6_DNS:
            return tuple(_addresses6(packet[at + 4 : at + 4 + size]))
        at += 4 + size
    return ()


_READERS = {
    "DHCP": read_dhcp_offer,
    "router advertisement": read_router_advertisement,
    "DHCPv6": read_dhcp6_response,
}


def _is_up(interface: str) -> bool:
    flags = struct.unpack_from("=h", _ask_kernel(interface, _SIOCGIFFLAGS), 16)[0]
    return bool(flags & _IFF_UP and not flags & _IFF_LOOPBACK)


def _mac_address(interface: str) -> bytes | None:
    """Return the MAC address of an interface, or None: it has none (a tunnel)."""
    answer = _ask_kernel(interface, _SIOCGIFHWADDR)
    return answer[18:24] if struct.unpack_from("=H", answer, 16)[0] == _ARPHRD_ETHER else None


def _ask_kernel(interface: str, question: int) -> bytes:
    """Ask about an interface as netdevice(7) says; one that went meanwhile is down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            return fcntl.ioctl(sock, question, struct.pack("=16s24x", interface.encode()[:15]))
        except OSError:
            return bytes(40)


def _addresses6(content: bytes) -> list[str]:
    return [str(ipaddress.IPv6Address(content[at : at + 16])) for at in range(0, len(content) - 15, 16)]


def _ask_dhcp(interface: str) -> socket.socket:
    mac = _mac_address(interface) or bytes(6)
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
        sock.bind(("", 68))
        header = _BOOTP.pack(
            1, 1, 6, 0, secrets.randbits(32), 0, _BROADCAST_FLAG, bytes(4), bytes(4), bytes(4), bytes(4),
            mac, b"", b"", _MAGIC,
        )  # fmt: skip
        options = bytes((_DHCP_TYPE, 1, _DHCP_DISCOVER, _DHCP_WANTED, 2, _DHCP_DNS, 3, _DHCP_END))
        sock.sendto((header + options).ljust(300, b"\0"), ("255.255.255.255", 67))
    except BaseException:
        sock.close()
        raise
    return sock


def _ask_routers(interface: str) -> socket.socket:
    index = socket.if_nametoindex(interface)
    sock = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
        sock.setsockopt(
            socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255
        )  # others are not heard (RFC 4861, 6.1.1)
        sock.sendto(
            struct.pack("!BBHI", _RS, 0, 0, 0), (_ALL_ROUTERS, 0, 0, index)
        )  # the kernel does the checksum
    except BaseException:
        sock.close()
        raise
    return sock


def _ask_dhcp6(interface: str) -> socket.socket:
    index = socket.if_nametoindex(interface)
    mac = _mac_address(interface) or bytes(6)
    sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
        sock.bind(("::", 546))
        identity = struct.pack("!HH", 3, 1) + mac  # DUID-LL (RFC 8415, section 11.4)
        message = bytes((_INFORMATION_REQUEST,)) + secrets.token_bytes(3)
        for kind, body in (
            (_DHCP6_CLIENT_ID, identity),
            (_DHCP6_ELAPSED, bytes(2)),
            (_DHCP6_WANTED, struct.pack("!H", _DHCP6_DNS)),
        ):
            message += struct.pack("!HH", kind, len(body)) + body
        sock.sendto(message, (_ALL_DHCP_SERVERS, 547, 0, index))
    except BaseException:
        sock.close()
        raise
    return sock
