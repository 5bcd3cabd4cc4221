"""The upstream of the benchmark: answers every question for an address with one, as fast as this language can.

It must never be what is measured, so it does no more than turn a question into an answer with one A record (every
other type: no data). Run as a program: ``python -m tests.bench.answerer HOST:PORT``.
"""

import select
import signal
import socket
import sys

from dns.server.datagram_batch import DatagramBatch

TTL = 3600
_ANSWER = b"\xc0\x0c\0\1\0\1" + TTL.to_bytes(4, "big") + b"\0\4\xc0\0\2\1"
_SOA = b"\xc0\x0c\0\6\0\1" + TTL.to_bytes(4, "big") + b"\0\x16\0\0" + bytes(16) + TTL.to_bytes(4, "big")


def answer(query: bytes) -> bytes:
    """Return the answer to a well-formed query with one question."""
    end = query.index(0, 12) + 5
    if query[end - 4 : end - 2] == b"\0\1":
        return query[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + query[12:end] + _ANSWER
    return query[:2] + b"\x81\x80\0\1\0\0\0\1\0\0" + query[12:end] + _SOA


def serve(sock: socket.socket) -> None:
    """Answer until the process is ended."""
    batch = DatagramBatch(sock)
    while True:
        lengths = batch.receive_datagrams()
        if not lengths:
            select.select([sock], [], [])
            continue
        for slot, length in enumerate(lengths):
            start = batch.starts[slot]
            made = answer(batch.buffer[start : start + length])
            batch.buffer[start : start + len(made)] = made
            batch.lengths[2 * slot + 1] = len(made)
        batch.send_slots(0, len(lengths))


def main() -> None:
    """Serve at the address on the command line."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    host, _, port = sys.argv[1].rpartition(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
        sock.bind((host, int(port)))
        sock.setblocking(False)
        serve(sock)


if __name__ == "__main__":
    main()
