"""The difference of two clocks is known as well as what was said allows, and nothing is open longer for it."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from appliance.protocol import RequestState, Target
from appliance.room import clock_difference
from appliance.room.agent import rpc
from appliance.room.agent.central_clock import SAMPLE_SECONDS, CentralClock
from appliance.room.agent.service import sync_conditions
from appliance.room.conditions import Condition
from appliance.room.policy_loader import PolicyLoader
from dns.message.constants import RecordType
from dns.policy.document import Group, PolicyDocument, Profile, Rule, Unblock
from dns.policy.explain import explain
from tests.appliance.room.agent.conftest import Agent, until
from tests.appliance.room.agent.test_outbox_delivery import wish
from tests.fakes.central import FakeCentral
from tests.fakes.clock import FakeClock

SITE = "maps.example.org"
MINUTE = 60.0
MINUTES_APART = (-2.0, 2.0, -90.0, 90.0)


def granted_by(now: datetime, seconds: float, version: int = 1) -> bytes:
    """Return a policy of a central whose clock shows `now`: the site is closed, and just opened for a time."""
    return msgspec.json.encode(
        PolicyDocument(
            version=version,
            room="Room 4",
            issued=now,
            default_group="pupils",
            groups=(Group(name="pupils", profile="pupils"),),
            profiles=(Profile(name="pupils"),),
            rules=(Rule(name=SITE, action="block"),),
            unblocks=(Unblock(id="1", site=SITE, since=now, until=now + timedelta(seconds=seconds)),),
        )
    )


def is_open(agent: Agent, at: float) -> bool:
    """Tell whether a room would answer for the site at a time of its own clock."""
    loader = PolicyLoader(agent.settings, agent.paths, clock_trusted=lambda: True, now=lambda: at)
    policy = loader.load()
    return explain(policy.view_for_group("pupils"), SITE, RecordType.A, at).verdict != "refused"


@pytest.mark.parametrize("minutes", MINUTES_APART)
@pytest.mark.parametrize("inline", [True, False])
def test_what_is_granted_for_a_minute_opens_at_once_and_lasts_a_minute_by_the_rooms_clock(
    folder: Path, central: FakeCentral, minutes: float, inline: bool
) -> None:
    central.clock_ahead = minutes * MINUTE

    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            await until("central", lambda: agent.follower.is_reachable)
            granted_at = time.time()
            central.set_policy(granted_by(central.now(), MINUTE), "d1", inline=inline)
            await until("the policy", lambda: agent.follower.policy.installed_policy().digest == "d1")
            assert is_open(agent, time.time()), "at once"
            assert is_open(agent, granted_at + MINUTE - 3)
            assert not is_open(agent, time.time() + MINUTE), "never later than granted"
            central.states = [
                RequestState(
                    request=wish(1), state="approved", decided_by="c", until=central.now() + timedelta(minutes=1)
                )
            ]
            central.target = msgspec.structs.replace(central.target, requests=5)
            (state,) = await until(
                "the request", lambda: agent.memory.list_requests(datetime(2020, 1, 1, tzinfo=UTC))
            )
            assert state.until is not None
            (shown,) = (await agent.ask(rpc.ListRequestsRequest())).requests
            assert shown.until is not None
            assert abs((shown.until - datetime.now(UTC)).total_seconds() - MINUTE) < 10, (
                "the page shows the room's"
            )
            assert list(sync_conditions(agent.follower, time.time())) == [Condition.CLOCK_DIFFERS]
            told = await until("health", lambda: [one for one in central.health if one["policy_digest"] == "d1"])
            assert abs(told[-1]["clock_difference_seconds"] - minutes * MINUTE) < 5

    asyncio.run(story())


def test_clocks_that_agree_change_nothing(folder: Path, central: FakeCentral) -> None:
    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            await until("central", lambda: agent.follower.is_reachable)
            assert agent.follower.central_ahead_seconds() == 0.0
            assert not agent.paths.clock_difference.exists()
            assert list(sync_conditions(agent.follower, time.time())) == []

    asyncio.run(story())


def test_a_central_of_before_is_believed_its_http_date(folder: Path, central: FakeCentral) -> None:
    central.clock_ahead, central.says_time = 120.0, False

    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            await until("a call", lambda: agent.follower.central_ahead_seconds() != 0.0)
            assert abs(agent.follower.central_ahead_seconds() - 120.0) < 5

    asyncio.run(story())


class Clocks:
    """The room's clock and its monotonic one."""

    def __init__(self) -> None:
        self.wall, self.steady = FakeClock(), FakeClock(1000.0)
        self.clock = CentralClock(self.wall, self.steady)

    def call(self, ahead: float, out: float = 0.1, back: float = 0.1, resolution: float = 0.0) -> None:
        """Have a call answered by a central whose clock is ahead."""
        sent_at = self.steady.now
        self.pass_by(out)
        said = self.wall.now + ahead
        self.pass_by(back)
        self.clock.add_time(said, sent_at, resolution)

    def pass_by(self, seconds: float) -> None:
        self.wall.now += seconds
        self.steady.now += seconds


def test_a_difference_that_may_be_none_is_none() -> None:
    clocks = Clocks()
    assert clocks.clock.difference_seconds() is None
    clocks.call(ahead=0.05)
    assert clocks.clock.difference_seconds() == 0.0


def test_the_narrowest_bounds_count_and_of_what_may_be_the_greatest() -> None:
    clocks = Clocks()
    clocks.call(ahead=30.0, out=2.0, back=2.0)
    assert clocks.clock.difference_seconds() == pytest.approx(32.0)
    clocks.call(ahead=30.0, out=0.01, back=0.01)
    assert clocks.clock.difference_seconds() == pytest.approx(30.01)
    clocks.call(ahead=30.0, out=3.0, back=3.0)
    assert clocks.clock.difference_seconds() == pytest.approx(30.01)


def test_a_room_whose_clock_is_set_knows_the_new_difference_at_once() -> None:
    clocks = Clocks()
    clocks.call(ahead=7200.0)
    clocks.wall.now += 7200.0
    assert clocks.clock.difference_seconds() == 0.0


def test_a_central_whose_clock_is_set_is_believed_the_new_time() -> None:
    clocks = Clocks()
    clocks.call(ahead=500.0)
    clocks.call(ahead=-500.0)
    assert clocks.clock.difference_seconds() == pytest.approx(-500.0, abs=0.2)


def test_what_was_measured_long_ago_counts_only_until_there_is_something_newer() -> None:
    clocks = Clocks()
    clocks.call(ahead=30.0, out=0.0, back=0.0)
    clocks.pass_by(SAMPLE_SECONDS * 2)
    assert clocks.clock.difference_seconds() == pytest.approx(30.0)
    clocks.call(ahead=31.0, out=1.5, back=1.5)
    assert clocks.clock.difference_seconds() == pytest.approx(32.5)


@pytest.mark.parametrize("said", [0.0, -1.0, float("nan"), float("inf"), 1e300])
def test_a_time_that_is_none_is_passed_over(said: float) -> None:
    clocks = Clocks()
    clocks.clock.add_time(said, clocks.steady.now)
    for header in ("", "yesterday", "Fri, 99 Nov 2026 00:00:00 GMT", "Fri, 27 Nov 99999 00:00:00 GMT"):
        clocks.clock.add_date(header, clocks.steady.now)
    assert clocks.clock.difference_seconds() is None


def test_of_an_earlier_run_of_the_machine_only_what_closes_earlier_is_believed(tmp_path: Path) -> None:
    path = tmp_path / "clock.json"
    for ahead, later in ((120.0, 120.0), (-120.0, 0.0)):
        clock_difference.write_difference(path, ahead)
        assert clock_difference.read_difference(path) == ahead
        assert clock_difference.read_difference(path, boot="another") == later


@pytest.mark.parametrize(
    "content", [b"", b"[]", b'{"central_ahead_seconds": 1e999}', b'{"central_ahead_seconds": "x"}']
)
def test_a_damaged_note_of_the_difference_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "clock.json").write_bytes(content)
    assert clock_difference.read_difference(tmp_path / "clock.json") == 0.0
    clock_difference.write_difference(tmp_path / "clock.json", 9.0)
    assert clock_difference.read_difference(tmp_path / "clock.json") == 9.0


def test_a_time_at_the_end_of_the_calendar_leaves_the_room_its_last_policy(
    folder: Path, central: FakeCentral
) -> None:
    central.clock_ahead = -3600.0
    until_the_end = (
        b'{"version": 1, "unblocks": [{"id": "1", "site": "a.example", "until": "9999-12-31T23:59:59Z"}]}'
    )

    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            central.set_policy(until_the_end, "d1", inline=True)
            await until("the policy", lambda: agent.follower.policy.installed_policy().digest == "d1")
            await until("the difference", lambda: agent.follower.central_ahead_seconds() < 0)
            loader = PolicyLoader(agent.settings, agent.paths)
            loader.load()
            assert "end of the calendar" in loader.conditions[Condition.POLICY_DAMAGED]

    asyncio.run(story())


def test_targets_of_a_central_of_before_are_read() -> None:
    assert msgspec.json.decode(b'{"policy":1,"index":"","requests":2}', type=Target).time == 0.0
