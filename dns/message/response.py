"""A cached response before it is put into a datagram or a stream: what the pipeline's stages make.

An `Response` knows nothing of the client's wishes about size or EDNS; `dns.message.builder` adds those.
"""

import msgspec

from dns.policy.verdict import Verdict

NO_COUNTS = bytes(6)


class Response(msgspec.Struct, gc=False, eq=False):
    """Records for one question, and what the query log shall say of it.

    `records`: the bytes after the question, our OPT record not among them; compression pointers may point into
    header and question. `counts`: the header's last six bytes, for those records. `ttl_offsets`: where each time
    to live stands, counted from the start of the message.
    """

    rcode: int
    outcome: str  # as the query log says it: allowed, refused, rewritten, failed
    records: bytes = b""
    counts: bytes = NO_COUNTS
    verdict: Verdict | None = None
    extended_errors: bytes = b""  # EDNS options, ready to be sent (RFC 8914)
    is_authentic: bool = False  # the upstream says that it verified the data (AD; RFC 4035, section 3.2.3)
    is_truncated: bool = False  # nothing of it is sent but "ask again over TCP" (TC)
    is_cacheable: bool = False  # may be given again, aged, until `expires_at`
    ttl_offsets: tuple[int, ...] = ()
    stored_at: float = 0.0  # when the times to live began to count down
    expires_at: float = 0.0
