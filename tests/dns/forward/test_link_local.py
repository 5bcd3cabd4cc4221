"""Servers that are known on one link only (RFC 4007, section 11), in a network of the test's own."""

from dns.forward.server import ServerAddress
from tests.fakes import upstream_behaviours as fake
from tests.fakes.dns_client import addresses, answer, asking, run
from tests.fakes.network_namespace import LOOPBACK, add_link_local_address, run_in_network_namespace
from tests.fakes.upstream import FakeUpstream

HOST = f"fe80::53%{LOOPBACK}"


def test_rfc4007_11_a_server_of_one_link_is_asked_over_udp_and_over_tcp() -> None:
    async def ask(server: FakeUpstream) -> None:
        async with asking(ServerAddress("plain", HOST, server.port)) as upstreams:
            assert addresses(await answer(upstreams, "example.org")) == [fake.DEFAULT_ADDRESS]
            server.behave = fake.truncated_over_udp
            assert addresses(await answer(upstreams, "example.net")) == [fake.DEFAULT_ADDRESS]

    def story() -> None:
        add_link_local_address("fe80::53")
        with FakeUpstream(host=HOST) as server:
            run(ask(server))
            assert [asked.transport for asked in server.asked] == ["udp", "udp", "tcp"]

    assert not run_in_network_namespace(story)


def test_an_interface_that_is_not_there_is_a_server_that_fails_at_once_and_says_so() -> None:
    async def story() -> None:
        async with asking(ServerAddress("plain", "fe80::53%nosuch0", 53), server) as upstreams:
            assert addresses(await answer(upstreams, "example.org")) == [fake.DEFAULT_ADDRESS]
            (state,) = (state for state in upstreams.states() if "nosuch0" in state.server)
            assert state.counts.unreachable

    with FakeUpstream() as server:
        run(story())
