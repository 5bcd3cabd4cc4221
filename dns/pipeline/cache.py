"""Looks into the message cache. What is fresh goes on at once; what is popular and due is renewed on the side.

A stale answer is not used here: upstreams are asked first, for as long as `dns.pipeline.forward` says (RFC 8767,
section 5). Only where an attempt to renew it failed a moment ago is it given straight away.
"""

from dns.cache import MessageCache
from dns.pipeline.context import RequestContext
from dns.pipeline.forward import Forwarder, query_flags
from dns.pipeline.pipeline import Stage, StageResult


def cache_stage(cache: MessageCache, forwarder: Forwarder) -> Stage:
    """Return the stage."""

    def stage(context: RequestContext) -> StageResult:
        query = context.query
        now = context.now
        key = context.cache_key = (context.lookup_name, query.qtype, query_flags(query))
        cached = cache.get(key, now)
        if cached is None:
            return None
        if cached.is_fresh(now):
            context.cached = cached
            if cached.needs_prefetch(now):
                forwarder.prefetch(context)
        else:
            context.is_stale = True  # there is one to fall back on
            if cached.is_awaiting_recheck(now):
                context.cached = cached
        return None

    return stage
