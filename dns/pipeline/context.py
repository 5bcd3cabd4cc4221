"""One question on its way through the chain: who asked, what, and what the stages found so far."""

from collections.abc import Callable
from typing import Literal

import msgspec

from dns.cache import Cached, Key
from dns.clients import Client
from dns.message.wire import Query
from dns.policy.verdict import Verdict

Transport = Literal["udp", "tcp", "tls", "https"]

_UNREAD = Query(b"", "", 0, 0, 0, None)


class Asked(msgspec.Struct, gc=False, eq=False):
    """A question, and what is known about it. Each stage reads what those before it wrote."""

    packet: bytes
    client: Client | None  # None: a stranger
    reply: Callable[[bytes], None]  # takes the whole message
    transport: Transport
    started: float
    now: float  # of the step being taken; later than `started` where an upstream was asked
    query: Query = _UNREAD  # set by the first stage, which lets nothing pass without it
    lookup: str = ""  # the name whose records answer: the one asked for, or what it is rewritten to
    key: Key = ("", 0, 0)  # what is looked for in the cache and asked of upstreams
    verdict: Verdict | None = None
    found: Cached | None = None
    stale: bool = False  # `found`, or what there is to fall back on, is past its life
    names: tuple[str, ...] = ()  # every further name that the answer depends on
    waited: bool = False  # an upstream was asked for it

    @property
    def is_read(self) -> bool:
        """Tell whether the question could be read."""
        return self.query is not _UNREAD
