"""Questions over UDP, and the fast path: a finished answer is sent again without anything being parsed.

What one query costs here decides what the room's resolver costs, so this file is written for speed, and each
trick has its reason beside it (`tests/bench` shows the price). The kernel's part is more than half; what is
ours:

1. Datagrams come and go in batches (`dns.server.datagram_batch`): one system call for up to 64 of each, even
   where some of a batch have no answer yet.
2. An answer is written over its question, in the same slot: the asker's id and address already stand there.
3. A device is known by the raw bytes of its address, an answer by the bytes of the query after its id.
4. Counting is one reference appended to a list; what it all amounts to is worked out once a tick, or when the
   list has become long: what was just used is at hand, and whoever asks next does not wait for hundreds at once.

The fast path gives nothing, or byte for byte what the chain would give (a property test holds that).
"""

import array
import asyncio
import contextlib
import socket
from functools import partial

from dns.clients import Client
from dns.resolver import Resolver
from dns.server.datagram_batch import DATA_AT, SLOTS, Batch, ask_for_destination

# Room for one datagram. We take and give at most 1232 bytes (RFC 6891, section 6.2.5), and small slots are a sixth
# faster than ones of a page each: the processor then finds all of them without looking up page after page.
SLOT_BYTES = 1248
ROUNDS = 8  # batches in a row before other work (upstreams' answers, timers) gets its turn
LONG_LOG = 128  # answers
RECEIVE_BUFFER = 4 * 1024 * 1024  # so that a reload or a burst is a delay and not a loss
_SO_RCVBUFFORCE = 33

_WILDCARDS = frozenset({"0.0.0.0", "::"})  # noqa: S104 (recognised, not bound)


def open_socket(host: str, port: int) -> socket.socket:
    """Return a UDP socket at an address, beside those of other workers. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if host in _WILDCARDS:
            ask_for_destination(sock)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        with contextlib.suppress(OSError):  # beyond the system's limit only with the right to
            sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, RECEIVE_BUFFER)
        sock.setblocking(False)  # noqa: FBT003 (its signature)
        sock.bind((host, port))
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
        self._batch = Batch(sock, SLOTS, SLOT_BYTES, control=control)
        self._outbox = Batch(sock, SLOTS, SLOT_BYTES, control=control)
        self._replies: list[tuple[bytes, bytes]] = []  # answers that were not ready at once, each with its peer
        self._is_at_rest = False
        # For each slot: its number, where the address stands, where the bytes after the id begin, and where its
        # length is set. Made once, so that the loop below computes none of them.
        at, size = (4, 4) if sock.family == socket.AF_INET else (8, 16)
        self._slots = tuple(
            (slot, slice(start - DATA_AT + at, start - DATA_AT + at + size), start, start + 2, 2 * slot + 1)
            for slot, start in enumerate(self._batch.starts)
        )

    def open(self) -> None:
        """Begin to answer."""
        self._loop.add_reader(self._sock.fileno(), self._readable)

    def rest(self) -> None:
        """Answer what has already arrived, then take no more; answers that are under way still leave."""
        self._readable()
        self._loop.remove_reader(self._sock.fileno())
        self._is_at_rest = True

    def close(self) -> None:
        """Answer what has already arrived, then no more."""
        if not self._is_at_rest:
            self.rest()
        self._flush()
        self._sock.close()

    def _readable(self) -> None:
        batch = self._batch
        for _ in range(ROUNDS):
            lengths = batch.receive()
            if not lengths:
                break
            asker = self._answer(lengths)
            if asker is not None and (len(asker.log) >= LONG_LOG or len(asker.timed) >= LONG_LOG):
                self._resolver.work_off(asker)
            if len(lengths) < batch.slots:
                break
        if self._replies:
            self._flush()

    def _answer(self, lengths: "array.array[int]") -> Client | None:
        """Answer a batch; return who asked last in it."""
        # The loop reads like a staircase of local names because each look-up saved is a percent of the whole.
        now = self._clock()
        batch = self._batch
        room = batch.room
        sizes = batch.lengths
        resolver = self._resolver
        known = resolver.clients.known.get
        reply = self._reply
        first = 0  # of the answered slots that were not set aside yet
        for (slot, address, start, after_id, size_at), length in zip(self._slots, lengths, strict=False):
            client = known(room[address])
            if client is not None:
                key = room[after_id : start + length]
                finished = client.answers.get(key)
                if finished is None:
                    if client.cold:
                        finished = resolver.replay.revive(client.view, key, now)
                elif now >= finished.good_until:
                    finished = resolver.replay.revive(client.view, key, now)
                if finished is not None and len(client.log) < client.allowance:
                    size = finished.size
                    room[after_id : after_id + size] = finished.body
                    sizes[size_at] = size + 2
                    client.log.append(finished.noted)
                    continue
            if slot > first:
                batch.set_aside(first, slot - first)
            first = slot + 1
            client = client or resolver.clients.of(room[address])
            packet = room[start : start + length]
            resolver.ask(packet, client, partial(reply, batch.peer(slot)), "udp", now)
        if not first:
            batch.send(0, slot + 1)
        else:
            if slot >= first:
                batch.set_aside(first, slot + 1 - first)
            batch.send_aside()
        return client

    def _reply(self, peer: bytes, message: bytes) -> None:
        if not self._replies:
            # Answers of upstreams come many at a time: they leave together, at the loop's next turn.
            self._loop.call_soon(self._flush)
        self._replies.append((peer, message))

    def _flush(self) -> None:
        replies, self._replies = self._replies, []
        if self._sock.fileno() < 0:
            return  # what was still under way when the socket was closed has nobody to leave through
        self._outbox.send_all(replies)
