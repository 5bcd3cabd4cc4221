"""What a fake upstream answers (`tests.fakes.upstream`): well, late, wrongly, hugely, or never."""

import random
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import dnslib

DEFAULT_ADDRESS = "192.0.2.1"
SOA = "ns.example.org. hostmaster.example.org. 1 3600 600 86400 60"


@dataclass(frozen=True)
class ReceivedQuery:
    """One question that arrived."""

    message: bytes
    transport: str  # "udp", "tcp" or "tls"
    peer: tuple[Any, ...]

    @property
    def record(self) -> dnslib.DNSRecord:
        return dnslib.DNSRecord.parse(self.message)

    @property
    def written(self) -> str:
        """The name in the case in which it arrived."""
        return str(self.record.q.qname).removesuffix(".")

    @property
    def name(self) -> str:
        return self.written.lower()

    @property
    def qtype(self) -> str:
        return str(dnslib.QTYPE[self.record.q.qtype])


@dataclass(frozen=True)
class Reply:
    """Something that is sent back, some seconds later."""

    data: bytes
    after: float = 0.0


Behaviour = Callable[[ReceivedQuery, bytes], Iterable[Reply]]


def honest(asked: ReceivedQuery, answer: bytes) -> Iterable[Reply]:
    return [Reply(answer)]


def never(asked: ReceivedQuery, answer: bytes) -> Iterable[Reply]:
    return []


def late(seconds: float) -> Behaviour:
    return lambda asked, answer: [Reply(answer, seconds)]


def twice(asked: ReceivedQuery, answer: bytes) -> Iterable[Reply]:
    return [Reply(answer), Reply(answer)]


def failing(code: int, options: bytes = b"") -> Behaviour:
    """Answer every question with a response code, and EDNS options if any are given."""

    def behave(asked: ReceivedQuery, answer: bytes) -> Iterable[Reply]:
        reply = asked.record.reply()
        reply.header.rcode = code
        packed = bytearray(reply.pack())
        if options:
            packed[10:12] = b"\0\1"
            packed += b"\0\0\x29\x04\xd0\0\0\0\0" + len(options).to_bytes(2, "big") + options
        return [Reply(bytes(packed))]

    return behave


def truncated_over_udp(asked: ReceivedQuery, answer: bytes) -> Iterable[Reply]:
    return [Reply(cut(asked, answer) if asked.transport == "udp" else answer)]


def spoofed_before(count: int) -> Behaviour:
    """Send wrong answers to the right port, each with an id that was not asked, and then the right one."""

    def behave(asked: ReceivedQuery, answer: bytes) -> Iterable[Reply]:
        identity = int.from_bytes(answer[:2], "big")
        lies = [
            Reply(
                ((identity + 1 + n) % 65536).to_bytes(2, "big")
                + answer[2:].replace(b"\xc0\0\2\1", b"\xc6\x33\x64\x42")
            )
            for n in range(count)
        ]
        return [*lies, Reply(answer)] if asked.transport == "udp" else [Reply(answer)]

    return behave


def about_another_name(asked: ReceivedQuery, answer: bytes) -> Iterable[Reply]:
    """Send the right id with an answer to another question, and nothing else."""
    other = dnslib.DNSRecord.question("other.example.net").reply()
    other.header.id = asked.record.header.id
    other.add_answer(*dnslib.RR.fromZone("other.example.net. 60 A 198.51.100.66"))
    return [Reply(other.pack())]


def in_lower_case(asked: ReceivedQuery, answer: bytes) -> Iterable[Reply]:
    """Answer as a server that does not keep the case of names."""
    size = len(asked.record.q.qname.idna()) + 1
    return [Reply(answer[:12] + answer[12 : 12 + size].lower() + answer[12 + size :])]


def lower_case_over_udp(asked: ReceivedQuery, answer: bytes) -> Iterable[Reply]:
    return in_lower_case(asked, answer) if asked.transport == "udp" else [Reply(answer)]


def without_edns(asked: ReceivedQuery, answer: bytes) -> Iterable[Reply]:
    """Answer as a server from before EDNS."""
    record = asked.record
    if record.ar:
        return [Reply(asked.message[:2] + b"\x81\x81" + bytes(8))]
    return [Reply(answer)]


def wrong_counts(asked: ReceivedQuery, answer: bytes) -> Iterable[Reply]:
    """Promise four records more than there are."""
    return [Reply(answer[:6] + (int.from_bytes(answer[6:8], "big") + 4).to_bytes(2, "big") + answer[8:])]


def too_long(asked: ReceivedQuery, answer: bytes) -> Iterable[Reply]:
    """Count fewer records than there are."""
    return [Reply(answer[:6] + b"\0\0" + answer[8:])]


def cut_short(asked: ReceivedQuery, answer: bytes) -> Iterable[Reply]:
    return [Reply(answer[:-3])]


def question_alone_twice(asked: ReceivedQuery, answer: bytes) -> Iterable[Reply]:
    """Say that there are two questions."""
    return [Reply(answer[:4] + b"\0\2" + answer[6:])]


def without_question(asked: ReceivedQuery, answer: bytes) -> Iterable[Reply]:
    """Send the records of the answer and no question."""
    size = len(asked.record.q.qname.idna()) + 1 + 4
    return [Reply(answer[:4] + b"\0\0" + answer[6:12] + answer[12 + size :])]


def header_only(code: int) -> Behaviour:
    """Send a header with a response code, and nothing else."""
    return lambda asked, answer: [Reply(asked.message[:2] + bytes((0x81, 0x80 | code)) + bytes(8))]


def junk(asked: ReceivedQuery, answer: bytes) -> Iterable[Reply]:
    return [Reply(answer[:2] + b"\xff" * 40)]


def answering(
    *records: tuple[int, bytes], owner: bytes = b"\xc0\x0c", opt: bytes = b"", flags: bytes = b"\x81\x80"
) -> Behaviour:
    """Answer with records of these types and data, whatever they are, for the question's name or another `owner`.

    `opt`: an OPT record, as it travels.
    """

    def behave(asked: ReceivedQuery, _: bytes) -> Iterable[Reply]:
        end = asked.message.index(b"\0", 12) + 5
        counts = struct.pack("!HHHH", 1, len(records), 0, bool(opt))
        packed = b"".join(owner + struct.pack("!HHIH", rtype, 1, 300, len(data)) + data for rtype, data in records)
        return [Reply(asked.message[:2] + flags + counts + asked.message[12:end] + packed + opt)]

    return behave


def followed_by(first: Behaviour, second: Behaviour, after: float = 0.02) -> Behaviour:
    """Send what both would send, the second a little later."""
    return lambda asked, answer: [
        *first(asked, answer),
        *(Reply(reply.data, reply.after + after) for reply in second(asked, answer)),
    ]


def case_sensitive(wrong: Behaviour) -> Behaviour:
    """Know names in lower case only; answer others as `wrong` does."""
    return lambda asked, answer: (honest if asked.written == asked.name else wrong)(asked, answer)


def over(transport: str, other: Behaviour) -> Behaviour:
    """Answer well over one transport, and as `other` does over the rest."""
    return lambda asked, answer: (honest if asked.transport == transport else other)(asked, answer)


def referring(asked: ReceivedQuery, answer: bytes) -> Iterable[Reply]:
    """Answer as a server does that does not recurse and serves other names."""
    reply = asked.record.reply(ra=0, aa=0)
    reply.add_auth(*dnslib.RR.fromZone(". 3600 NS a.root-servers.net."))
    return [Reply(bytes(reply.pack()))]


def with_edns(other: Behaviour) -> Behaviour:
    """Answer well without EDNS, and as `other` does to whoever speaks it."""
    return lambda asked, answer: (other if asked.record.ar else honest)(asked, answer)


def losing_large(size: int) -> Behaviour:
    """Lose what is larger on its way over UDP; truncate what is larger than the asker takes."""

    def behave(asked: ReceivedQuery, answer: bytes) -> Iterable[Reply]:
        if asked.transport == "udp" and len(answer) > size:
            fits = not asked.record.ar or asked.record.ar[0].rclass <= size
            return [Reply(cut(asked, answer))] if fits else []
        return [Reply(answer)]

    return behave


def garbage(seed: int = 1) -> Behaviour:
    """Send random bytes, some of them under the right id and question."""
    chance = random.Random(seed)

    def behave(asked: ReceivedQuery, answer: bytes) -> Iterable[Reply]:
        head = answer[: chance.choice([0, 2, 4, 12, 20, len(asked.message) - 11, len(answer)])]
        return [Reply(head + chance.randbytes(chance.randrange(0, 200)))]

    return behave


def cut(asked: ReceivedQuery, answer: bytes) -> bytes:
    """Return an answer that says that it did not fit (TC)."""
    reply = asked.record.reply()
    reply.header.tc = 1
    return bytes(reply.pack())
