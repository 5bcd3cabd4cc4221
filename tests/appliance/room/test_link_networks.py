"""Devices on the room's own links may ask by default, whatever their addresses; others may not."""

import socket
from pathlib import Path

import dnslib
import pytest

from appliance.room.link_networks import link_networks
from dns.message.constants import Rcode
from tests.fakes.network_namespace import add_link_local_address, run_in_network_namespace
from tests.fakes.processes import Room
from tests.fakes.resolvers import InTest, question
from tests.fakes.upstream import FakeUpstream

ROUTES = """\
Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
eth0\t006433C6\t010200C0\t0003\t0\t0\t0\t00FFFFFF\t0\t0\t0
ppp0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0
eth1\t007100CB\t00000000\t0000\t0\t0\t0\t00FFFFFF\t0\t0\t0
"""
ADDRESSES = """\
00000000000000000000000000000001 01 80 10 80       lo
fe8000000000000000fc00fffe000001 04 40 20 80     eth0
20010db8000100000000000000000053 04 40 00 80     eth0
20010db8000200000000000000000001 05 10 00 80     tun0
"""


def test_the_networks_of_its_own_links_are_those_without_a_router_between(tmp_path: Path) -> None:
    (tmp_path / "route").write_text(ROUTES)
    (tmp_path / "if_inet6").write_text(ADDRESSES)

    assert link_networks(tmp_path) == ("192.0.2.0/24", "2001:db8:1::/64", "::1/128", "fe80::/64")


@pytest.mark.parametrize("content", ["", "odd\n", "a b c d e f g h\n", "\xff\n", "eth0 00 00 zz 0 0 0 00\n" * 2])
def test_what_the_kernel_does_not_say_lets_nobody_in(tmp_path: Path, content: str) -> None:
    (tmp_path / "route").write_text(content, encoding="latin-1")
    (tmp_path / "if_inet6").write_text(content, encoding="latin-1")

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
