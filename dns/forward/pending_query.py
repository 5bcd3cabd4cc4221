"""One question on its way to an upstream: what is sent, and how an answer is known to be its answer.

The client's message is never passed on as it stands. What leaves the room is made anew from its question and two
of its flags (DNSSEC OK, checking disabled): a header, the question, and our own EDNS record (RFC 6891) of 1232
bytes. So no client subnet (RFC 7871), cookie or other option of a device ever leaves.

Against spoofed answers (RFC 5452) a UDP question carries an unpredictable id and port, and the letters of its
name in unpredictable case ("0x20": draft-vixie-dnsext-dns0x20), which an honest server repeats byte by byte.
The answer is given back as it came, id and letters as they were sent: whoever makes a message of it puts the
client's own in their place (`dns.message.builder`).
"""

from collections.abc import Callable
from typing import Any

import msgspec

from dns.forward.entropy import EntropyPool
from dns.message.constants import EdnsOption, Rcode, RecordType
from dns.message.edns import OPT_BYTES, build_opt_record
from dns.message.header import AA, AD, CD, COUNTS, HEADER_BYTES, OPCODE, QR, RA, RD, rcode_of

# Flags and number of questions of every answer that is whole, from a server that recurses (RA), and says that
# there is a name or that there is none. Without RA it may mean something else: a referral, a refusal.
_COMMON_ANSWER_HEADS = frozenset(
    bytes((QR | first, second | RA | rcode, 0, 1))
    for first in (0, AA, RD, AA | RD)
    for second in range(0, RA, 16)
    for rcode in (Rcode.NOERROR, Rcode.NXDOMAIN)
)
_OPT_HEAD = b"\0" + RecordType.OPT.to_bytes(2, "big")  # the root's name, and the type

# In a question's name every byte of a letter differs from its other case in this one bit. Length bytes are below
# 64, so they are never taken for letters.
_CASE_BITS = bytes(0x20 if chr(byte).isalpha() and byte < 128 else 0 for byte in range(256))

ANSWER_RCODES = frozenset({int(Rcode.NOERROR), int(Rcode.NXDOMAIN)})  # see also `is_about_name`
# What a server answers that does not know EDNS (RFC 6891, section 7), or will not say.
NOT_UNDERSTOOD = frozenset({int(Rcode.FORMERR), int(Rcode.NOTIMP)})

MAX_QUERIES = 3  # for one question to one server, over all transports together (RFC 9520, section 3.1)

_EDNS = (build_opt_record(dnssec_ok=False), build_opt_record(dnssec_ok=True))
_OPTION_BYTES = 4
_PADDING = EdnsOption.PADDING.to_bytes(2, "big")  # RFC 7830
_PADDING_BLOCK = (
    128  # bytes to a multiple of which questions over encrypted connections are padded (RFC 8467, section 4.1)
)
_WITH_EDNS = COUNTS.pack(1, 0, 0, 1)
_WITHOUT_EDNS = COUNTS.pack(1, 0, 0, 0)
_NOT_TYPE = ~0xFFFFFFFF  # all of a question but its type and class
_from_bytes = int.from_bytes
# Takes the answer, or None where there is none. It says False of what is no message (any more than its head): the
# question then stays open. After None it may be called once more, with an answer that came too late.
AnswerReceiver = Callable[[bytes | None], bool | None]

# AD is always set: the answer serves others too, who may ask if it was verified (RFC 6840).
_QUERY_HEADS = tuple(bytes((RD, flags)) + _WITH_EDNS for flags in range(256))


class PendingQuery(msgspec.Struct, gc=False, eq=False):
    """One question under way, whichever servers it is put to. Made by `PendingQuery.from_message`."""

    done: AnswerReceiver
    wheel_slot: dict[Any, None]  # the open questions that come due in the same tick
    server: Any  # the one asked last
    message_id: bytes  # proposed: where it is taken already, the server draws another
    question: bytes
    question_0x20: bytes  # the same with the case of its letters by chance
    flags: int
    dnssec_ok: int
    default_message: bytes  # `message()`: nearly all go out just so
    is_finished: bool = False
    uses_0x20: bool = True  # how it is sent next; likewise:
    has_edns: bool = True
    attempts: int = 1
    timeouts: int = 0  # how often nobody had answered in time
    sent_at: float = 0.0
    asked_servers: tuple[Any, ...] = ()  # once for each query, from the second query on
    failed_servers: tuple[Any, ...] = ()  # the servers that failed for certain
    fallback_answer: bytes | None = None  # a failure some server told us, better than nothing
    malformed_server: Any = None  # the last one that sent something malformed
    is_failed: bool = False  # it was given up; what comes now is late
    is_probe: bool = False
    was_sent_plain: bool = False  # also with its case as the client wrote it
    is_case_doubted: bool = False  # asked again in plain letters, because those in mixed case brought nothing
    is_edns_doubted: bool = False  # the same, without EDNS
    is_udp_doubted: bool = False  # the same, over TCP

    @classmethod
    def from_message(
        cls,
        query: bytes,
        end: int,
        done: AnswerReceiver,
        *,
        wheel_slot: dict["PendingQuery", None],
        server: object,
        entropy: EntropyPool,
    ) -> "PendingQuery":
        """Take the one question out of a message, which ends at `end` and was read before or made by us.

        It puts itself among those of `wheel_slot`.
        """
        question = query[HEADER_BYTES:end]
        size = end - HEADER_BYTES
        # As many random bytes as the question has: those before its type and class change the case of letters, the
        # last two are the id.
        noise = entropy.draw_bytes(size)
        # Some types and classes would pass for letters; HTTPS (65) is one.
        letters = _from_bytes(question.translate(_CASE_BITS), "big") & _NOT_TYPE
        mixed = (_from_bytes(question, "big") ^ (letters & _from_bytes(noise, "big"))).to_bytes(size, "big")
        flags = query[3] & CD | AD
        dnssec = query[end + 7] >> 7 if len(query) > end + 7 and query[end : end + 3] == _OPT_HEAD else 0
        usual = _QUERY_HEADS[flags] + mixed + _EDNS[dnssec]
        pending = cls(done, wheel_slot, server, noise[-2:], question, mixed, flags, dnssec, usual)
        wheel_slot[pending] = None
        return pending

    def move_to_slot(self, others: dict["PendingQuery", None]) -> None:
        """Wait longer: come due together with others."""
        self.wheel_slot.pop(self, None)
        self.wheel_slot = others
        others[self] = None

    def complete(self, answer: bytes | None) -> bool:
        """Tell whoever asked, and be forgotten. False: the answer is malformed, and the question still open."""
        self.is_finished = True
        # Whoever takes the answer reads it whole; nobody does so before, because that would be paid twice.
        if self.done(answer) is False:
            self.is_finished = False
            return False
        # At once, not when it would have come due: what thousands of finished questions hold would push everything
        # else out of the processor's caches.
        self.wheel_slot.pop(self, None)
        return True

    def may_ask(self, server: object) -> bool:
        """Tell whether a server may be asked once more (RFC 9520, section 3.1)."""
        return self.count_queries(server) < MAX_QUERIES

    def count_queries(self, server: object) -> int:
        """Return how many queries a server got for this question."""
        return (self.asked_servers or (self.server,)).count(server)

    def note_query(self, server: object) -> None:
        """Count one more query to a server; the first of all is not noted."""
        self.asked_servers = (*(self.asked_servers or (self.server,)), server)

    def send_as_usual(self) -> None:
        """Be sent in mixed case and with EDNS again: to a server that was not asked before."""
        self.uses_0x20 = self.has_edns = True
        self.is_case_doubted = self.is_edns_doubted = self.is_udp_doubted = False

    def send_plain(self) -> None:
        """Be sent with its case as the client wrote it."""
        self.uses_0x20 = False
        self.was_sent_plain = True

    @property
    def is_mixed(self) -> bool:
        """Whether it is sent in other letters than the client's."""
        return self.uses_0x20 and self.question_0x20 != self.question

    def build_message(
        self, *, use_0x20: bool = True, edns: bool = True, padded: bool = False, payload_size: int | None = None
    ) -> bytes:
        """Return the message to send, all but its id; `payload_size`: bytes over UDP, left out: the usual."""
        question = self.question_0x20 if use_0x20 else self.question
        if padded:
            size = -(HEADER_BYTES + len(question) + OPT_BYTES + _OPTION_BYTES) % _PADDING_BLOCK
            padding = _PADDING + size.to_bytes(2, "big") + bytes(size)
            opt = _EDNS[self.dnssec_ok][:-2] + len(padding).to_bytes(2, "big") + padding
            return _QUERY_HEADS[self.flags] + question + opt
        if edns and payload_size is not None:
            opt = _EDNS[self.dnssec_ok]
            return _QUERY_HEADS[self.flags] + question + opt[:3] + payload_size.to_bytes(2, "big") + opt[5:]
        if edns:
            return (
                self.default_message if use_0x20 else _QUERY_HEADS[self.flags] + question + _EDNS[self.dnssec_ok]
            )
        return bytes((RD, self.flags)) + _WITHOUT_EDNS + question

    def is_answered_by(self, data: bytes) -> bool:
        """Tell whether a message (its id aside) answers this very question, to the case of its letters."""
        if len(data) < HEADER_BYTES or data[2] & (QR | OPCODE) != QR or data[4:6] != b"\0\1":
            return False
        question = data[HEADER_BYTES : HEADER_BYTES + len(self.question_0x20)]
        return question == self.question_0x20 or (self.was_sent_plain and question == self.question)

    def is_commonly_answered_by(self, data: bytes) -> bool:
        """Tell the same of the usual answer (whole, NOERROR or NXDOMAIN), at less cost."""
        return data[2:6] in _COMMON_ANSWER_HEADS and data.startswith(self.question_0x20, HEADER_BYTES)

    def is_answered_but_for_case(self, data: bytes) -> bool:
        """Tell whether a message answers this question from a server that does not keep the case of names."""
        if len(data) < HEADER_BYTES or data[2] & (QR | OPCODE) != QR or data[4:6] != b"\0\1":
            return False
        size = len(self.question_0x20)
        question = data[HEADER_BYTES : HEADER_BYTES + size]
        return (
            question[-4:] == self.question_0x20[-4:] and question[:-4].lower() == self.question_0x20[:-4].lower()
        )


def is_about_name(data: bytes) -> bool:
    """Tell whether an answer says something of its name; every other one says it of the server.

    YXDOMAIN comes with the redirection that makes the name too long (RFC 6672, section 2.2).
    """
    rcode = rcode_of(data)
    return rcode in ANSWER_RCODES or (rcode == Rcode.YXDOMAIN and data[6:8] != b"\0\0")


def is_bare_error(data: bytes) -> bool:
    """Tell whether a message has no question, and says that something went wrong (perhaps no EDNS there)."""
    return len(data) >= HEADER_BYTES and data[2] & QR == QR and data[4:6] == b"\0\0" and rcode_of(data) > 0
