"""Batches of datagrams over real loopback sockets, with and without the batched system calls."""

import array
import select
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from dns.server.datagram_batch import DatagramBatch, enable_pktinfo, pack_sockaddr, unpack_sockaddr

FAMILIES = [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]


def bound(family: int, host: str, *, wildcard: bool = False) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_DGRAM)
    if wildcard:
        enable_pktinfo(sock)
    sock.bind(("" if wildcard else host, 0))
    sock.setblocking(False)
    return sock


def wait(sock: socket.socket) -> None:
    assert select.select([sock], [], [], 10)[0]


@pytest.fixture(params=FAMILIES, ids=["IPv4", "IPv6"])
def client(request: pytest.FixtureRequest) -> Iterator[socket.socket]:
    with socket.socket(request.param[0], socket.SOCK_DGRAM) as sock:
        sock.bind((request.param[1], 0))
        sock.settimeout(10)
        yield sock


@pytest.mark.parametrize("batched", [True, False])
@pytest.mark.parametrize("wildcard", [True, False])
def test_an_answer_written_over_its_question_goes_back_to_the_asker(
    client: socket.socket, *, batched: bool, wildcard: bool
) -> None:
    host = client.getsockname()[0]
    with bound(client.family, host, wildcard=wildcard) as server:
        batch = DatagramBatch(server, slots=4, control=wildcard, batched=batched)
        for round_ in range(3):
            client.sendto(b"question", (host, server.getsockname()[1]))
            wait(server)
            lengths = batch.receive_datagrams()
            assert list(lengths) == [8]
            start = batch.starts[0]
            assert batch.buffer[start : start + 8] == b"question"
            batch.buffer[start : start + 6] = b"answer"
            batch.lengths[1] = 6
            batch.send_slots(0, 1)
            answer, sender = client.recvfrom(100)
            assert (answer, sender[0]) == (b"answer", host), round_


@pytest.mark.parametrize("batched", [True, False])
def test_slots_that_were_set_aside_leave_together_each_to_its_peer(*, batched: bool) -> None:
    with bound(socket.AF_INET, "127.0.0.1") as server, ExitStack() as stack:
        clients = [stack.enter_context(bound(socket.AF_INET, "127.0.0.1")) for _ in range(8)]
        batch = DatagramBatch(server, slots=8, batched=batched)
        for _ in range(2):
            for number, client in enumerate(clients):
                client.sendto(b"%d" % number, server.getsockname())
            wait(server)
            assert len(batch.receive_datagrams()) == 8
            batch.lengths[1::2] = array.array("Q", [1] * 8)
            batch.queue_slots(0, 1)
            batch.queue_slots(3, 2)
            batch.queue_slots(7, 1)
            batch.send_queued_slots()
            for number in (0, 3, 4, 7):
                wait(clients[number])
                assert clients[number].recv(10) == b"%d" % number
            for number in (1, 2, 5, 6):
                with pytest.raises(BlockingIOError):
                    clients[number].recv(10)


def test_an_answer_leaves_from_the_address_that_was_asked() -> None:
    with (
        bound(socket.AF_INET, "", wildcard=True) as server,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
    ):
        client.settimeout(10)
        for batched in (True, False):
            batch = DatagramBatch(server, slots=4, control=True, batched=batched)
            client.sendto(b"?", ("127.0.0.77", server.getsockname()[1]))
            wait(server)
            assert list(batch.receive_datagrams()) == [1]
            DatagramBatch(server, control=True).send_datagrams([(batch.peer_of_slot(0), b"later")])
            assert client.recvfrom(100) == (b"later", ("127.0.0.77", server.getsockname()[1]))


def test_more_than_a_batch_is_received_in_several_steps_and_in_order() -> None:
    with bound(socket.AF_INET, "127.0.0.1") as server, bound(socket.AF_INET, "127.0.0.1") as client:
        peer = pack_sockaddr(socket.AF_INET, server.getsockname())
        DatagramBatch(client, slots=3).send_datagrams([(peer, b"%d" % number) for number in range(10)])
        wait(server)
        batch = DatagramBatch(server, slots=4)
        seen = []
        while lengths := batch.receive_datagrams():
            seen += [batch.buffer[start : start + n] for start, n in zip(batch.starts, lengths, strict=False)]
        assert seen == [b"%d" % number for number in range(10)]


def test_a_peer_that_cannot_be_reached_does_not_hold_up_the_others() -> None:
    with bound(socket.AF_INET, "127.0.0.1") as server, bound(socket.AF_INET, "127.0.0.1") as client:
        client.setblocking(True)
        client.settimeout(10)
        nobody = pack_sockaddr(socket.AF_INET, ("127.0.0.1", 0))  # port 0: EINVAL
        here = pack_sockaddr(socket.AF_INET, client.getsockname())
        DatagramBatch(server).send_datagrams([(nobody, b"nobody"), (here, b"hello")])
        assert client.recv(100) == b"hello"


def test_a_datagram_too_long_for_a_slot_is_refused_before_it_harms_its_neighbour() -> None:
    with bound(socket.AF_INET, "127.0.0.1") as server, pytest.raises(ValueError, match="does not fit"):
        DatagramBatch(server, size=512).send_datagrams(
            [(pack_sockaddr(socket.AF_INET, ("127.0.0.1", 9)), bytes(513))]
        )


@pytest.mark.parametrize(
    ("family", "address"),
    [(socket.AF_INET, ("192.0.2.7", 5353)), (socket.AF_INET6, ("2001:db8::7", 5353, 0, 3))],
)
def test_addresses_survive_packing(family: int, address: tuple[str, int]) -> None:
    assert unpack_sockaddr(pack_sockaddr(family, address)) == address
