"""Policy, index, requests and accounts are followed each by itself, and by what they hold."""

import asyncio
import logging
import os
import threading
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import msgspec
import pytest

from appliance.protocol import Account, AccountState, Credentials, Target
from appliance.room.account_states import AccountStates, read_account_states
from appliance.room.agent import installer, rpc
from appliance.room.agent.backoff import Backoff
from appliance.room.agent.central_errors import CentralUnreachable
from appliance.room.agent.health_report import HEALTH_SECONDS, OLD_HEALTH_SECONDS
from appliance.room.policy_file import read_known_policy
from appliance.room.policy_loader import PolicyLoader
from blocklists.container import INDEX_NAME
from blocklists.index import open_index
from dns.policy.document import PolicyDocument
from tests.appliance.room.agent.conftest import Agent, until
from tests.appliance.room.agent.test_central_sync import build, compiled, wish
from tests.fakes.central import FakeCentral

LONG = 600.0


def policy(version: int, note: str = "") -> bytes:
    return msgspec.json.encode(PolicyDocument(version=version, room="Room 4", school=note))


def digest(agent: Agent) -> str:
    return installer.read_installed_policy(agent.paths).digest


def has_digest(agent: Agent, wanted: str) -> bool:
    return digest(agent) == wanted


def two_indexes(folder: Path, central: FakeCentral) -> tuple[str, str]:
    """Have central offer two indexes; return their hashes."""
    homes = [build(folder, name, f"{name}.example\n") for name in ("first", "second")]
    versions = [open_index(home).version for home in homes]
    central.indexes |= {
        version: (home / INDEX_NAME).read_bytes() for version, home in zip(versions, homes, strict=True)
    }
    return versions[0], versions[1]


def test_an_index_that_trickles_in_delays_no_policy(folder: Path, central: FakeCentral) -> None:
    version, content = compiled(folder)
    central.indexes[version], central.index_pauses = content, {100: LONG}
    central.target = Target(policy=0, index=version, requests=0)

    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            await until("the index under way", lambda: central.index_fetches)
            for number in range(1, 4):
                central.set_policy(policy(number), f"d{number}", inline=number == 2, version=number)
                await until("the policy", partial(has_digest, agent, f"d{number}"))
            assert installer.installed_index_version(agent.paths) == ""

    asyncio.run(story())


def test_a_policy_that_comes_in_the_line_is_installed_without_a_fetch(folder: Path, central: FakeCentral) -> None:
    line = b'{"policy":3,"index":"","requests":0,"policy_digest":"d3","document":%s}\n'
    content = '{"version": 3, "school": "one\u2028line", "from_the_future": {"x": 1}}'.encode()
    central.lines = [line % content]

    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            await until("the policy", lambda: digest(agent) == "d3")
            assert agent.paths.policy.read_bytes() == content, "byte for byte, and what is not understood too"
            assert "policy" not in central.asked

    asyncio.run(story())


def test_a_policy_that_is_there_is_not_fetched_again_after_a_restart(folder: Path, central: FakeCentral) -> None:
    central.set_policy(policy(7), "d7", inline=False, version=7)

    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            await until("the policy", lambda: digest(agent) == "d7")
        assert central.asked.count("policy") == 1
        central.health.clear()
        central.set_policy(policy(9), "d7", inline=False, version=9)  # the same content under another number
        async with Agent(folder, central.url).running():
            (told, *_) = await until("health", lambda: central.health)
            assert (told["policy"], told["policy_digest"]) == (7, "d7")
            await until("the requests", lambda: central.asked.count("requests") == 2)
        assert central.asked.count("policy") == 1

    asyncio.run(story())


@pytest.mark.parametrize("inline", [True, False])
def test_a_restored_central_that_gives_a_number_again_does_not_leave_the_room_with_the_old_policy(
    folder: Path, central: FakeCentral, inline: bool
) -> None:
    central.set_policy(policy(3, "before"), "d-before".replace("-", ""), inline=False, version=3, epoch="e1")

    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            await until("the policy", lambda: digest(agent) == "dbefore")
        central.set_policy(policy(3, "after"), "dafter", inline=inline, version=3, epoch="e2")
        async with Agent(folder, central.url).running() as agent:
            await until("the other policy", lambda: digest(agent) == "dafter")
            assert b"after" in agent.paths.policy.read_bytes()
            await until("health", lambda: central.health[-1]["policy_digest"] == "dafter")

    asyncio.run(story())


def test_the_digest_of_the_policy_before_is_known_while_the_new_one_is_written(
    folder: Path, central: FakeCentral
) -> None:
    agent = Agent(folder, central.url)
    installer.install_policy(agent.paths, policy(1), "d1")
    kept = agent.paths.policy.read_bytes()
    installer.install_policy(agent.paths, policy(2), "d2")
    agent.paths.policy.write_bytes(kept)  # the power went between the two files
    assert digest(agent) == "d1"
    found = read_known_policy(agent.paths)
    assert found is not None
    assert found.content == kept
    agent.memory.close()


def test_a_damaged_policy_is_put_back_from_the_resolvers_copy_where_that_is_what_central_wants(
    folder: Path, central: FakeCentral
) -> None:
    central.set_policy(policy(7), "d7", inline=False, version=7)

    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            await until("the policy", lambda: digest(agent) == "d7")
            PolicyLoader(agent.settings, agent.paths, keeps_copy=True).load()
            agent.paths.policy.write_bytes(b"{}")
            await until("the policy again", lambda: digest(agent) == "d7")
            assert central.asked.count("policy") == 1
            agent.paths.policy.unlink()
            central.set_policy(policy(8), "d8", inline=False, version=8)
            await until("the newer one", lambda: digest(agent) == "d8")

    asyncio.run(story())


@pytest.mark.parametrize("said", ["", "two words", "x" * 1000, "d\nd", "\N{LATIN SMALL LETTER E WITH ACUTE}"])
def test_a_digest_that_is_none_is_not_kept(folder: Path, central: FakeCentral, said: str) -> None:
    agent = Agent(folder, central.url)
    installer.install_policy(agent.paths, policy(1), said)
    assert installer.read_installed_policy(agent.paths) == installer.InstalledPolicy(1, "")
    agent.memory.close()


def test_a_newer_index_replaces_the_one_under_way(folder: Path, central: FakeCentral) -> None:
    first, second = two_indexes(folder, central)
    central.index_pauses = {100: LONG}
    central.target = Target(policy=0, index=first, requests=0)

    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            await until("the first under way", lambda: central.index_fetches)
            central.index_pauses = {}
            central.target = Target(policy=0, index=second, requests=0)
            await until("the second", lambda: installer.installed_index_version(agent.paths) == second)
            await until("nothing else", lambda: [one.name for one in agent.paths.indexes.iterdir()] == [second])

    asyncio.run(story())


def test_an_index_whose_line_breaks_is_gone_on_with(folder: Path, central: FakeCentral) -> None:
    version, content = compiled(folder)
    central.indexes[version], central.index_pauses = content, {1000: 0.0, 3000: 0.0}
    central.target = Target(policy=0, index=version, requests=0)

    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            await until("the index", lambda: installer.installed_index_version(agent.paths) == version)
            assert (agent.paths.index / INDEX_NAME).read_bytes() == content
            assert central.index_fetches == ["", "bytes=1000-", "bytes=3000-"]

    asyncio.run(story())


def test_rooms_spread_the_fetching_of_a_changed_index_but_not_of_a_first_or_damaged_one(
    folder: Path, central: FakeCentral
) -> None:
    first, second = two_indexes(folder, central)
    central.target = Target(policy=0, index=first, requests=0)

    async def story() -> None:
        async with Agent(folder, central.url, index_spread_seconds=LONG).running() as agent:
            await until("the first, at once", lambda: installer.installed_index_version(agent.paths) == first)
            file = agent.paths.index / INDEX_NAME
            whole = file.read_bytes()
            file.write_bytes(whole[:-10])
            await until("the damaged one, at once", lambda: file.exists() and file.read_bytes() == whole)
            fetches = len(central.index_fetches)
            central.target = Target(policy=1, index=second, requests=0)
            central.policy = policy(1)
            await until("the policy", lambda: installer.installed_policy_version(agent.paths) == 1)
            assert len(central.index_fetches) == fetches

    asyncio.run(story())


def test_rooms_wait_for_as_long_as_central_says_and_not_all_for_the_same_time() -> None:
    pauses = {Backoff(1.0, 8.0).next_pause_seconds(CentralUnreachable("busy", 30.0)) for _ in range(20)}
    assert len(pauses) > 1
    assert 30.0 <= min(pauses) <= max(pauses) <= 45.0


def test_pauses_grow_and_begin_anew_after_a_success() -> None:
    backoff = Backoff(1.0, 8.0)
    bounds = [1.0, 2.0, 4.0, 8.0, 8.0]
    for bound in bounds:
        assert bound / 2 <= backoff.next_pause_seconds() <= bound
    backoff.reset()
    assert backoff.next_pause_seconds() <= 1.0


@pytest.mark.parametrize("status", [503, 429])
def test_a_busy_central_is_left_alone_for_as_long_as_it_says(
    folder: Path, central: FakeCentral, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    central.answers[wish(1).id], central.retry_after = status, "2"
    caplog.set_level(logging.INFO, "hallpass.agent")

    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            await agent.ask(rpc.SubmitRequest(wish(1)))
            await until("its answer", lambda: "the outbox waits" in caplog.text)
            began = time.monotonic()
            await agent.ask(rpc.SubmitRequest(wish(2)))
            await until("the next", lambda: len(central.tried) > 1)
            assert time.monotonic() - began > 1.5

    asyncio.run(story())


def test_health_travels_when_something_changes_and_a_burst_of_changes_once(
    folder: Path, central: FakeCentral
) -> None:
    central.set_policy(policy(1), "d0", inline=True)

    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            await until("health", lambda: [one for one in central.health if one["policy_digest"] == "d0"])
            told, began = len(central.health), time.monotonic()
            for number in range(1, 21):
                central.set_policy(policy(number), f"d{number}", inline=True, version=number)
                await until("the policy", partial(has_digest, agent, f"d{number}"))
            await until("the last", lambda: central.health[-1]["policy_digest"] == "d20")
            assert len(central.health) - told <= time.monotonic() - began + 2
            assert agent.follower.health.repeat_seconds == HEALTH_SECONDS
            central.target = Target(policy=21, index="", requests=0)
            central.policy = policy(21)
            await until("a central of before", lambda: installer.installed_policy_version(agent.paths) == 21)
            assert agent.follower.health.repeat_seconds == OLD_HEALTH_SECONDS

    asyncio.run(story())


def test_an_account_whose_password_is_new_has_no_kept_sign_in_any_more(folder: Path, central: FakeCentral) -> None:
    now = datetime.now(UTC)
    for name in ("tess", "tom", "tim"):
        central.accounts[name, "secret"] = Account(
            username=name, name=name, role="teacher", valid_after=now - timedelta(hours=1)
        )
    states = [
        AccountState(username="tess", valid_after=now + timedelta(hours=1), role="teacher"),
        AccountState(username="tom", valid_after=now - timedelta(hours=1), role="teacher"),
        AccountState(username="tim", valid_after=now - timedelta(hours=1), role="governor"),
    ]

    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            await until("central", lambda: agent.follower.is_reachable)
            for name, password in central.accounts:
                await agent.ask(rpc.SignInRequest(Credentials(name, password)))
            central.account_states = states
            central.target = msgspec.structs.replace(central.target, accounts="a1")
            await until("the accounts", agent.paths.account_states.exists)
            assert read_account_states(agent.paths.account_states) == AccountStates("a1", tuple(states))

            def kept() -> list[str]:
                return [name for name, _ in central.accounts if agent.memory.find_kept_sign_in(name, now)]

            await until("the others to be forgotten", lambda: kept() == ["tom"])

    asyncio.run(story())


@pytest.mark.parametrize("when", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-01-01T00:00:00"])
def test_times_of_accounts_that_cannot_be_are_passed_over_and_end_nothing(
    folder: Path, central: FakeCentral, when: str, caplog: pytest.LogCaptureFixture
) -> None:
    central.accounts["tess", "secret"] = Account(username="tess", name="Tess", role="teacher")
    moment = datetime.fromisoformat(when)
    central.account_states = [AccountState(username="tess", valid_after=moment, ends=moment, role="teacher")]

    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            await until("central", lambda: agent.follower.is_reachable)
            await agent.ask(rpc.SignInRequest(Credentials("tess", "secret")))
            central.target = msgspec.structs.replace(central.target, accounts="a1")
            await until("the attempt", lambda: "the room keeps what it has" in caplog.text)
            assert agent.memory.find_kept_sign_in("tess", datetime.now(UTC)) is not None

    asyncio.run(story())


def test_nothing_that_waits_for_the_disk_holds_the_loop_up(
    folder: Path, central: FakeCentral, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, gaps = 2.0, [0.0]
    sync = os.fsync
    left = [slow, slow]

    def slow_sync(handle: int) -> None:
        time.sleep(left.pop() if left else 0.0)
        sync(handle)

    async def tick() -> None:
        last = time.monotonic()
        while True:
            await asyncio.sleep(0.01)
            now = time.monotonic()
            gaps.append(now - last)
            last = now

    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            await until("central", lambda: agent.follower.is_reachable)
            ticking = asyncio.create_task(tick())
            monkeypatch.setattr(os, "fsync", slow_sync)
            version, content = compiled(folder)
            central.indexes[version] = content
            gaps.clear()  # to compile one is the test's own
            central.set_policy(policy(2), "d2", inline=True, version=2)
            central.target = msgspec.structs.replace(central.target, index=version)
            holder = threading.Thread(target=_hold, args=(agent, slow))
            holder.start()  # a disk that takes its time over a transaction
            await agent.ask(rpc.SubmitRequest(wish(1)))
            holder.join()
            await until("the policy", lambda: digest(agent) == "d2")
            await until("the index", lambda: installer.installed_index_version(agent.paths) == version)
            ticking.cancel()
        assert not left
        assert max(gaps) < slow

    asyncio.run(story())


def _hold(agent: Agent, seconds: float) -> None:
    with agent.memory.lock:
        time.sleep(seconds)
