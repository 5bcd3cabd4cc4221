"""One question on its way through the chain: who asked, what, and what the stages found so far."""

from collections.abc import Callable
from typing import Literal

from dns.cache import Cached, Key
from dns.clients import Client
from dns.verdict import Verdict
from dns.wire import Query

Transport = Literal["udp", "tcp", "tls", "https"]


class Asked:
    """A question, and what is known about it. Each stage reads what those before it wrote."""

    __slots__ = (
        "client",
        "found",
        "key",
        "lookup",
        "names",
        "now",
        "packet",
        "query",
        "reply",
        "stale",
        "started",
        "transport",
        "verdict",
        "waited",
    )

    query: Query  # set by the first stage, which lets nothing pass without it
    key: Key  # what is looked for in the cache and asked of upstreams; set by the stage that looks there

    def __init__(
        self,
        packet: bytes,
        client: Client | None,
        reply: Callable[[bytes], None],
        transport: Transport,
        now: float,
    ) -> None:
        self.packet = packet
        self.client = client  # None: a stranger
        self.reply = reply  # takes the whole message
        self.transport = transport
        self.started = now
        self.now = now  # of the step being taken; later than `started` where an upstream was asked
        self.verdict: Verdict | None = None
        self.lookup = ""  # the name whose records answer: the one asked for, or what it is rewritten to
        self.found: Cached | None = None
        self.stale = False  # `found`, or what there is to fall back on, is past its life
        self.names: list[str] = []  # every further name that the answer depends on
        self.waited = False  # an upstream was asked for it
