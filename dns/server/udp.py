"""Questions over UDP, and the fast path: a cached response is sent again without anything being parsed.

What one query costs here decides what the room's resolver costs, so this file is written for speed, and each
trick has its reason beside it (`tests/bench` shows the price). The kernel's part is more than half; what is
ours:

1. Datagrams come and go in batches (`dns.server.datagram_batch`): one system call for up to 64 of each, even
   where some of a batch have no answer yet.
2. An answer is written over its question, in the same slot: the client's id and address already stand there.
3. A device is known by the raw bytes of its address, an answer by the bytes of the query after its id.
4. Counting is one reference appended to a list; what it all amounts to is worked out once a tick, or when the
   list has become long: what was just used is at hand, and whoever asks next does not wait for hundreds at once.

The fast path gives nothing, or byte for byte what the pipeline would give (a property test holds that).
"""

import array
import asyncio
import contextlib
import socket
from functools import partial
from typing import Final

from dns.clients import Client
from dns.forward.server import socket_address
from dns.resolver import Resolver
from dns.server.datagram_batch import DATA_AT, SLOTS, DatagramBatch, enable_pktinfo

# Room for one datagram. We take and give at most 1232 bytes (RFC 6891, section 6.2.5), and small slots are a sixth
# faster than ones of a page each: the processor then finds all of them without looking up page after page.
SLOT_BYTES: Final = 1248
BATCHES_PER_TURN: Final = 8  # batches in a row before other work (upstreams' answers, timers) gets its turn
LONG_LOG_ENTRIES: Final = 128  # answers
RECEIVE_BUFFER: Final = 4 * 1024 * 1024  # so that a reload or a burst is a delay and not a loss
_SO_RCVBUFFORCE: Final = 33

# Lengths of datagrams, of which each slot keeps the slice that it is: nearly all questions are shorter, and most
# answers. To make a slice and its two numbers anew is a twelfth of what we do for an answer.
KEPT_SLICES: Final = 256

_WILDCARDS: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 (recognised, not bound)


def open_udp_socket(host: str, port: int) -> socket.socket:
    """Return a UDP socket at an address, beside those of other workers. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if host in _WILDCARDS:
            enable_pktinfo(sock)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        with contextlib.suppress(OSError):  # beyond the system's limit only with the right to
            sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, RECEIVE_BUFFER)
        sock.setblocking(False)  # noqa: FBT003 (its signature)
        sock.bind(socket_address(host, port))
    except OSError:
        sock.close()
        raise
    return sock


class UdpListener:
    """Answers what arrives at one socket."""

    def __init__(self, sock: socket.socket, resolver: Resolver, loop: asyncio.AbstractEventLoop) -> None:
        self._sock = sock
        self._resolver = resolver
        self._loop = loop
        self._clock = resolver.clock
        control = sock.getsockname()[0] in _WILDCARDS
        self._receive_batch = DatagramBatch(sock, SLOTS, SLOT_BYTES, control=control)
        self._send_batch = DatagramBatch(sock, SLOTS, SLOT_BYTES, control=control)
        self._queued_responses: list[
            tuple[bytes, bytes]
        ] = []  # answers that were not ready at once, each with its peer
        self._is_draining = False
        # For each slot: its number, where the address stands, where the datagram begins, the bytes after its id by
        # its length (made when they are first wanted), and where its length is set. Made once, so that the loop
        # below computes none of them.
        at, size = (4, 4) if sock.family == socket.AF_INET else (8, 16)
        self._slots = tuple(
            (slot, slice(start - DATA_AT + at, start - DATA_AT + at + size), start, _no_slices(), 2 * slot + 1)
            for slot, start in enumerate(self._receive_batch.starts)
        )

    def start_answering(self) -> None:
        """Begin to answer."""
        self._loop.add_reader(self._sock.fileno(), self._receive_batches)

    def drain(self) -> None:
        """Answer what has already arrived, then take no more; answers that are under way still leave."""
        self._receive_batches()
        self._loop.remove_reader(self._sock.fileno())
        self._is_draining = True

    def close(self) -> None:
        """Answer what has already arrived, then no more."""
        if not self._is_draining:
            self.drain()
        self._send_queued_responses()
        self._sock.close()

    def _receive_batches(self) -> None:
        if self._resolver.on_next_query is not None:
            self._resolver.announce_query()
        batch = self._receive_batch
        for _ in range(BATCHES_PER_TURN):
            lengths = batch.receive_datagrams()
            if not lengths:
                break
            last_client = self._answer_batch(lengths)
            if last_client is not None and (
                len(last_client.log) >= LONG_LOG_ENTRIES or len(last_client.timed) >= LONG_LOG_ENTRIES
            ):
                self._resolver.collect_client_log(last_client)
            if len(lengths) < batch.slots:
                break
        if self._queued_responses:
            self._send_queued_responses()

    def _answer_batch(self, lengths: "array.array[int]") -> Client | None:
        """Answer a batch; return who asked last in it."""
        # The loop reads like a staircase of local names because each look-up saved is a percent of the whole.
        now = self._clock()
        batch = self._receive_batch
        buffer = batch.buffer
        sizes = batch.lengths
        resolver = self._resolver
        known = resolver.clients.known.get
        queue_response = self._queue_response
        kept = KEPT_SLICES
        first = 0  # of the answered slots that were not set aside yet
        client, last_address = None, b""
        for (slot, address, start, after_id, size_at), length in zip(self._slots, lengths, strict=False):
            # A device asks for several types and names at once, so the next question is often of the same one.
            if (raw_address := buffer[address]) != last_address:
                client, last_address = known(raw_address), raw_address
            if client is not None:
                key = buffer[
                    (after_id[length] or _keep_slice(after_id, start, length))
                    if length < kept
                    else slice(start + 2, start + length)
                ]
                cached = client.responses.get(key)
                if cached is None:
                    if client.previous_responses:
                        cached = resolver.packet_cache.refresh_response(client.view, key, now)
                elif now >= cached.fresh_until:
                    cached = resolver.packet_cache.refresh_response(client.view, key, now)
                if cached is not None and len(client.log) < client.allowance:
                    size = cached.size
                    buffer[
                        (after_id[size] or _keep_slice(after_id, start, size))
                        if size < kept
                        else slice(start + 2, start + size)
                    ] = cached.body
                    sizes[size_at] = size
                    client.log.append(cached.log_entry)
                    if cached.is_block:
                        client.has_replayed_block = True
                    continue
            if slot > first:
                batch.queue_slots(first, slot - first)
            first = slot + 1
            client = client or resolver.clients.lookup_client(raw_address)
            packet = buffer[start : start + length]
            resolver.handle_query(packet, client, partial(queue_response, batch.peer_of_slot(slot)), "udp", now)
        self._send_answered(first, slot + 1)
        return client

    def _send_answered(self, first: int, end: int) -> None:
        """Send what was answered at once: the slots from `first` on, and those that were set aside before them."""
        batch = self._receive_batch
        if not first:
            batch.send_slots(0, end)
            return
        if end > first:
            batch.queue_slots(first, end - first)
        batch.send_queued_slots()

    def _queue_response(self, peer: bytes, message: bytes) -> None:
        if not self._queued_responses:
            # Answers of upstreams come many at a time: they leave together, at the loop's next turn.
            self._loop.call_soon(self._send_queued_responses)
        self._queued_responses.append((peer, message))

    def _send_queued_responses(self) -> None:
        responses, self._queued_responses = self._queued_responses, []
        if self._sock.fileno() < 0:
            return  # what was still under way when the socket was closed has nobody to leave through
        self._send_batch.send_datagrams(responses)


def _no_slices() -> list[slice | None]:
    return [None] * KEPT_SLICES


def _keep_slice(slices: list[slice | None], start: int, length: int) -> slice:
    """Return the bytes after the id of a datagram of this length that begins at `start`, and keep them."""
    kept = slices[length] = slice(start + 2, start + length)
    return kept
