"""Ways for a test to put questions to upstreams, and to run until the answer is there."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import dnslib

from dns.errors import MalformedMessage
from dns.forward.server import UpstreamAddress
from dns.forward.upstreams import ForwardZone, Upstreams
from dns.message.query import parse_query
from dns.message.scanner import scan_message
from tests.fakes.upstream import FakeUpstream

PATIENT = 9.0  # seconds: however busy the machine, no server is taken for silent that only had no turn


def run(story: Coroutine[Any, Any, Any]) -> Any:
    """Run a story in a loop of its own, and end it if it hangs."""

    async def bounded() -> Any:
        async with asyncio.timeout(60):
            result = await story
            for _ in range(5):
                await asyncio.sleep(0)  # transports close themselves in the loop's next turns
            return result

    return asyncio.run(bounded())


def query(name: str, qtype: str = "A", *, edns: bytes | None = None, dnssec: bool = False) -> bytes:
    """Return a question as a device would ask it; `edns`: the options of its OPT record."""
    record = dnslib.DNSRecord.question(name, qtype)
    record.header.id = 0x1234
    packed = bytearray(record.pack())
    if edns is not None or dnssec:
        options = edns or b""
        packed[11] = 1
        packed += b"\0\0\x29\x10\x00" + (b"\0\0\x80\0" if dnssec else bytes(4))
        packed += len(options).to_bytes(2, "big") + options
    return bytes(packed)


@asynccontextmanager
async def asking(
    *servers: FakeUpstream | UpstreamAddress,
    forwards: tuple[ForwardZone, ...] = (),
    retry_seconds: float = PATIENT,
    trust: Callable[[], ssl.SSLContext] = ssl.create_default_context,
) -> AsyncIterator[Upstreams]:
    """Start upstreams that ask these servers, and again after `retry_seconds` without an answer."""
    addresses = [one.address if isinstance(one, FakeUpstream) else one for one in servers]
    upstreams = Upstreams(addresses, forwards, retry_seconds=retry_seconds, trust=trust)
    await upstreams.start()
    try:
        yield upstreams
    finally:
        await upstreams.close()


def is_message(data: bytes) -> bool:
    """Tell whether bytes are a whole message, as the message cache does."""
    try:
        scan_message(data)
    except MalformedMessage:
        return False
    return True


async def answer_bytes(
    upstreams: Upstreams, message: bytes, name: str, late: list[bytes | None] | None = None
) -> bytes | None:
    """Ask, and wait for what comes back; what comes after that is put into `late`."""
    late = [] if late is None else late
    future: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()

    def done(answer: bytes | None) -> bool:
        if future.done():
            assert future.result() is None, "answered twice"
            late.append(answer)
            return True
        if answer is not None and not is_message(answer):
            return False
        future.set_result(answer)
        return True

    upstreams.resolve_query(message, parse_query(message).question_end, name, done)
    return await future


async def answer(upstreams: Upstreams, name: str, qtype: str = "A", **how: Any) -> dnslib.DNSRecord | None:
    """Ask, and return the answer parsed, or None where there was none."""
    data = await answer_bytes(upstreams, query(name, qtype, **how), name.lower().removesuffix("."))
    return None if data is None else dnslib.DNSRecord.parse(data)


def addresses(record: dnslib.DNSRecord | None) -> list[str]:
    """Return the data of an answer's records, as text."""
    assert record is not None
    return [str(one.rdata) for one in record.rr]
