"""The stand-in answers every name from the name alone, over UDP and TCP, and survives junk."""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable

import pytest
from dnslib import EDNS0, QTYPE, RCODE, DNSRecord

from appliance.demo.stand_in import build_response, serve_dns
from tests.fakes.ports import free_port


def ask(name: str, qtype: str = "A") -> DNSRecord:
    query = DNSRecord.question(name, qtype)
    query.add_ar(EDNS0(udp_len=1232))
    reply = build_response(query.pack())
    assert reply is not None
    return DNSRecord.parse(reply)


def test_a_name_always_has_the_same_documentation_address() -> None:
    first, again = ask("Example.org"), ask("example.org")
    assert str(first.rr[0].rdata) == str(again.rr[0].rdata)
    assert str(first.rr[0].rdata).startswith("192.0.2.")
    assert str(ask("example.org", "AAAA").rr[0].rdata).startswith("2001:db8:")


def test_a_type_without_data_and_a_name_that_does_not_exist_carry_an_soa() -> None:
    assert ask("example.org", "MX").auth[0].rtype == QTYPE.SOA
    missing = ask("nothing.invalid")
    assert missing.header.rcode == RCODE.NXDOMAIN
    assert missing.auth[0].rtype == QTYPE.SOA


@pytest.mark.parametrize(
    "junk", [b"", b"\x00", b"\xff" * 40, build_response(DNSRecord.question("example.org").pack())]
)
def test_what_is_no_query_is_not_answered(junk: bytes) -> None:
    assert build_response(junk) is None


def run(story: Callable[[int], Awaitable[None]]) -> None:
    async def main() -> None:
        port = free_port()
        server = asyncio.create_task(serve_dns("127.0.0.1", port))
        try:
            async with asyncio.timeout(20):
                while not server.done():
                    with contextlib.suppress(OSError):
                        _, writer = await asyncio.open_connection("127.0.0.1", port)
                        writer.close()
                        break
                    await asyncio.sleep(0.01)
                await story(port)
        finally:
            server.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await server

    asyncio.run(main())


def test_it_answers_over_udp_and_over_tcp() -> None:
    async def story(port: int) -> None:
        query = DNSRecord.question("example.org").pack()
        loop = asyncio.get_running_loop()
        with socket.socket(type=socket.SOCK_DGRAM) as asker:
            asker.setblocking(False)
            asker.connect(("127.0.0.1", port))
            await loop.sock_sendall(asker, query)
            over_udp = await loop.sock_recv(asker, 4096)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(len(query).to_bytes(2, "big") + query)
        over_tcp = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
        writer.close()
        assert over_udp == over_tcp == build_response(query)

    run(story)
