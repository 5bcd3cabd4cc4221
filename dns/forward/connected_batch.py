"""Sends and receives many datagrams of one connected socket with one system call (sendmmsg(2), recvmmsg(2)).

The room for them is shared by all sockets of an event loop, one after the other: it is filled and emptied
within a call. In contrast to `dns.server.datagram_batch`, which serves devices, no addresses are kept (the
socket is connected), and errors are told: on a connected socket they say that nobody listens there.

Where the system has no such calls (`dns.mmsg`), the same is done datagram by datagram.
"""

import array
import ctypes
import errno
import mmap
import os
import socket
from collections.abc import Sequence
from typing import Final, Protocol

from dns.message.header import TC
from dns.mmsg import HAS_MMSG, HEADER_WORDS, IOV, IOV_LENGTH, LENGTH, recvmmsg, sendmmsg

SLOTS: Final = 64
QUERY_BYTES: Final = 512  # a question of ours has at most 12 + 255 + 4 + 11
ANSWER_BYTES: Final = 4096  # we ask for 1232; what is longer than this is cut, and counts as truncated


class ConnectedDatagrams(Protocol):
    """What sends and receives the datagrams of connected sockets. Sockets are non-blocking."""

    def send(self, sock: socket.socket, datagrams: Sequence[bytes]) -> None:
        """Send datagrams. What a full buffer does not take is lost, as on any network. Raises other OSErrors."""

    def receive(self, sock: socket.socket) -> list[bytes]:
        """Receive what has arrived; none if nothing has. Raises OSError."""


class _SlotBuffer:
    """Preallocated slots, and the structures that describe them to the kernel."""

    def __init__(self, size: int) -> None:
        self.memory = mmap.mmap(-1, SLOTS * size)
        self.starts = tuple(range(0, SLOTS * size, size))
        self.layout = tuple((start, 2 * slot + 1) for slot, start in enumerate(self.starts))  # and of each length
        self.vectors = array.array("Q", bytes(16 * SLOTS))
        self.headers = array.array("Q", bytes(8 * HEADER_WORDS * SLOTS))
        self._pin = ctypes.c_char.from_buffer(self.memory)  # keeps the room mapped while the kernel knows it
        base = ctypes.addressof(self._pin)
        vectors_at, _ = self.vectors.buffer_info()
        self.headers_at, _ = self.headers.buffer_info()
        for slot in range(SLOTS):
            self.vectors[2 * slot] = base + slot * size
            self.vectors[2 * slot + 1] = size
            self.headers[slot * HEADER_WORDS + IOV] = vectors_at + 16 * slot
            self.headers[slot * HEADER_WORDS + IOV_LENGTH] = 1


class ConnectedDatagramBatch:
    """Room for a burst of datagrams either way. Sockets are connected and non-blocking."""

    def __init__(self, *, batched: bool = HAS_MMSG) -> None:
        self._batched = batched
        self._out = _SlotBuffer(QUERY_BYTES)
        self._in = _SlotBuffer(ANSWER_BYTES)

    def send(self, sock: socket.socket, datagrams: Sequence[bytes]) -> None:
        """Send datagrams. What a full buffer does not take is lost, as on any network. Raises other OSErrors."""
        if not self._batched:
            _send_one_by_one(sock, datagrams)
            return
        slots = self._out
        memory, vectors, layout = slots.memory, slots.vectors, slots.layout
        for first in range(0, len(datagrams), SLOTS):
            some = datagrams[first : first + SLOTS]
            for (start, size_at), datagram in zip(layout, some, strict=False):
                size = len(datagram)
                memory[start : start + size] = datagram
                vectors[size_at] = size
            sent = sendmmsg(sock.fileno(), slots.headers_at, len(some), socket.MSG_DONTWAIT)
            if sent < 0:
                _raise_unless_full(ctypes.get_errno())

    def receive(self, sock: socket.socket) -> list[bytes]:
        """Receive what has arrived, at most `SLOTS` datagrams; none if nothing has. Raises OSError."""
        if not self._batched:
            return _receive_one_by_one(sock)
        slots = self._in
        count = recvmmsg(sock.fileno(), slots.headers_at, SLOTS, socket.MSG_DONTWAIT, None)
        if count < 0:
            _raise_unless_full(ctypes.get_errno())
            return []
        memory = slots.memory
        lengths = slots.headers[LENGTH : count * HEADER_WORDS : HEADER_WORDS]
        datagrams = [memory[start : start + length] for start, length in zip(slots.starts, lengths, strict=False)]
        if ANSWER_BYTES in lengths:
            datagrams = [_marked_if_cut(datagram) for datagram in datagrams]
        return datagrams


def _marked_if_cut(datagram: bytes) -> bytes:
    """Return a datagram that filled its whole slot as what it probably is: a part of a longer one."""
    if len(datagram) < ANSWER_BYTES:
        return datagram
    return datagram[:2] + bytes((datagram[2] | TC,)) + datagram[3:]


def _raise_unless_full(number: int) -> None:
    if number not in {errno.EAGAIN, errno.EINTR, errno.ENOBUFS}:
        raise OSError(number, os.strerror(number))


def _send_one_by_one(sock: socket.socket, datagrams: Sequence[bytes]) -> None:
    for datagram in datagrams:
        try:
            sock.send(datagram)
        except OSError as problem:
            _raise_unless_full(problem.errno or 0)


def _receive_one_by_one(sock: socket.socket) -> list[bytes]:
    datagrams: list[bytes] = []
    while len(datagrams) < SLOTS:
        try:
            datagrams.append(_marked_if_cut(sock.recv(ANSWER_BYTES)))
        except OSError as problem:
            if not datagrams:
                _raise_unless_full(problem.errno or 0)
            break
    return datagrams
