"""The order of the stages, and why each stands where it does. What each does, its own file says."""

from collections.abc import Callable, Sequence

from dns.cache import MessageCache
from dns.pipeline.acl import acl_stage
from dns.pipeline.cache import cache_stage
from dns.pipeline.forward import Forwarder
from dns.pipeline.local_zones import LocalZoneLookup, local_zones_stage
from dns.pipeline.parse import parse_stage
from dns.pipeline.pipeline import Stage
from dns.pipeline.policy import held_stage, policy_stage
from dns.pipeline.rate_limit import rate_limit_stage
from dns.pipeline.respond import respond_stage
from dns.pipeline.response_policy import response_policy_stage
from dns.pipeline.sanity import sanity_stage


def ordered_stages(
    local_zones: LocalZoneLookup | None,
    page_addresses: Callable[[], Sequence[str]],
    cache: MessageCache,
    forwarder: Forwarder,
    *,
    is_held: bool = False,
) -> tuple[Stage, ...]:
    """Return the stages in their order. Held: whatever needs a decision fails.

    `page_addresses`: the addresses of the page on which this room explains a refusal.
    """
    return (
        # Everything after needs the question; and bytes that are none deserve the least work.
        parse_stage,
        # Before anything that costs: unknown clients get as little of us as possible.
        acl_stage,
        # Before anything else that costs: so do floods. After `acl_stage`, because only devices have a share.
        rate_limit_stage,
        # What no later stage could make sense of. After the two before, because it answers at length.
        sanity_stage,
        # The room's own names must work whatever a policy says, and no upstream knows them.
        local_zones_stage(local_zones),
        # Before the cache, so that nothing closed is ever asked for, and what is cached opens nothing.
        held_stage if is_held else policy_stage(page_addresses),
        # Before upstreams: what is known need not be asked for. Shared by all policies, hence after them.
        cache_stage(cache, forwarder),
        # Only what is not in the cache.
        forwarder.forward_stage,
        # After both sources, because an alias that was safe for one view may be closed for another. Held as well:
        # what was asked of upstreams before comes back here.
        held_stage if is_held else response_policy_stage(page_addresses),
        # Last: it always has an answer.
        respond_stage,
    )
