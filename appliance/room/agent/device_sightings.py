"""Tells central which devices are on the room's own network, so that the school can give them names.

Only addresses travel: MAC and IP addresses that the kernel has heard of lately, never what was asked. Told when
another device comes or an address changes, and every `REPEAT_SECONDS` else; a room that sees nobody says nothing.
A central of before, which does not know the message, is asked again after an hour.
"""

import asyncio
import ipaddress
import logging
from collections.abc import Callable, Iterable

from appliance.errors import HallpassError
from appliance.protocol import MAX_SEEN_DEVICES, SeenDevice, SeenDevices
from appliance.room.agent.backoff import Backoff
from appliance.room.agent.central_client import CentralClient
from appliance.room.agent.central_errors import CentralRejected
from appliance.room.agent.central_state import CentralState
from appliance.room.agent.thread_pool import run_blocking
from appliance.room.neighbours import Neighbour, read_neighbours
from dns.coalesced_timers import sleep_coalesced

READ_SECONDS = 20.0
REPEAT_SECONDS = 300.0
OLD_CENTRAL_SECONDS = 3600.0
RETRY_SECONDS = 5.0
MAX_RETRY_SECONDS = 300.0
LATELY_SECONDS = 600.0
_MULTICAST_BIT = 0x01  # of the first octet of a MAC address

log = logging.getLogger("hallpass.agent")


class DeviceSightings:
    """What one room sees, on its way to central."""

    def __init__(
        self,
        client: CentralClient,
        state: CentralState,
        read: Callable[[], Iterable[Neighbour]] = read_neighbours,
        read_seconds: float = READ_SECONDS,
    ) -> None:
        self._client = client
        self._state = state
        self._read = read
        self._read_seconds = read_seconds

    async def report(self) -> None:
        """Say which devices there are, for ever."""
        loop = asyncio.get_running_loop()
        backoff = Backoff(RETRY_SECONDS, MAX_RETRY_SECONDS)
        reported: frozenset[tuple[str, str]] = frozenset()
        reported_at = float("-inf")
        while True:
            await self._state.reached.wait()
            seen = select_devices(await run_blocking(self._read))
            pairs = frozenset((one.mac, one.address) for one in seen)
            if seen and (pairs - reported or loop.time() - reported_at >= REPEAT_SECONDS):
                try:
                    await self._client.put_seen_devices(SeenDevices(devices=seen))
                except CentralRejected as problem:
                    log.info("central does not want to know which devices are here: %s", problem)
                    await asyncio.sleep(OLD_CENTRAL_SECONDS)
                    continue
                except HallpassError as problem:
                    log.info("which devices are here was not told: %s", problem)
                    await asyncio.sleep(backoff.next_pause_seconds(problem))
                    continue
                backoff.reset()
                reported, reported_at = pairs, loop.time()
            await sleep_coalesced(self._read_seconds)


def select_devices(neighbours: Iterable[Neighbour]) -> tuple[SeenDevice, ...]:
    """Return the devices among the kernel's neighbours, those heard of last first: what one message bears."""
    found = sorted(
        (
            one
            for one in neighbours
            if one.seconds_ago <= LATELY_SECONDS
            and not int(one.mac[:2], 16) & _MULTICAST_BIT
            and not ipaddress.ip_address(one.address).is_link_local
        ),
        key=lambda one: one.seconds_ago,
    )
    return tuple(
        SeenDevice(mac=one.mac, address=one.address, seconds_ago=one.seconds_ago)
        for one in found[:MAX_SEEN_DEVICES]
    )
