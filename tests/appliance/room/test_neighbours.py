"""The kernel's table of neighbours: read from its own messages, remembered for a moment."""

import os
import socket
import struct

from appliance.room.neighbours import (
    Neighbour,
    NeighbourCache,
    parse_device,
    parse_neighbour,
    read_neighbour_table,
)

NUD_REACHABLE, NUD_FAILED = 0x02, 0x20


def attribute(kind: int, data: bytes) -> bytes:
    length = 4 + len(data)
    return struct.pack("=HH", length, kind) + data + bytes(-length % 4)


def entry(family: int, *attributes: bytes, state: int = NUD_REACHABLE) -> bytes:
    return struct.pack("=BxxxiHBB", family, 2, state, 0, 1) + b"".join(attributes)


FOUR = attribute(1, socket.inet_aton("192.0.2.7"))
SIX = attribute(1, socket.inet_pton(socket.AF_INET6, "2001:db8::7"))
MAC = attribute(2, bytes.fromhex("02005e005301"))


def test_an_entry_gives_the_address_and_its_mac_address() -> None:
    assert list(parse_neighbour(entry(socket.AF_INET, FOUR, MAC))) == [("192.0.2.7", "02:00:5e:00:53:01")]
    assert list(parse_neighbour(entry(socket.AF_INET6, MAC, SIX))) == [("2001:db8::7", "02:00:5e:00:53:01")]


def test_an_entry_without_either_or_with_nonsense_gives_nothing() -> None:
    nothing = (
        entry(socket.AF_INET, FOUR),
        entry(socket.AF_INET, MAC),
        entry(socket.AF_INET, FOUR, attribute(2, bytes(6))),  # no answer yet
        entry(socket.AF_INET6, FOUR, MAC),  # four bytes are no IPv6 address
        entry(255, FOUR, MAC),
        entry(socket.AF_INET)[:5],
        entry(socket.AF_INET) + b"\0\0\0\0",
        b"",
    )
    for message in nothing:
        assert list(parse_neighbour(message)) == []


def test_an_entry_says_how_long_ago_the_device_was_heard_of() -> None:
    ticks = os.sysconf("SC_CLK_TCK")
    heard = attribute(3, struct.pack("=IIII", 90 * ticks, 1, 1, 0))
    (found,) = parse_device(entry(socket.AF_INET, FOUR, MAC, heard))
    assert found == Neighbour("192.0.2.7", "02:00:5e:00:53:01", 90.0)
    assert [one.seconds_ago for one in parse_device(entry(socket.AF_INET, FOUR, MAC, heard[:9]))] == [0.0]
    assert not list(parse_device(entry(socket.AF_INET, FOUR, MAC, state=NUD_FAILED)))
    assert not list(parse_device(b""))


def test_the_kernels_own_table_can_be_read() -> None:
    for address, mac in read_neighbour_table().items():
        assert "." in address or ":" in address
        assert len(mac) == 17


def test_the_table_is_read_again_after_a_second_and_not_before() -> None:
    now = [100.0]
    tables = iter([{"192.0.2.7": "02:00:5e:00:53:01"}, {"192.0.2.7": "02:00:5e:00:53:02"}])
    neighbours = NeighbourCache(lambda: next(tables), lambda: now[0])

    assert neighbours.mac_of("192.0.2.7") == "02:00:5e:00:53:01"
    assert neighbours.mac_of("192.0.2.8") is None
    now[0] += 0.5
    assert neighbours.mac_of("192.0.2.7") == "02:00:5e:00:53:01"
    now[0] += 0.6
    assert neighbours.mac_of("192.0.2.7%eth0") == "02:00:5e:00:53:02"
