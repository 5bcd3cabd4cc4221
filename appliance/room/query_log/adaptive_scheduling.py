"""Lets the recorder step aside for DNS, and come back where it would starve."""

import asyncio
from collections.abc import Callable

from appliance.cpu_scheduling import CHECK_SECONDS, AdaptiveScheduling, SchedulingPolicy
from dns.coalesced_timers import next_moment

REST_CHECK_SECONDS = 1.0  # where nothing comes


async def adapt_scheduling(is_in_use: Callable[[], bool]) -> None:
    """Step aside for everybody else, except where that starves us. Runs until it is cancelled.

    `is_in_use` tells whether anything came lately.
    """
    scheduling = AdaptiveScheduling(SchedulingPolicy())
    if not scheduling.is_possible:
        return
    loop = asyncio.get_running_loop()
    late = 0.0
    while True:
        scheduling.adapt(late, loop.time())
        now = loop.time()
        due = next_moment(now, CHECK_SECONDS if is_in_use() else REST_CHECK_SECONDS)
        await asyncio.sleep(due - now)
        late = loop.time() - due
