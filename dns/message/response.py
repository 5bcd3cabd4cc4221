"""A finished answer before it is put into a datagram or a stream: what the chain's stages make.

An `Answer` knows nothing of the asker's wishes about size or EDNS; `dns.message.builder` adds those.
"""

import msgspec

from dns.policy.verdict import Verdict

NO_COUNTS = bytes(6)


class Answer(msgspec.Struct, gc=False, eq=False):
    """Records for one question, and what the query log shall say of it.

    `records`: the bytes after the question, our OPT record not among them; compression pointers may point into
    header and question. `counts`: the header's last six bytes, for those records. `ttls`: where each time to live
    stands, counted from the start of the message.
    """

    rcode: int
    outcome: str  # as the query log says it: allowed, refused, rewritten, failed
    records: bytes = b""
    counts: bytes = NO_COUNTS
    verdict: Verdict | None = None
    extended_errors: bytes = b""  # EDNS options, ready to be sent (RFC 8914)
    authentic: bool = False  # the upstream says that it verified the data (AD; RFC 4035, section 3.2.3)
    truncated: bool = False  # nothing of it is sent but "ask again over TCP" (TC)
    replayable: bool = False  # may be given again, aged, until `expires`
    ttls: tuple[int, ...] = ()
    stored: float = 0.0  # when the times to live began to count down
    expires: float = 0.0
