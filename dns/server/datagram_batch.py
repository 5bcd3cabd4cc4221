"""Batches of UDP datagrams: one system call receives or sends many (recvmmsg(2), sendmmsg(2)).

`DatagramBatch` is preallocated room for `slots` datagrams. The kernel fills it in place, peers' addresses
included; an answer may be written over its question and sent from the very same slot, so that no address is ever
unpacked. A batch of its own serves to send what was finished elsewhere (`send_datagrams`).

Layout of one slot in `room` (one anonymous mmap, because slicing an mmap gives `bytes` in a single step)::

    0    the peer's sockaddr, as the kernel wrote it (16 bytes for IPv4, 28 for IPv6)
    32   control data: the address that was asked, where the socket asks for it (IP_PKTINFO)
    96   the datagram

Where the system has no such calls (`dns.mmsg`), the same room is filled by recvfrom and emptied by sendto: slower,
same behaviour.

For an upstream's connected socket there is `dns.forward.connected_batch`: it has no peers to keep.

Sockets must be non-blocking. A datagram longer than a slot arrives cut (MSG_TRUNC) and fails to parse.
"""

import array
import ctypes
import errno
import mmap
import select
import socket
import struct
from collections.abc import Iterator, Sequence
from typing import Final

from dns.mmsg import (
    CONTROL,
    CONTROL_LENGTH,
    HAS_MMSG,
    HEADER_WORDS,
    IOV,
    IOV_LENGTH,
    LENGTH,
    NAME,
    NAME_LENGTH,
    recvmmsg,
    sendmmsg,
)

DATAGRAM_BYTES: Final = 4096
SLOTS: Final = 64

ADDRESS_AT: Final = 0
CONTROL_AT: Final = 32
DATA_AT: Final = 96
_ADDRESS_BYTES: Final = 28
_CONTROL_BYTES: Final = 64

_HEADER_BYTES: Final = HEADER_WORDS * 8
_SEND_PATIENCE_MS: Final = 20  # how long a full send buffer may hold us up before what is left is dropped

SOCKADDR_IN: Final = struct.Struct("=HH4s8x")
SOCKADDR_IN6: Final = struct.Struct("=HHI16sI")

_IP_PKTINFO: Final = 8
_IPV6_RECVPKTINFO: Final = 49


def pack_sockaddr(family: int, address: tuple[str, int] | tuple[str, int, int, int]) -> bytes:
    """Return the sockaddr of an address as Python's sockets give it."""
    port = socket.htons(address[1])
    packed = socket.inet_pton(family, address[0].partition("%")[0])
    if family == socket.AF_INET:
        return SOCKADDR_IN.pack(family, port, packed)
    flow, scope = (address[2], address[3]) if len(address) == 4 else (0, 0)
    return SOCKADDR_IN6.pack(family, port, socket.htonl(flow), packed, scope)


def unpack_sockaddr(sockaddr: bytes) -> tuple[str, int] | tuple[str, int, int, int]:
    """Return a sockaddr as Python's sockets give it."""
    if sockaddr[0] == socket.AF_INET:
        _, port, packed = SOCKADDR_IN.unpack_from(sockaddr)
        return socket.inet_ntop(socket.AF_INET, packed), socket.ntohs(port)
    _, port, flow, packed, scope = SOCKADDR_IN6.unpack_from(sockaddr)
    return socket.inet_ntop(socket.AF_INET6, packed), socket.ntohs(port), socket.ntohl(flow), scope


def enable_pktinfo(sock: socket.socket) -> None:
    """Have the kernel say to which of our addresses each datagram came; a wildcard socket answers from it."""
    if sock.family == socket.AF_INET:
        sock.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVPKTINFO, 1)


class DatagramBatch:
    """Room for some datagrams of one socket. `control`: keep which address was asked (`enable_pktinfo`)."""

    def __init__(
        self,
        sock: socket.socket,
        slots: int = SLOTS,
        size: int = DATAGRAM_BYTES,
        *,
        control: bool = False,
        batched: bool = HAS_MMSG,
    ) -> None:
        self.sock = sock
        self.slots = slots
        self.size = size
        self.stride = DATA_AT + size
        self.address_bytes = SOCKADDR_IN.size if sock.family == socket.AF_INET else SOCKADDR_IN6.size
        self.control = control
        self.buffer = mmap.mmap(-1, slots * self.stride)
        self.starts = tuple(slot * self.stride + DATA_AT for slot in range(slots))
        self._batched = batched
        self._descriptor = sock.fileno()
        self._pin = ctypes.c_char.from_buffer(
            self.buffer
        )  # keeps the room mapped while the kernel knows its address
        base = ctypes.addressof(self._pin)
        self._vectors = array.array("Q", bytes(16 * slots))
        self._headers = array.array("Q", bytes(_HEADER_BYTES * slots))
        vectors_at, _ = self._vectors.buffer_info()
        self._headers_at, _ = self._headers.buffer_info()
        self._queued_headers = array.array("Q", bytes(_HEADER_BYTES * slots))
        self._queued_headers_at, _ = self._queued_headers.buffer_info()
        self._queued_slots = 0
        for slot in range(slots):
            start = base + slot * self.stride
            self._vectors[2 * slot] = start + DATA_AT
            header = slot * HEADER_WORDS
            self._headers[header + NAME] = start + ADDRESS_AT
            self._headers[header + NAME_LENGTH] = self.address_bytes
            self._headers[header + IOV] = vectors_at + 16 * slot
            self._headers[header + IOV_LENGTH] = 1
            if control:
                self._headers[header + CONTROL] = start + CONTROL_AT
        # Where each slot's address stands, its datagram begins, and its length is set: made once.
        self._slot_layout = tuple(
            (slice(start - DATA_AT, start - DATA_AT + self.address_bytes), start, 2 * slot + 1)
            for slot, start in enumerate(self.starts)
        )
        self._full = array.array("Q", [size]) * slots
        self._control_lengths = array.array("Q", [_CONTROL_BYTES if control else 0]) * slots

    def receive_datagrams(self) -> "array.array[int]":
        """Receive what has arrived, at most `slots`; return each datagram's length (empty: nothing is there).

        The datagram of slot n stands at ``room[starts[n] : starts[n] + length]``.
        """
        if not self._batched:
            return self._receive_one_by_one()
        self._queued_slots = 0
        self._vectors[1::2] = self._full
        if self.control:
            self._headers[CONTROL_LENGTH::HEADER_WORDS] = self._control_lengths
        count = recvmmsg(self._descriptor, self._headers_at, self.slots, socket.MSG_DONTWAIT, None)
        # A count below zero is "nothing there", or an ICMP error that an earlier answer caused: both are no news.
        return self._headers[LENGTH : max(count, 0) * HEADER_WORDS : HEADER_WORDS]

    @property
    def lengths(self) -> "array.array[int]":
        """The vectors of the slots; item ``2 * slot + 1`` is how many bytes `send_slots` takes from a slot."""
        return self._vectors

    def send_slots(self, first: int, count: int) -> None:
        """Send `count` slots from `first` on, each to the peer whose address stands in it.

        What a full send buffer does not take within some milliseconds is dropped, as a network would.
        """
        if self._batched:
            self._send_headers(self._headers_at + first * _HEADER_BYTES, count)
        else:
            self._send_one_by_one(first, count)

    def queue_slots(self, first: int, count: int) -> None:
        """Queue slots, to be sent as they are by `send_queued_slots` with others that do not stand beside them.

        A system call for each run of slots would cost more than what is sent by it: most batches have gaps.
        """
        if not self._batched:
            self._send_one_by_one(first, count)
            return
        at, begin, words = self._queued_slots * HEADER_WORDS, first * HEADER_WORDS, count * HEADER_WORDS
        self._queued_headers[at : at + words] = self._headers[begin : begin + words]
        self._queued_slots += count

    def send_queued_slots(self) -> None:
        """Send what was set aside."""
        if self._queued_slots:
            self._send_headers(self._queued_headers_at, self._queued_slots)
            self._queued_slots = 0

    def _send_headers(self, headers_at: int, count: int) -> None:
        while count > 0:
            sent = sendmmsg(self._descriptor, headers_at, count, socket.MSG_DONTWAIT)
            if sent == count:
                return
            if sent < 0:
                if ctypes.get_errno() in (errno.EAGAIN, errno.ENOBUFS):
                    if not _wait_until_writable(self._descriptor):
                        return
                    continue
                sent = 1  # this peer cannot be reached; the next one may be
            headers_at += sent * _HEADER_BYTES
            count -= sent

    def peer_of_slot(self, slot: int) -> bytes:
        """Return where a slot's datagram came from and went to: what `send_datagrams` takes to answer later."""
        if not self.control:
            return self.buffer[self._slot_layout[slot][0]]
        start = slot * self.stride
        control = self._headers[slot * HEADER_WORDS + CONTROL_LENGTH]
        return self.buffer[start : start + CONTROL_AT + control]

    def send_datagrams(self, datagrams: Sequence[tuple[bytes, bytes]]) -> None:
        """Send datagrams, each with its peer: what `DatagramBatch.peer_of_slot` gave, or a bare sockaddr.

        Raises ValueError if one is longer than a slot.
        """
        for at in range(0, len(datagrams), self.slots):
            some = datagrams[at : at + self.slots]
            if self.control:
                self._fill_with_controls(some)
            self._fill(some)
            self.send_slots(0, len(some))

    def _fill(self, datagrams: Sequence[tuple[bytes, bytes]]) -> None:
        buffer, lengths, longest, address_bytes = self.buffer, self._vectors, self.size, self.address_bytes
        for (address, start, size_at), (peer, datagram) in zip(self._slot_layout, datagrams, strict=False):
            size = len(datagram)
            if size > longest:
                raise ValueError(f"a datagram of {size} bytes does not fit into {longest}")
            buffer[address] = peer if len(peer) == address_bytes else peer[:address_bytes]
            buffer[start : start + size] = datagram
            lengths[size_at] = size

    def _fill_with_controls(self, datagrams: Sequence[tuple[bytes, bytes]]) -> None:
        for slot, (peer, _) in enumerate(datagrams):
            at = slot * self.stride + CONTROL_AT
            control = peer[CONTROL_AT:]
            self.buffer[at : at + len(control)] = control
            self._headers[slot * HEADER_WORDS + CONTROL_LENGTH] = len(control)

    def _receive_one_by_one(self) -> "array.array[int]":
        lengths = array.array("Q")
        view = memoryview(self.buffer)
        for slot, start in enumerate(self.starts):
            try:
                if self.control:
                    data = [view[start : start + self.size]]
                    length, controls, _, address = self.sock.recvmsg_into(data, _CONTROL_BYTES)
                    self._keep_control(slot, controls)
                else:
                    length, address = self.sock.recvfrom_into(view[start : start + self.size])
            except OSError:
                break
            packed = pack_sockaddr(self.sock.family, address)
            self.buffer[start - DATA_AT : start - DATA_AT + len(packed)] = packed
            lengths.append(length)
        return lengths

    def _keep_control(self, slot: int, controls: list[tuple[int, int, bytes]]) -> None:
        # As the kernel lays it out: cmsghdr (length, level, type), then the data, to a multiple of eight.
        packed = b"".join(
            struct.pack("=QII", 16 + len(data), level, kind) + data + bytes(-len(data) % 8)
            for level, kind, data in controls
        )
        at = slot * self.stride + CONTROL_AT
        self.buffer[at : at + len(packed)] = packed
        self._headers[slot * HEADER_WORDS + CONTROL_LENGTH] = len(packed)

    def _send_one_by_one(self, first: int, count: int) -> None:
        for slot in range(first, first + count):
            start = self.starts[slot]
            data = self.buffer[start : start + self._vectors[2 * slot + 1]]
            address = unpack_sockaddr(self.buffer[start - DATA_AT : start - DATA_AT + self.address_bytes])
            try:
                if self.control:
                    self.sock.sendmsg([data], list(self._controls(slot)), 0, address)
                else:
                    self.sock.sendto(data, address)
            except OSError:
                continue  # this peer cannot be reached; the next one may be

    def _controls(self, slot: int) -> Iterator[tuple[int, int, bytes]]:
        at = slot * self.stride + CONTROL_AT
        end = at + self._headers[slot * HEADER_WORDS + CONTROL_LENGTH]
        while at + 16 <= end:
            length, level, kind = struct.unpack_from("=QII", self.buffer, at)
            if length < 16:
                return
            yield level, kind, self.buffer[at + 16 : at + length]
            at += (length + 7) & ~7


def _wait_until_writable(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return bool(poll.poll(_SEND_PATIENCE_MS))
