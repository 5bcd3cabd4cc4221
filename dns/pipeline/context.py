"""One question on its way through the pipeline: who asked, what, and what the stages found so far."""

from collections.abc import Callable
from typing import Literal

import msgspec

from dns.cache import CacheKey
from dns.cached_message import CachedMessage
from dns.clients import Client
from dns.message.parsed_query import Query
from dns.policy.verdict import Verdict

Transport = Literal["udp", "tcp", "tls", "https"]

_UNPARSED = Query(b"", "", 0, 0, 0, None)


class RequestContext(msgspec.Struct, gc=False, eq=False):
    """A question, and what is known about it. Each stage reads what those before it wrote."""

    packet: bytes
    client: Client | None  # None: an unknown client
    send: Callable[[bytes], None]  # takes the whole message
    transport: Transport
    started_at: float
    now: float  # of the step being taken; later than `started_at` where an upstream was asked
    query: Query = _UNPARSED  # set by the first stage, which lets nothing pass without it
    lookup_name: str = ""  # the name whose records answer: the one asked for, or what it is rewritten to
    cache_key: CacheKey = ("", 0, 0)  # what is looked for in the cache and asked of upstreams
    verdict: Verdict | None = None
    cached: CachedMessage | None = None
    is_stale: bool = False  # `cached`, or what there is to fall back on, is past its life
    dependent_names: tuple[str, ...] = ()  # every further name that the answer depends on
    was_forwarded: bool = False  # an upstream was asked for it

    @property
    def is_parsed(self) -> bool:
        """Tell whether the question could be read."""
        return self.query is not _UNPARSED
