"""A room that is told step by step what arrives, and says what it made of it: in this process, or in another.

Two builds of `dns` are compared so: `python -m tests.fakes.answering_room` takes steps from its standard input and
writes outcomes to its standard output, each as MessagePack after four bytes of length.
"""

import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, get_args

import msgspec

import dns.cache
from dns.pipeline.context import Transport
from tests.fakes.compiled_build import ROOT, environment
from tests.fakes.policies import NOW, policy
from tests.fakes.resolvers import InTest

NAMES = ("example.org", "www.bets.example", "www.bing.com", "a.b.games.example", "long.example", "")
TRANSPORTS = get_args(Transport)

_LENGTH = struct.Struct("!I")
_ENDINGS: dict[str, list[str]] = {
    "A": [
        "{name} 300 IN CNAME cdn.example.",
        "cdn.example. 60 IN CNAME b.example.",
        "b.example. 90 IN A 198.51.100.7",
    ],
    "AAAA": [
        "{name} 300 IN AAAA 2001:db8::7",
        "{name} 30 IN AAAA fd00::7",
        "{name} 300 IN RRSIG AAAA 13 2 300 20400101000000 20250101000000 1234 example. c2lnbmF0dXJl",
    ],
    "HTTPS": ["{name} 60 IN HTTPS 1 . alpn=h2 echconfig=AAAAAQ== ipv4hint=198.51.100.7"],
    "TXT": ['{name} 5 IN TXT "{text}"', '{name} 5 IN TXT "{text}"'],
}

Edit = tuple[str, int, bytes]  # what is done to a message, at which offset, with which bytes


class Step(msgspec.Struct, frozen=True):
    """What arrives, and what the upstream's answer then suffers on its way."""

    packet: bytes
    address: str
    transport: Transport
    seconds: float  # that pass before
    edits: tuple[Edit, ...] = ()


class Outcome(msgspec.Struct, frozen=True):
    """What a room made of a step."""

    replies: list[bytes]
    asked: list[tuple[str, int]]  # of the upstream
    mistakes: int
    records: list[tuple[Any, ...]]  # handed to the query log
    build: str  # the file that the room's cache was loaded from


def edited(message: bytes, edits: tuple[Edit, ...]) -> bytes:
    """Return a message of which some bytes were changed, cut off, put in or put twice."""
    data = bytearray(message)
    for what, where, some in edits:
        at = where % (len(data) + 1)
        if what == "change":
            data[at : at + len(some)] = some
        elif what == "cut":
            del data[at:]
        elif what == "insert":
            data[at:at] = some
        else:
            data += data[at:]
    return bytes(data[:65535])


class AnsweringRoom:
    """A resolver with a real policy, and an upstream that knows a few names."""

    def __init__(self) -> None:
        made: Any = policy()
        self._room = room = InTest(made, networks=("192.0.2.0/24", "198.51.100.0/24"))
        room.clock.now = NOW
        for name in NAMES:
            for qtype, lines in _ENDINGS.items():
                text = "x" * 200
                room.upstream.records[name, qtype] = [line.format(name=f"{name}.", text=text) for line in lines]

    def take(self, step: Step) -> Outcome:
        room = self._room
        room.clock.now += step.seconds
        room.upstream.raw = lambda answer: edited(answer, step.edits)
        room.upstream.asked.clear()
        replies = room.send(step.packet, step.address, step.transport)
        records = [msgspec.structs.astuple(record) for record in room.records()]
        build = Path(dns.cache.__file__).name
        return Outcome(replies, list(room.upstream.asked), room.resolver.mistakes, records, build)


class RoomElsewhere:
    """The same in another process."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._input, self._output = process.stdin, process.stdout

    def take(self, step: Step) -> Outcome:
        _write(self._input, step)
        body = _read(self._output)
        assert body is not None, "the other process has ended"
        return msgspec.msgpack.decode(body, type=Outcome)


@contextmanager
def room_of_build(folder: Path) -> Iterator[RoomElsewhere]:
    """Run a room whose `dns` comes from a folder."""
    command = (sys.executable, "-m", "tests.fakes.answering_room")
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environment(folder), cwd=ROOT, stdin=pipe, stdout=pipe) as process:
        yield RoomElsewhere(process)
        assert process.stdin is not None
        process.stdin.close()  # it ends by itself


def _write(stream: IO[bytes], message: Step | Outcome) -> None:
    body = msgspec.msgpack.encode(message)
    stream.write(_LENGTH.pack(len(body)) + body)
    stream.flush()


def _read(stream: IO[bytes]) -> bytes | None:
    head = stream.read(_LENGTH.size)
    return stream.read(_LENGTH.unpack(head)[0]) if head else None


def main() -> None:
    room = AnsweringRoom()
    while (body := _read(sys.stdin.buffer)) is not None:
        _write(sys.stdout.buffer, room.take(msgspec.msgpack.decode(body, type=Step)))


if __name__ == "__main__":
    main()
