"""What a resolver is made with (`dns.resolver`).

Never compiled, like every module that defines a struct (docs/adr/0023-the-hot-path-is-compiled.md).
"""

import asyncio
from collections.abc import Callable, Sequence

import msgspec

from dns.cache import MessageCache
from dns.pipeline.forward import CallLater, UpstreamResolver
from dns.pipeline.local_zones import LocalZoneLookup
from dns.policy.verdict import Policy
from dns.querylog.sender import QueryLogSender
from dns.shared_usage import UsageColumn


def _call_later(seconds: float, what: Callable[[], None]) -> object:
    return asyncio.get_running_loop().call_later(seconds, what)


class ResolverConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What a resolver works with."""

    policy: Policy
    upstream: UpstreamResolver
    query_log: QueryLogSender
    cache: MessageCache
    local_zones: LocalZoneLookup | None = None
    clock: Callable[[], float]
    networks: tuple[str, ...]
    rate_limit: int = 0
    usage: UsageColumn | None = None  # what devices ask of all workers; None: this one is alone
    page_addresses: Callable[[], Sequence[str]] = tuple
    cookie_secret: bytes = b""
    call_later: CallLater = _call_later
