"""Devices on the room's own links may ask by default, whatever their addresses; others may not."""

import socket
from pathlib import Path

import dnslib
import pytest

from appliance.room.link_networks import link_networks
from dns.message.constants import Rcode
from tests.fakes.network_namespace import LOOPBACK, add_link_local_address, run_in_network_namespace
from tests.fakes.processes import Room
from tests.fakes.resolvers import InTest, question
from tests.fakes.upstream import FakeUpstream
from tests.fakes.upstream_behaviours import DEFAULT_ADDRESS

ROUTES = """\
Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
eth0\t006433C6\t010200C0\t0003\t0\t0\t0\t00FFFFFF\t0\t0\t0
ppp0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0
eth1\t007100CB\t00000000\t0000\t0\t0\t0\t00FFFFFF\t0\t0\t0
*\t0000080A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
*\t0000090A\t00000000\t0201\t0\t0\t0\t0000FFFF\t0\t0\t0
eth0\t0000070A\t00000000\t0201\t0\t0\t0\t0000FFFF\t0\t0\t0
"""
ADDRESSES = """\
00000000000000000000000000000001 01 80 10 80       lo
fe8000000000000000fc00fffe000001 04 40 20 80     eth0
20010db8000100000000000000000053 04 40 00 80     eth0
20010db8000200000000000000000001 05 10 00 80     tun0
"""
NOWHERE = "0" * 32
ROUTER = "fe80" + "0" * 27 + "1"


def ipv6_route(destination: str, prefix: int, router: str, flags: str, interface: str = "eth0") -> str:
    """Return a line of the kernel's table."""
    counts = "00000400 00000001 00000000"
    return f"{destination:0<32} {prefix:02x} {NOWHERE} 00 {router} {counts} {flags} {interface:>8}\n"


IPV6_ROUTES = "".join(
    (
        ipv6_route("20010db80005", 64, NOWHERE, "00000001"),  # as its router said
        ipv6_route("20010db80006", 64, NOWHERE, "00200200", "lo"),  # unreachable
        ipv6_route("20010db80007", 64, ROUTER, "00000003"),  # behind a router
        ipv6_route("20010db80008", 64, NOWHERE, "00000000"),  # an interface that is down
        ipv6_route("20010db80009", 128, NOWHERE, "00100001"),  # anycast
        ipv6_route("20010db8000a", 128, NOWHERE, "80200001", "lo"),  # an address of this machine
        ipv6_route("20010db9", 32, NOWHERE, "00000001", "tun0"),
        ipv6_route("", 0, ROUTER, "00000003"),
        ipv6_route("ff", 8, NOWHERE, "00000001"),
    )
)


def test_the_networks_of_its_own_links_are_those_without_a_router_between(tmp_path: Path) -> None:
    (tmp_path / "route").write_text(ROUTES)
    (tmp_path / "if_inet6").write_text(ADDRESSES)

    assert link_networks(tmp_path) == ("192.0.2.0/24", "2001:db8:1::/64", "::1/128", "fe80::/64")


def test_a_machine_with_an_address_from_dhcpv6_knows_its_link_by_what_the_router_said(tmp_path: Path) -> None:
    (tmp_path / "if_inet6").write_text("20010db8000500000000000000000053 04 80 00 80     eth0\n")
    (tmp_path / "ipv6_route").write_text(IPV6_ROUTES)

    assert link_networks(tmp_path) == ("2001:db8:5::/64", "2001:db8:5::53/128")


@pytest.mark.parametrize("content", ["", "odd\n", "a b c d e f g h\n", "\xff\n", "eth0 00 00 zz 0 0 0 00\n" * 2])
def test_what_the_kernel_does_not_say_lets_nobody_in(tmp_path: Path, content: str) -> None:
    (tmp_path / "route").write_text(content, encoding="latin-1")
    for name in ("if_inet6", "ipv6_route"):
        (tmp_path / name).write_text(content, encoding="latin-1")

    assert link_networks(tmp_path) == ()
    assert link_networks(tmp_path / "nothing") == ()


def test_who_is_in_no_such_network_stays_unknown_when_the_networks_change() -> None:
    room = InTest()
    room.resolver.clients.replace_networks(("127.0.0.0/8", "2001:db8:1::/64"))

    assert room.ask("www.example.org", address="2001:db8:1::7").header.rcode == Rcode.NOERROR
    assert room.ask("www.example.org", address="2001:db8:2::7").header.rcode == Rcode.REFUSED


def test_a_device_with_a_global_address_on_the_rooms_own_link_is_answered_unless_clients_are_written(
    tmp_path: Path,
) -> None:
    def ask(port: int) -> int:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
            sock.settimeout(20)
            sock.bind(("2001:db8:1::7", 0))
            sock.connect(("2001:db8:1::53", port))
            sock.send(question("www.example.org"))
            return int(dnslib.DNSRecord.parse(sock.recv(2048)).header.rcode)

    def story() -> None:
        add_link_local_address("2001:db8:1::53")
        add_link_local_address("2001:db8:1::7")
        with FakeUpstream() as upstream:
            room = Room(tmp_path, upstream, listen='"[::]:0"')
            try:
                assert ask(room.port) == Rcode.NOERROR
                room.write(listen=f'"[::]:{room.port}"', more='clients = ["127.0.0.0/8"]')
                room.hang_up()
                while ask(room.port) != Rcode.REFUSED:
                    pass
            finally:
                room.close()

    assert not run_in_network_namespace(story)


def test_rfc4007_11_a_room_that_listens_on_one_link_only_is_reached_over_udp_and_tcp(tmp_path: Path) -> None:
    def story() -> None:
        add_link_local_address("fe80::53")
        with FakeUpstream() as upstream:
            room = Room(tmp_path, upstream, listen=f'"[fe80::53%{LOOPBACK}]:0"')
            try:
                where = ("fe80::53", room.port, 0, socket.if_nametoindex(LOOPBACK))
                packet = question("www.example.org")
                with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as udp:
                    udp.settimeout(20)
                    udp.sendto(packet, where)
                    over_udp = udp.recv(2048)
                with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as tcp:
                    tcp.settimeout(20)
                    tcp.connect(where)
                    tcp.sendall(len(packet).to_bytes(2, "big") + packet)
                    over_tcp = tcp.recv(2048)[2:]
                for reply in (over_udp, over_tcp):
                    assert [str(one.rdata) for one in dnslib.DNSRecord.parse(reply).rr] == [DEFAULT_ADDRESS]
            finally:
                room.close()

    assert not run_in_network_namespace(story)
