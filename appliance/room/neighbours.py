"""The MAC addresses of the room's devices, as the kernel knows them from its own network (IPv4 and IPv6).

The table is asked for with a netlink message (rtnetlink(7), RTM_GETNEIGH), which takes some tens of microseconds,
and remembered for a second: a policy asks once for each device it has not seen.
"""

import os
import socket
import struct
import time
from collections.abc import Callable, Iterator

import msgspec

CACHE_SECONDS = 1.0
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")

_NLMSG = struct.Struct("=IHHII")  # length, type, flags, sequence, port
_NDMSG = struct.Struct("=BxxxiHBB")  # family, interface, state, flags, type
_RTATTR = struct.Struct("=HH")  # length, type
_RTM_NEWNEIGH = 28
_RTM_GETNEIGH = 30
_NLM_F_REQUEST_DUMP = 0x301
_NLMSG_DONE = 3
_NLMSG_ERROR = 2
_NDA_DST = 1
_NDA_LLADDR = 2
_NDA_CACHEINFO = 3
_CACHEINFO = struct.Struct("=IIII")  # ticks since it was confirmed, used, changed; references
_NUD_UNHEARD = 0x01 | 0x20 | 0x40  # INCOMPLETE, FAILED, NOARP: nobody answered, or nobody was asked
_RECEIVE_BYTES = 65536
_TIMEOUT_SECONDS = 0.2


class NeighbourCache:
    """Remembers the kernel's table for a moment."""

    def __init__(
        self,
        read: Callable[[], dict[str, str]] | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read or read_neighbour_table
        self._now = now
        self._table: dict[str, str] = {}
        self._read_at = float("-inf")

    def mac_of(self, address: str) -> str | None:
        """Return the MAC address of a device, or None: it is not on this network, or has not been heard yet."""
        now = self._now()
        if not 0 <= now - self._read_at < CACHE_SECONDS:
            self._table = self._read()
            self._read_at = now
        return self._table.get(address.partition("%")[0])


def addresses_of_device(address: str, read: Callable[[], dict[str, str]] | None = None) -> tuple[str, ...]:
    """Return an address and the others of the same device, as this network knows it: it may have IPv4 and IPv6."""
    table = (read or read_neighbour_table)()
    mac = table.get(address)
    others = (other for other, its in table.items() if its == mac and other != address) if mac else ()
    return (address, *others)


class Neighbour(msgspec.Struct, frozen=True):
    """A device on this network."""

    address: str
    mac: str
    seconds_ago: float  # since the kernel heard of it last


def read_neighbour_table() -> dict[str, str]:
    """Return the kernel's table of neighbours: addresses and their MAC addresses. Empty where it does not say."""
    return dict(pair for message in _read_messages() for pair in parse_neighbour(message))


def read_neighbours() -> tuple[Neighbour, ...]:
    """Return the devices that the kernel has heard of, and when. None where it does not say."""
    return tuple(one for message in _read_messages() for one in parse_device(message))


def _read_messages() -> tuple[bytes, ...]:
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as netlink:
            netlink.settimeout(_TIMEOUT_SECONDS)
            body = _NDMSG.pack(socket.AF_UNSPEC, 0, 0, 0, 0)
            header = _NLMSG.pack(_NLMSG.size + len(body), _RTM_GETNEIGH, _NLM_F_REQUEST_DUMP, 1, 0)
            netlink.send(header + body)
            return tuple(_receive(netlink))
    except OSError:
        return ()


def _receive(netlink: socket.socket) -> Iterator[bytes]:
    while True:
        data = netlink.recv(_RECEIVE_BYTES)
        at = 0
        while at + _NLMSG.size <= len(data):
            length, kind, _, _, _ = _NLMSG.unpack_from(data, at)
            if kind in (_NLMSG_DONE, _NLMSG_ERROR) or length < _NLMSG.size:
                return
            if kind == _RTM_NEWNEIGH:
                yield data[at + _NLMSG.size : at + length]
            at += length + 3 & ~3


def parse_neighbour(message: bytes) -> Iterator[tuple[str, str]]:
    """Yield the address and the MAC address of one entry, where it has both."""
    if len(message) < _NDMSG.size:
        return
    family = message[0]
    attributes = dict(_attributes(message[_NDMSG.size :]))
    address, mac = attributes.get(_NDA_DST, b""), attributes.get(_NDA_LLADDR, b"")
    size = {int(socket.AF_INET): 4, int(socket.AF_INET6): 16}.get(family)
    if len(mac) == 6 and any(mac) and len(address) == size:
        yield socket.inet_ntop(family, address), mac.hex(":")


def parse_device(message: bytes) -> Iterator[Neighbour]:
    """Yield the device of one entry, where the kernel has heard of it."""
    for address, mac in parse_neighbour(message):
        if _NDMSG.unpack_from(message)[2] & _NUD_UNHEARD:
            continue
        said = dict(_attributes(message[_NDMSG.size :])).get(_NDA_CACHEINFO, b"")
        ticks = _CACHEINFO.unpack_from(said)[0] if len(said) >= _CACHEINFO.size else 0
        yield Neighbour(address, mac, ticks / _TICKS_PER_SECOND)


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + _RTATTR.size <= len(data):
        length, kind = _RTATTR.unpack_from(data, at)
        if length < _RTATTR.size:
            return
        yield kind, data[at + _RTATTR.size : at + length]
        at += length + 3 & ~3
