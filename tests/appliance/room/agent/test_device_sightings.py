"""A room tells central which devices it sees, and nothing of what they asked."""

import asyncio
from pathlib import Path

from appliance.protocol import MAX_SEEN_DEVICES
from appliance.room.agent.device_sightings import DeviceSightings, select_devices
from appliance.room.neighbours import Neighbour
from tests.appliance.room.agent.conftest import Agent, until
from tests.fakes.central import FakeCentral

LAPTOP = Neighbour("192.0.2.7", "00:00:5e:00:53:01", 3.0)
TABLET = Neighbour("192.0.2.8", "02:00:5e:00:53:02", 5.0)


def test_devices_are_told_once_and_again_when_another_one_comes(folder: Path, central: FakeCentral) -> None:
    here = [LAPTOP]

    async def story() -> None:
        agent = Agent(folder, central.url)
        follower = agent.follower
        follower.sightings = DeviceSightings(agent._client, follower.state, lambda: tuple(here), read_seconds=0.02)
        async with agent.running():
            await until("the laptop", lambda: central.seen_devices)
            here.append(TABLET)
            await until("the tablet", lambda: len(central.seen_devices) > 1)
            here.remove(TABLET)
            await asyncio.sleep(0.2)  # ten looks

    asyncio.run(story())
    assert [[one["mac"] for one in said] for said in central.seen_devices] == [
        [LAPTOP.mac], [LAPTOP.mac, TABLET.mac],
    ]  # fmt: skip
    assert set(central.seen_devices[0][0]) == {"mac", "address", "seconds_ago"}


def test_only_devices_heard_of_lately_are_told_and_no_more_than_a_message_bears() -> None:
    others = (
        Neighbour("192.0.2.9", "00:00:5e:00:53:03", 601.0),
        Neighbour("192.0.2.255", "ff:ff:ff:ff:ff:ff", 0.0),
        Neighbour("fe80::1", "00:00:5e:00:53:01", 0.0),
    )
    assert [one.address for one in select_devices((TABLET, *others, LAPTOP))] == ["192.0.2.7", "192.0.2.8"]
    crowd = [
        Neighbour(f"198.51.100.{n % 250}", f"02:00:5e:00:{n >> 8:02x}:{n & 255:02x}", n / 9) for n in range(900)
    ]
    assert len(select_devices(crowd)) == MAX_SEEN_DEVICES
    assert select_devices(()) == ()
