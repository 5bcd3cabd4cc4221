"""Bursts of datagrams over connected sockets, batched by the kernel or one by one: the same either way."""

import socket
from collections.abc import Iterator

import pytest

from dns.forward.connected_batch import ANSWER_BYTES, SLOTS, ConnectedDatagramBatch


@pytest.fixture(name="pair")
def _pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other,
    ):
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        one.connect(other.getsockname())
        other.connect(one.getsockname())
        one.setblocking(False)
        other.settimeout(10)
        yield one, other


@pytest.mark.parametrize("batched", [True, False])
def test_datagrams_go_and_come_whole(pair: tuple[socket.socket, socket.socket], batched: bool) -> None:
    one, other = pair
    burst = ConnectedDatagramBatch(batched=batched)
    datagrams = [bytes([n]) * (n + 12) for n in range(SLOTS + 10)]
    burst.send(one, datagrams)
    assert [other.recv(4096) for _ in datagrams] == datagrams
    assert burst.receive(one) == []
    for datagram in datagrams:
        other.send(datagram)
    received = burst.receive(one)
    received += burst.receive(one)
    assert received == datagrams
    assert burst.receive(one) == []


@pytest.mark.parametrize("batched", [True, False])
def test_a_datagram_that_does_not_fit_counts_as_truncated(
    pair: tuple[socket.socket, socket.socket], batched: bool
) -> None:
    one, other = pair
    other.send(bytes(12))
    other.send(bytes(ANSWER_BYTES + 100))
    whole, cut = ConnectedDatagramBatch(batched=batched).receive(one)
    assert whole == bytes(12)
    assert len(cut) == ANSWER_BYTES
    assert cut[2] & 0x02


@pytest.mark.parametrize("batched", [True, False])
def test_that_nobody_listens_is_told(pair: tuple[socket.socket, socket.socket], batched: bool) -> None:
    one, other = pair
    other.close()
    burst = ConnectedDatagramBatch(batched=batched)
    burst.send(one, [bytes(12)])
    with pytest.raises(ConnectionRefusedError):
        burst.receive(one)
