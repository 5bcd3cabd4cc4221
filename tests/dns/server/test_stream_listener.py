"""A whole worker, asked over TCP, TLS and HTTPS by real clients, with a real upstream behind it."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import dnslib
import httpx

from dns.local_zones.local_zones import LocalZones
from dns.server.sockets import open_worker_sockets
from dns.server.tls import Certificate
from dns.worker import Worker
from dns.worker_config import WorkerSettings
from tests.fakes.authority import Authority
from tests.fakes.dns_client import query, run
from tests.fakes.policy import FakePolicy
from tests.fakes.upstream import FakeUpstream
from tests.fakes.upstream_behaviours import late

NAME = "room.school.example"


class Source:
    """A policy that never changes."""

    def __init__(self) -> None:
        self._policy = FakePolicy(blocked={"bets.example"})

    def current(self) -> FakePolicy:
        return self._policy

    def has_changed(self) -> bool:
        return False

    def is_touched(self) -> bool:
        return False

    def load(self) -> FakePolicy:
        return self._policy

    def is_whole(self) -> bool:
        return True


@asynccontextmanager
async def working(server: FakeUpstream, authority: Authority) -> AsyncIterator[tuple[int, int, int]]:
    """Run a worker; give its ports for TCP, TLS and HTTPS."""
    files: tuple[Path, Path] = authority.sign(NAME, "127.0.0.1")
    certificate = Certificate(*files, ["dot", "h2"], time.monotonic)
    settings = WorkerSettings(
        networks=("127.0.0.0/8",), upstreams=(server.address,), local_zones=LocalZones(), certificate=certificate
    )
    sockets = open_worker_sockets([("127.0.0.1", 0)], [("127.0.0.1", 0)], [("127.0.0.1", 0)])
    places = sockets.addresses + sockets.tls_addresses + sockets.https_addresses
    worker = Worker(settings, sockets, Source())
    ready = asyncio.Event()
    task = asyncio.create_task(worker.serve(ready.set))
    await ready.wait()
    try:
        yield (places[0][1], places[1][1], places[2][1])
    finally:
        worker.stop()
        await task


async def over_stream(port: int, names: list[str], **tls: object) -> list[dnslib.DNSRecord]:
    """Ask all at once over one connection; return the answers in the order in which they came."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, **tls)  # type: ignore[arg-type]  # ssl
    for name in names:
        message = query(name, edns=b"")
        writer.write(len(message).to_bytes(2, "big") + message)
    found = []
    for _ in names:
        size = int.from_bytes(await reader.readexactly(2), "big")
        found.append(dnslib.DNSRecord.parse(await reader.readexactly(size)))
    writer.close()
    await writer.wait_closed()
    return found


def test_every_way_in_leads_to_the_same_answers(authority: Authority) -> None:
    async def story() -> None:
        async with working(server, authority) as (tcp, tls, https):
            names = ["www.example.org", "bets.example", "www.example.org", "localhost"]
            expected = {
                "www.example.org.": ["192.0.2.1"],
                "bets.example.": ["0.0.0.0"],
                "localhost.": ["127.0.0.1"],
            }
            for answers in (
                await over_stream(tcp, names),
                await over_stream(tls, names, ssl=authority.trust(), server_hostname=NAME),
            ):
                assert len(answers) == 4
                for record in answers:
                    assert [str(one.rdata) for one in record.rr] == expected[str(record.q.qname)]
            async with httpx.AsyncClient(http2=True, verify=authority.trust(), trust_env=False) as client:
                for name in names:
                    response = await client.post(
                        f"https://127.0.0.1:{https}/dns-query",
                        content=query(name, edns=b""),
                        headers={"content-type": "application/dns-message"},
                    )
                    record = dnslib.DNSRecord.parse(response.content)
                    assert [str(one.rdata) for one in record.rr] == expected[name + "."]

    with FakeUpstream() as server:
        run(story())
        assert server.names() == ["www.example.org"]


def test_rfc7766_a_slow_answer_holds_up_no_quick_one(authority: Authority) -> None:
    async def story() -> None:
        async with working(server, authority) as (tcp, _, _):
            answers = await over_stream(tcp, ["slow.example.org", "bets.example", "localhost"])
            assert [str(record.q.qname) for record in answers] == [
                "bets.example.",
                "localhost.",
                "slow.example.org.",
            ]

    with FakeUpstream(behave=late(0.2)) as server:
        run(story())
