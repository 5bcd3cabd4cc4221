"""A worker follows its policy's files, keeps the last good policy, and answers through every change."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import dnslib

from dns.listeners.sockets import open_sockets
from dns.verdict import Policy
from dns.worker import Worker, WorkerSettings
from tests.fakes.asking import run
from tests.fakes.policy import FakePolicy
from tests.fakes.resolving import question
from tests.fakes.upstream import FakeUpstream


class Source:
    """Where a worker's policy comes from, in a test's hand."""

    def __init__(self, policy: FakePolicy) -> None:
        self.policy: Policy = policy
        self.next: Policy | Exception | None = None

    def current(self) -> Policy:
        return self.policy

    def has_changed(self) -> bool:
        return self.next is not None

    def load(self) -> Policy:
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
        sockets = open_sockets([("127.0.0.1", 0)])
        worker = Worker(settings, sockets, source)
        ready = asyncio.Event()
        task = asyncio.create_task(worker.run(ready.set))
        await ready.wait()
        loop = asyncio.get_running_loop()
        transport, device = await loop.create_datagram_endpoint(Device, remote_addr=sockets.addresses[0])

        async def ask(name: str) -> str:
            transport.sendto(question(name))
            return str(dnslib.DNSRecord.parse(await device.answers.get()).rr[0].rdata)

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
            policy = FakePolicy(refused={"bets.example"}, version=2)
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
        source = Source(FakePolicy(refused={"bets.example"}))
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


def test_the_clock_may_be_set() -> None:
    async def story() -> None:
        source = Source(FakePolicy())
        async with working(source) as (worker, ask):
            await ask("a.example")
            await ask("a.example")
            assert len(worker.resolver.replay) == 1
            worker.resolver.clock_was_set()
            assert len(worker.resolver.replay) == 0
            assert await ask("a.example") == "192.0.2.1"

    run(story())
