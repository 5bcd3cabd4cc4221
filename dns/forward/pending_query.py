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
from dns.message.header import AA, AD, CD, COUNTS, HEADER_BYTES, OPCODE, QR, RD, rcode_of

# Flags and number of questions of every answer that is whole, and says that there is a name or that there is none.
_COMMON_ANSWER_HEADS = frozenset(
    bytes((QR | first, second | rcode, 0, 1))
    for first in (0, AA, RD, AA | RD)
    for second in range(0, 256, 16)
    for rcode in (Rcode.NOERROR, Rcode.NXDOMAIN)
)
_OPT_HEAD = b"\0" + RecordType.OPT.to_bytes(2, "big")  # the root's name, and the type

# In a question's name every byte of a letter differs from its other case in this one bit. Length bytes are below
# 64, so they are never taken for letters.
_CASE_BITS = bytes(0x20 if chr(byte).isalpha() and byte < 128 else 0 for byte in range(256))

# What a server answers that does not know EDNS (RFC 6891, section 7), or will not say.
NOT_UNDERSTOOD = frozenset({int(Rcode.FORMERR), int(Rcode.NOTIMP)})

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
# AD is always set: the answer serves others too, who may ask if it was verified (RFC 6840).
_QUERY_HEADS = tuple(bytes((RD, flags)) + _WITH_EDNS for flags in range(256))


class PendingQuery(msgspec.Struct, gc=False, eq=False):
    """One question under way, whichever servers it is put to. Made by `PendingQuery.from_message`."""

    done: Callable[[bytes | None], None]
    wheel_slot: dict[Any, None]  # the open questions that come due in the same tick
    server: Any  # the one asked last
    message_id: bytes  # proposed: where it is taken already, the server draws another
    question: bytes
    question_0x20: bytes  # the same with the case of its letters by chance
    flags: int
    dnssec_ok: int
    default_message: bytes  # `message()`: nearly all go out just so
    is_finished: bool = False
    uses_0x20: bool = True  # False: this question was also sent with its case as the client wrote it
    has_edns: bool = True
    attempts: int = 1
    timeouts: int = 0  # how often nobody had answered in time
    sent_at: float = 0.0
    failed_servers: tuple[Any, ...] = ()  # the servers that failed for certain
    fallback_answer: bytes | None = None  # a failure some server told us, better than nothing

    @classmethod
    def from_message(
        cls,
        query: bytes,
        end: int,
        done: Callable[[bytes | None], None],
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

    def complete(self, answer: bytes | None) -> None:
        """Tell whoever asked, and be forgotten."""
        # At once, not when it would have come due: what thousands of finished questions hold would push everything
        # else out of the processor's caches.
        self.is_finished = True
        self.wheel_slot.pop(self, None)
        self.done(answer)

    def build_message(self, *, use_0x20: bool = True, edns: bool = True, padded: bool = False) -> bytes:
        """Return the message to send, all but its id."""
        question = self.question_0x20 if use_0x20 else self.question
        if padded:
            size = -(HEADER_BYTES + len(question) + OPT_BYTES + _OPTION_BYTES) % _PADDING_BLOCK
            padding = _PADDING + size.to_bytes(2, "big") + bytes(size)
            opt = _EDNS[self.dnssec_ok][:-2] + len(padding).to_bytes(2, "big") + padding
            return _QUERY_HEADS[self.flags] + question + opt
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
        return question == self.question_0x20 or (not self.uses_0x20 and question == self.question)

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


def is_bare_error(data: bytes) -> bool:
    """Tell whether a message is only a header that says that the question was not understood (no EDNS there)."""
    return len(data) == HEADER_BYTES and data[2] & QR == QR and rcode_of(data) in NOT_UNDERSTOOD
