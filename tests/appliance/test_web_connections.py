"""Which connection gives way to which, told as a list of arrivals; the time is the test's own."""

import msgspec
import pytest

from appliance.web_connections import ConnectionTable, Phase, client_address
from appliance.web_server import WebLimits

HERE, THERE = "192.0.2.1", "192.0.2.2"


class Client:
    """A connection that remembers how it ended."""

    def __init__(self) -> None:
        self.evicted: str | None = None

    def evict(self, *, reset: bool) -> None:
        self.evicted = "reset" if reset else "closed"


class Table:
    """A table, and its clock."""

    def __init__(self, **limits: int | tuple[str, ...]) -> None:
        self.seconds = 0.0
        self.table = ConnectionTable(msgspec.structs.replace(WebLimits(), **limits), lambda: self.seconds)

    def arrive(self, address: str = HERE, phase: Phase = Phase.RECEIVING) -> Client | None:
        client = Client()
        if not self.table.admit(client, address):
            return None
        self.table.enter(client, phase)
        return client

    def must_arrive(self, address: str = HERE, phase: Phase = Phase.RECEIVING) -> Client:
        client = self.arrive(address, phase)
        assert client is not None
        return client


def test_the_oldest_overdue_request_gives_way_first() -> None:
    table = Table(max_connections_per_address=3)
    idle = table.must_arrive(phase=Phase.IDLE)
    overdue = table.must_arrive()
    table.seconds = 3.0
    fresh = table.must_arrive()
    assert table.arrive() is not None
    assert (overdue.evicted, idle.evicted, fresh.evicted) == ("reset", None, None)


def test_an_idle_one_gives_way_before_a_request_that_has_only_begun() -> None:
    table = Table(max_connections_per_address=2)
    fresh = table.must_arrive()
    idle = table.must_arrive(phase=Phase.IDLE)
    assert table.arrive() is not None
    assert (fresh.evicted, idle.evicted) == (None, "closed")
    assert table.arrive() is not None
    assert fresh.evicted == "reset"


def test_who_is_served_is_never_evicted_and_the_newcomer_waits_outside() -> None:
    table = Table(max_connections_per_address=2)
    served = [table.must_arrive(phase=Phase.SERVING) for _ in range(2)]
    table.seconds = 1000.0
    assert table.arrive() is None
    assert table.arrive(THERE) is not None
    assert [one.evicted for one in served] == [None, None]


def test_who_takes_its_answer_slowly_gives_way_last() -> None:
    table = Table(max_connections=2)
    slow = table.must_arrive(phase=Phase.SENDING)
    table.seconds = 9.0
    fast = table.must_arrive(phase=Phase.SENDING)
    assert table.arrive(THERE) is None
    table.seconds = 10.0
    assert table.arrive(THERE) is not None
    assert (slow.evicted, fast.evicted) == ("reset", None)


def test_streams_are_counted_apart() -> None:
    table = Table(max_connections_per_address=1, max_streams_per_address=2)
    streams = [table.must_arrive(phase=Phase.STREAMING) for _ in range(2)]
    third = table.must_arrive()
    assert not table.table.enter(third, Phase.STREAMING)
    assert table.table.enter(third, Phase.SERVING)
    table.table.remove(streams[0])
    assert table.table.enter(third, Phase.STREAMING)


def test_behind_a_trusted_proxy_each_client_has_its_own_share_of_streams() -> None:
    table = Table(max_streams_per_address=1, trusted_proxies=(HERE,))
    streams = [table.must_arrive() for _ in range(4)]
    assert table.table.enter(streams[0], Phase.STREAMING, THERE)
    assert not table.table.enter(streams[1], Phase.STREAMING, THERE)
    assert table.table.enter(streams[1], Phase.STREAMING, "192.0.2.3")
    assert all(table.table.enter(one, Phase.STREAMING, HERE) for one in streams[2:]), "it does not say for whom"
    elsewhere = table.must_arrive(THERE)
    assert not table.table.enter(elsewhere, Phase.STREAMING), "past the proxy it is the same client"
    table.table.remove(streams[0])
    assert table.table.enter(elsewhere, Phase.STREAMING)


def test_at_the_limit_of_all_it_is_the_oldest_of_all_that_gives_way() -> None:
    table = Table(max_connections=2)
    here = table.must_arrive(HERE)
    there = table.must_arrive(THERE)
    assert table.arrive(THERE) is not None
    assert (here.evicted, there.evicted) == ("reset", None)
    assert len(table.table) == 2


def test_at_the_limit_of_all_nobody_who_is_served_gives_way() -> None:
    table = Table(max_connections=2)
    table.must_arrive(HERE, Phase.SERVING)
    table.must_arrive(THERE, Phase.STREAMING)
    assert table.arrive("192.0.2.3") is None


def test_one_that_was_evicted_is_told_so_when_it_goes_on() -> None:
    table = Table(max_connections_per_address=1)
    first = table.must_arrive()
    assert table.arrive() is not None
    assert not table.table.enter(first, Phase.SERVING)
    table.table.remove(first)
    assert len(table.table) == 1


def test_one_that_leaves_makes_room() -> None:
    table = Table(max_connections_per_address=1)
    first = table.must_arrive(phase=Phase.SERVING)
    table.table.remove(first)
    table.table.remove(first)
    assert table.arrive() is not None
    assert first.evicted is None


def test_a_stopping_server_lets_everybody_go_but_those_it_serves() -> None:
    table = Table()
    clients = {phase: table.must_arrive(phase=phase) for phase in Phase}
    table.table.evict_unanswered()
    assert [phase for phase, client in clients.items() if client.evicted is None] == [Phase.SERVING, Phase.SENDING]


@pytest.mark.parametrize(
    ("said", "client"),
    [
        ("", "127.0.0.1"),
        ("192.0.2.7", "192.0.2.7"),
        ("192.0.2.9, 192.0.2.7", "192.0.2.7"),  # what comes first anybody may have written
        ("192.0.2.9,2001:db8::7 , 10.0.0.1", "2001:db8::7"),
        ("192.0.2.9, what?", "127.0.0.1"),
        ("10.0.0.1", "10.0.0.1"),
    ],
)
def test_proxies_are_believed_from_the_end_on(said: str, client: str) -> None:
    table = ConnectionTable(WebLimits(trusted_proxies=("127.0.0.1/32", "10.0.0.0/8")), lambda: 0.0)
    assert table.resolve_client("127.0.0.1", said) == client
    assert table.resolve_client("192.0.2.1", said) == "192.0.2.1"


@pytest.mark.parametrize(
    ("peer", "address"),
    [(("192.0.2.1", 1), "192.0.2.1"), (("::ffff:192.0.2.1", 1), "192.0.2.1"), (("2001:db8::1", 1), "2001:db8::1")],
)
def test_an_address_is_counted_as_one_whatever_the_socket(peer: tuple[str, int], address: str) -> None:
    assert client_address(peer) == address
