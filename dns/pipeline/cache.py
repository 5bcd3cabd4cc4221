"""Looks into the record cache. What is fresh goes on at once; what is popular and due is renewed on the side.

A stale answer is not used here: upstreams are asked first, for as long as `dns.pipeline.forward` says (RFC 8767,
section 5). Only where an attempt to renew it failed a moment ago is it given straight away.
"""

from dns.cache import RecordCache
from dns.pipeline.context import Asked
from dns.pipeline.forward import Fetching, wishes
from dns.pipeline.pipeline import Outcome, Stage


def remembered(cache: RecordCache, fetching: Fetching) -> Stage:
    """Return the stage."""

    def stage(asked: Asked) -> Outcome:
        query = asked.query
        now = asked.now
        key = asked.key = (asked.lookup, query.qtype, wishes(query))
        found = cache.get(key, now)
        if found is None:
            return None
        if found.is_fresh(now):
            asked.found = found
            if found.is_due(now):
                fetching.renew(asked)
        else:
            asked.stale = True  # there is one to fall back on
            if found.is_waiting(now):
                asked.found = found
        return None

    return stage
