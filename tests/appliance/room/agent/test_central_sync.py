"""A room follows central, keeps the last good state, and delivers what it owes once."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from appliance.protocol import RequestState, Target, UnblockRequest
from appliance.room.agent import installer, rpc
from blocklists import builtin_list, delta
from blocklists.compiler import build_index as compile_lists
from blocklists.container import INDEX_NAME, OVERLAY_NAME
from blocklists.index import open_index
from blocklists.sources import Source
from dns.policy.document import PolicyDocument
from tests.appliance.room.agent.conftest import Agent, until
from tests.fakes.central import FakeCentral


def policy(version: int) -> bytes:
    return msgspec.json.encode(PolicyDocument(version=version, room="Room 4"))


def wish(number: int, site: str = "maps.example.org") -> UnblockRequest:
    return UnblockRequest(
        id=f"{number:032x}",
        site=site,
        reason="geography",
        minutes=10,
        teacher="teacher",
        asked_at=datetime.now(UTC),
    )


def compiled(folder: Path) -> tuple[str, bytes]:
    version = builtin_list.build_builtin_index(folder / "built").version
    return version, (folder / "built" / INDEX_NAME).read_bytes()


def test_a_room_fetches_the_policy_and_the_index_that_the_feed_names(folder: Path, central: FakeCentral) -> None:
    version, content = compiled(folder)
    central.indexes[version], central.policy = content, policy(7)
    central.target = Target(policy=7, index=version, requests=0)

    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            await until("the policy", lambda: installer.installed_policy_version(agent.paths) == 7)
            await until("the index", lambda: installer.installed_index_version(agent.paths) == version)
            assert (agent.paths.index / INDEX_NAME).read_bytes() == content
            assert await until("health", lambda: [one for one in central.health if one["policy"] == 7])
            status = (await agent.ask(rpc.StatusRequest())).status
            fetched = (agent.paths.index / INDEX_NAME).stat().st_mtime
            agent.follower._now = lambda: fetched + 172_800.0
            later = (await agent.ask(rpc.StatusRequest())).status
            assert status is not None
            assert status.index_age_seconds is not None
            assert later is not None
            assert later.index_age_seconds == 172_800.0

    asyncio.run(story())


def test_fields_of_a_newer_central_are_kept(folder: Path, central: FakeCentral) -> None:
    central.policy = b'{"version": 3, "from_the_future": {"x": 1}}'
    central.target = Target(policy=3, index="", requests=0)

    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            await until("the policy", lambda: installer.installed_policy_version(agent.paths) == 3)
            assert agent.paths.policy.read_bytes() == central.policy

    asyncio.run(story())


def test_an_index_that_does_not_have_its_hash_is_not_used(folder: Path, central: FakeCentral) -> None:
    version, content = compiled(folder)
    wrong = "0" * len(version)
    central.indexes = {wrong: content, version: content}
    central.target = Target(policy=0, index=wrong, requests=0)

    async def story() -> None:
        agent = Agent(folder, central.url)
        async with agent.running():
            await until("the fetching", agent.paths.indexes.exists)
            central.target = Target(policy=0, index=version, requests=0)
            await until("the right one", lambda: installer.installed_index_version(agent.paths) == version)
            await until("nothing else", lambda: [one.name for one in agent.paths.indexes.iterdir()] == [version])

    asyncio.run(story())


def test_a_damaged_index_and_a_broken_policy_leave_what_was_there(
    folder: Path, central: FakeCentral, caplog: pytest.LogCaptureFixture
) -> None:
    version, content = compiled(folder)
    central.indexes[version], central.policy = content, policy(1)
    central.target = Target(policy=1, index=version, requests=0)

    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            await until("the policy", lambda: installer.installed_policy_version(agent.paths) == 1)
            await until("the index", lambda: installer.installed_index_version(agent.paths) == version)
            central.indexes["f" * 64] = content[:-100]
            central.policy = b"<html>"
            central.target = Target(policy=2, index="f" * 64, requests=0)
            attempts = ("policy that central sent is not understood", "index that central sent is damaged")
            await until("the attempts", lambda: all(attempt in caplog.text for attempt in attempts))
            assert installer.installed_policy_version(agent.paths) == 1
            assert installer.installed_index_version(agent.paths) == version

    asyncio.run(story())


def test_a_feed_of_nonsense_is_taken_for_an_absence(
    folder: Path, central: FakeCentral, caplog: pytest.LogCaptureFixture
) -> None:
    central.lines = [b"no json\n"]

    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            await until("the absence", lambda: "central is away" in caplog.text)
            central.lines = []
            await until("central", lambda: agent.follower.is_reachable)

    asyncio.run(story())


def test_requests_made_while_central_is_away_arrive_once_each_when_it_is_back(
    folder: Path, central: FakeCentral
) -> None:
    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            await until("central", lambda: agent.follower.is_reachable)
            await asyncio.to_thread(central.stop)
            await until("the absence", lambda: not agent.follower.is_reachable)
            for number in (1, 2):
                await agent.ask(rpc.SubmitRequest(wish(number)))
                await agent.ask(rpc.SubmitRequest(wish(number)))  # somebody pressed twice
            assert set((await agent.ask(rpc.ListRequestsRequest())).unsent) == {wish(1).id, wish(2).id}
            central.start()
            await until("both", lambda: len(central.taken["requests"]) == 2)
            assert {one["id"] for one in central.taken["requests"]} == {wish(1).id, wish(2).id}
            await until("an empty outbox", lambda: not agent.memory.pending_messages())

    asyncio.run(story())


def test_requests_survive_the_death_of_the_agent(folder: Path, central: FakeCentral) -> None:
    async def story() -> None:
        central.stop()
        first = Agent(folder, central.url)
        async with first.running():
            await first.ask(rpc.SubmitRequest(wish(1)))
        central.start()
        async with Agent(folder, central.url).running():
            await until("the request", lambda: central.taken["requests"])

    asyncio.run(story())


def test_a_request_that_central_will_never_take_is_put_aside_with_its_words(
    folder: Path, central: FakeCentral
) -> None:
    central.refusal = (409, "that is no name")

    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            await agent.ask(rpc.SubmitRequest(wish(1)))
            await until("the refusal", lambda: not agent.memory.pending_messages())
            central.refusal = None
            await agent.ask(rpc.SubmitRequest(wish(2)))
            await until("the next one", lambda: central.taken["requests"])
            states = {state.request.id: state for state in (await agent.ask(rpc.ListRequestsRequest())).requests}
            assert (states[wish(1).id].state, states[wish(1).id].answer) == ("denied", "that is no name")

    asyncio.run(story())


def test_what_central_decides_is_shown_in_the_room(folder: Path, central: FakeCentral) -> None:
    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            await agent.ask(rpc.SubmitRequest(wish(1)))
            await until("the request", lambda: central.taken["requests"])
            central.states = [RequestState(request=wish(1), state="denied", answer="not today")]
            central.target = Target(policy=0, index="", requests=1)
            shown = await until(
                "the decision",
                lambda: [
                    one for one in agent.memory.list_requests(datetime(2020, 1, 1, tzinfo=UTC)) if one.answer
                ],
            )
            assert shown[0].answer == "not today"

    asyncio.run(story())


def test_a_token_that_is_not_known_keeps_the_requests(
    folder: Path, central: FakeCentral, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        agent = Agent(folder, central.url, token="somebody-else")
        async with agent.running():
            await agent.ask(rpc.SubmitRequest(wish(1)))
            await until("the refusal", lambda: "central does not know this room any more" in caplog.text)
            assert not agent.follower.is_reachable
            assert len(agent.memory.pending_messages()) == 1

    asyncio.run(story())


def build(folder: Path, name: str, names: str) -> Path:
    (folder / f"{name}.txt").write_text(names)
    source = Source(name="ours", category="games", location=str(folder / f"{name}.txt"), match="subdomains")
    compile_lists([source], folder / name)
    return folder / name


def test_a_room_that_has_an_index_downloads_only_what_changed(folder: Path, central: FakeCentral) -> None:
    names = "".join(f"site{number}.example\n" for number in range(20_000))
    old, new = build(folder, "old", names), build(folder, "new", names + "added.example\n")
    report = delta.make_overlay(old, new, folder / "overlay.hpx")
    central.indexes[report.base] = (old / INDEX_NAME).read_bytes()
    central.overlays[report.target, report.base] = (folder / "overlay.hpx").read_bytes()
    central.target = Target(policy=0, index=report.base, requests=0)

    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            await until("the base", lambda: installer.installed_index_version(agent.paths) == report.base)
            central.target = Target(policy=0, index=report.target, requests=0)
            await until(
                "the day's changes", lambda: installer.installed_index_version(agent.paths) == report.target
            )
            index = open_index(agent.paths.index)
            assert index.version == report.target
            assert index.find_block_entries("www.added.example")
            assert index.find_block_entries("site7.example")
            assert report.size < (new / INDEX_NAME).stat().st_size / 2

    asyncio.run(story())


def test_a_room_that_has_nothing_takes_an_index_in_layers_piece_by_piece(
    folder: Path, central: FakeCentral
) -> None:
    names = "".join(f"site{number}.example\n" for number in range(200))
    old, new = build(folder, "old", names), build(folder, "new", names + "added.example\n")
    report = delta.make_overlay(old, new, folder / "overlay.hpx")
    central.indexes[report.target] = (old / INDEX_NAME).read_bytes()  # what lies below, under the name of both
    central.overlays[report.target, report.base] = (folder / "overlay.hpx").read_bytes()
    central.target = Target(policy=0, index=report.target, requests=0)

    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            await until("both", lambda: installer.installed_index_version(agent.paths) == report.target)
            index = open_index(agent.paths.index)
            assert index.find_block_entries("www.added.example")
            assert index.find_block_entries("site7.example")
            assert sorted(path.name for path in agent.paths.index.iterdir()) == [INDEX_NAME, OVERLAY_NAME]

    asyncio.run(story())


def test_an_overlay_for_another_base_is_not_used(
    folder: Path, central: FakeCentral, caplog: pytest.LogCaptureFixture
) -> None:
    old, other, new = build(folder, "old", "a.example\n"), build(folder, "other", "b.example\n"), "c.example\n"
    report = delta.make_overlay(other, build(folder, "new", new), folder / "overlay.hpx")
    base = open_index(old).version
    central.indexes[base] = (old / INDEX_NAME).read_bytes()
    central.overlays[report.target, base] = (folder / "overlay.hpx").read_bytes()
    central.target = Target(policy=0, index=base, requests=0)

    async def story() -> None:
        async with Agent(folder, central.url).running() as agent:
            await until("the base", lambda: installer.installed_index_version(agent.paths) == base)
            central.policy = policy(2)
            central.target = Target(policy=2, index=report.target, requests=0)
            await until("the attempt", lambda: "the room keeps what it has" in caplog.text)
            assert installer.installed_index_version(agent.paths) == base
            await until("nothing else", lambda: [one.name for one in agent.paths.indexes.iterdir()] == [base])

    asyncio.run(story())


def test_what_an_interrupted_fetching_left_does_not_hinder_the_next(folder: Path, central: FakeCentral) -> None:
    version, content = compiled(folder)
    central.indexes[version] = content
    central.target = Target(policy=0, index=version, requests=0)
    agent = Agent(folder, central.url)
    for left in (agent.paths.indexes / ".fetching-before", agent.paths.indexes / version):
        left.mkdir(parents=True)
        (left / "something").write_bytes(b"half of it")

    async def story() -> None:
        async with agent.running():
            await until("the index", lambda: installer.installed_index_version(agent.paths) == version)
            await until("nothing else", lambda: [one.name for one in agent.paths.indexes.iterdir()] == [version])

    asyncio.run(story())


def test_what_a_teacher_waits_for_is_sent_before_a_heap_of_incidents(folder: Path, central: FakeCentral) -> None:
    async def story() -> None:
        central.stop()
        agent = Agent(folder, central.url)
        async with agent.running():
            for number in range(20):
                agent.memory.post_message("incident", f"{number:032x}", b"{}")
            await agent.ask(rpc.SubmitRequest(wish(1)))
            assert agent.memory.pending_messages()[0].kind == "request"

    asyncio.run(story())
