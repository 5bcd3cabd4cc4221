"""A worker follows its policy's files, keeps the last good policy, and answers through every change."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import dnslib
import pytest

from dns import worker as worker_module
from dns.policy.verdict import Policy, Verdict
from dns.server.sockets import open_worker_sockets
from dns.worker import Worker
from dns.worker_config import WorkerSettings
from tests.fakes.dns_client import run
from tests.fakes.policy import FakePolicy, FakeView
from tests.fakes.resolvers import question
from tests.fakes.upstream import FakeUpstream

REST_SECONDS = 3600.0  # longer than any test: what ends such a rest is a question


class Source:
    """Where a worker's policy comes from, in a test's hand."""

    def __init__(self, policy: FakePolicy) -> None:
        self.policy: Policy = policy
        self.next: Policy | Exception | None = None
        self.others: Policy | None = None  # to be taken when the lists are found damaged
        self.touched = False
        self.may_load = threading.Event()
        self.may_load.set()

    def current(self) -> Policy:
        return self.policy

    def has_changed(self) -> bool:
        return self.next is not None

    def is_touched(self) -> bool:
        return self.touched

    def is_whole(self) -> bool:
        self.next, self.others = self.others, None
        return self.next is None

    def load(self) -> Policy:
        self.may_load.wait(20)
        found, self.next = self.next, None
        if isinstance(found, Exception):
            raise found
        assert found is not None
        self.policy = found
        return found


class Device(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.answers: asyncio.Queue[bytes] = asyncio.Queue()

    def datagram_received(self, data: bytes, _addr: object) -> None:
        self.answers.put_nowait(data)


@asynccontextmanager
async def working(source: Source) -> AsyncIterator[tuple[Worker, Callable[[str], Awaitable[str]]]]:
    with FakeUpstream() as upstream:
        settings = WorkerSettings(networks=("127.0.0.0/8",), upstreams=(upstream.address,))
        sockets = open_worker_sockets([("127.0.0.1", 0)])
        worker = Worker(settings, sockets, source)
        ready = asyncio.Event()
        task = asyncio.create_task(worker.serve(ready.set))
        await ready.wait()
        loop = asyncio.get_running_loop()
        transport, device = await loop.create_datagram_endpoint(Device, remote_addr=sockets.addresses[0])

        async def ask(name: str) -> str:
            transport.sendto(question(name))
            return next(
                (str(record.rdata) for record in dnslib.DNSRecord.parse(await device.answers.get()).rr), ""
            )

        try:
            yield worker, ask
        finally:
            transport.close()
            worker.stop()
            await task


def test_a_new_policy_is_followed_without_a_question_being_lost() -> None:
    async def story() -> None:
        source = Source(FakePolicy())
        async with working(source) as (_, ask):
            assert await ask("bets.example") == "192.0.2.1"
            policy = FakePolicy(blocked={"bets.example"}, version=2)
            policy.changed = ["bets.example"]
            source.next = policy
            while await ask("bets.example") != "0.0.0.0":
                assert await ask("fine.example") == "192.0.2.1"
            policy = FakePolicy(version=3)
            policy.changed = ["bets.example"]
            source.next = policy
            while await ask("bets.example") != "192.0.2.1":
                assert await ask("fine.example") == "192.0.2.1"

    run(story())


def test_a_policy_that_cannot_be_loaded_leaves_the_last_good_one_in_force() -> None:
    async def story() -> None:
        source = Source(FakePolicy(blocked={"bets.example"}))
        async with working(source) as (worker, ask):
            for problem in (ValueError("damaged"), RuntimeError("a mistake of ours")):
                source.next = problem
                while str(problem) not in worker.policy_problem:
                    assert await ask("bets.example") == "0.0.0.0"
            source.next = FakePolicy(version=4)
            while worker.policy_problem:
                await ask("fine.example")
            assert await ask("bets.example") == "192.0.2.1"

    run(story())


class Damaged(FakePolicy):
    """A policy whose lists can no longer be looked into."""

    def __post_init__(self) -> None:
        self.shared = DamagedView(self)


class DamagedView(FakeView):
    def decide(self, name: str, qtype: int, now: float) -> Verdict:
        raise IndexError("set number out of range")


def test_a_question_that_meets_damaged_lists_fails_and_the_worker_takes_others() -> None:
    async def story() -> None:
        source = Source(Damaged())
        others = source.others = FakePolicy(blocked={"bets.example"})
        async with working(source) as (worker, ask):
            assert await ask("bets.example") == ""  # neither open nor without an answer
            while worker.resolver.policy is not others:
                await ask("fine.example")
            assert await ask("bets.example") == "0.0.0.0"
            assert await ask("fine.example") == "192.0.2.1"

    run(story())


def test_while_touched_lists_are_looked_at_nothing_that_needs_them_is_answered() -> None:
    async def story() -> None:
        source = Source(FakePolicy())
        async with working(source) as (_, ask):
            assert await ask("fine.example") == "192.0.2.1"
            source.next = FakePolicy(blocked={"bets.example"})
            source.may_load.clear()
            source.touched = True
            number = 0
            while await ask(f"new{number}.example"):  # a new name each time: what is remembered is still answered
                number += 1
            assert await ask("another.example") == ""
            source.touched = False
            source.may_load.set()
            while await ask("another.example") != "192.0.2.1":
                await asyncio.sleep(0.01)
            assert await ask("bets.example") == "0.0.0.0"

    run(story())


def test_lists_are_read_now_and_then_where_nothing_seems_to_be_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "READ_WHOLE_SECONDS", 0.1)

    async def story() -> None:
        source = Source(FakePolicy())
        source.others = FakePolicy(blocked={"bets.example"})
        async with working(source) as (_, ask):
            while await ask("bets.example") != "0.0.0.0":
                await asyncio.sleep(0.01)

    run(story())


def test_lists_that_were_touched_and_found_whole_are_read_again_soon() -> None:
    async def story() -> None:
        source = Source(FakePolicy())
        async with working(source) as (worker, ask):
            source.next = found_whole = FakePolicy()
            source.touched = True
            while worker.resolver.policy is not found_whole:
                await ask("fine.example")
            source.touched = False
            source.others = FakePolicy(blocked={"bets.example"})  # what was still being written has arrived
            while await ask("bets.example") != "0.0.0.0":
                await asyncio.sleep(0.01)

    run(story())


def test_the_clock_may_be_set() -> None:
    async def story() -> None:
        source = Source(FakePolicy())
        async with working(source) as (worker, ask):
            await ask("a.example")
            await ask("a.example")
            assert len(worker.resolver.packet_cache) == 1
            worker.resolver.handle_clock_jump()
            assert len(worker.resolver.packet_cache) == 0
            assert await ask("a.example") == "192.0.2.1"

    run(story())


async def rested(worker: Worker) -> None:
    """Wait until a worker that nobody asks rests."""
    while worker.resolver.on_next_query is None:
        await asyncio.sleep(0.01)


def long_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "IDLE_SECONDS", 0.1)
    monkeypatch.setattr(worker_module, "POLICY_POLL_SECONDS", REST_SECONDS)


def test_a_question_ends_the_rest_of_a_worker_that_nobody_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    long_rests(monkeypatch)

    async def story() -> None:
        async with working(Source(FakePolicy())) as (worker, ask):
            for _ in range(3):  # forwarded, then remembered, then replayed: that is counted by the tick alone
                await rested(worker)
                assert await ask("a.example") == "192.0.2.1"
                assert worker.resolver.on_next_query is None
            await rested(worker)
            assert worker.resolver.replayed_count == 1

    run(story())


def test_lists_that_were_touched_during_a_rest_are_held_before_the_first_question(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    long_rests(monkeypatch)

    async def story() -> None:
        source = Source(FakePolicy())
        async with working(source) as (worker, ask):
            await rested(worker)
            source.may_load.clear()
            source.next, source.touched = FakePolicy(), True
            assert await ask("new.example") == ""
            source.touched = False
            source.may_load.set()
            while await ask("new.example") != "192.0.2.1":
                await asyncio.sleep(0.01)

    run(story())


def test_a_question_over_a_connection_ends_a_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    long_rests(monkeypatch)

    async def story() -> None:
        async with working(Source(FakePolicy())) as (worker, _):
            await rested(worker)
            worker.resolver.handle_stream_query(question("a.example"), "127.0.0.1", lambda _message: None, "tcp")
            assert worker.resolver.on_next_query is None

    run(story())
