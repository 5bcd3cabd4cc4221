"""What was read of a query (`dns.message.query` reads it).

Never compiled, like every module that defines a struct (docs/adr/0023-the-hot-path-is-compiled.md).
"""

import msgspec

from dns.message.edns import Edns


class Query(msgspec.Struct, frozen=True, gc=False, eq=False):
    """One readable question. `question_end`: the offset after it; `edns`: None where the client speaks no EDNS.

    A struct of msgspec, here and wherever one is made for every question: half as dear as a class of Python's own.
    """

    packet: bytes
    name: str
    qtype: int
    qclass: int
    question_end: int
    edns: Edns | None
