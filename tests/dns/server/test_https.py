"""DNS over HTTPS (RFC 8484) and over TLS (RFC 7858), heard by real clients, polite and rude."""

import asyncio
from contextlib import suppress

import dnslib
import h2.config
import h2.connection
import h2.events
import pytest

from dns.server.http_request import DohRequest
from tests.fakes.authority import Authority
from tests.fakes.dns_client import query, run
from tests.fakes.https_listener import MESSAGE, LaterResolver, Resolver, bare_connection, browser, encoded, serving


def test_get_and_post_are_answered_and_say_for_how_long(authority: Authority) -> None:
    """RFC 8484, sections 4.1 and 5.1."""

    async def story() -> None:
        resolver = Resolver()
        async with serving(authority, resolver) as (listener, _), browser(authority, listener) as client:
            message = query("www.example.org")
            for response in (
                await client.post("/dns-query", content=message, headers=MESSAGE),
                await client.get("/dns-query", params={"dns": encoded(message)}),
            ):
                assert response.http_version == "HTTP/2"
                assert response.status_code == 200
                assert response.headers["content-type"] == "application/dns-message"
                assert response.headers["cache-control"] == "max-age=120"
                assert str(dnslib.DNSRecord.parse(response.content).rr[0].rdata) == "192.0.2.7"
        assert resolver.transports == ["https", "https"]

    run(story())


def test_what_is_no_question_gets_the_status_that_says_why(authority: Authority) -> None:
    async def story() -> None:
        async with serving(authority, Resolver()) as (listener, _), browser(authority, listener) as client:
            message = query("www.example.org")
            answer = bytes([message[0], message[1], 0x81]) + message[3:]
            for expected, response in (
                (404, await client.get("/")),
                (404, await client.post("/resolve", content=message, headers=MESSAGE)),
                (400, await client.get("/dns-query")),
                (400, await client.get("/dns-query", params={"dns": "!!"})),
                (400, await client.get("/dns-query", params={"dns": encoded(b"short")})),
                (400, await client.post("/dns-query", content=answer, headers=MESSAGE)),
                (405, await client.put("/dns-query", content=message, headers=MESSAGE)),
                (415, await client.post("/dns-query", content=message, headers={"content-type": "text/plain"})),
                (413, await client.post("/dns-query", content=bytes(70_000), headers=MESSAGE)),
            ):
                assert response.status_code == expected, response.request.url
            response = await client.post("/dns-query", content=message, headers=MESSAGE)
            assert response.status_code == 200

    run(story())


def test_a_hundred_questions_at_once_share_one_connection(authority: Authority) -> None:
    async def story() -> None:
        async with serving(authority, Resolver()) as (listener, _), browser(authority, listener) as client:
            responses = await asyncio.gather(
                *(
                    client.post("/dns-query", content=query(f"n{n}.example.org"), headers=MESSAGE)
                    for n in range(100)
                )
            )
            assert {response.status_code for response in responses} == {200}
            assert len(listener) == 1

    run(story())


def test_an_answer_larger_than_the_peers_window_is_sent_piece_by_piece(authority: Authority) -> None:
    async def story() -> None:
        resolver = Resolver()
        resolver.reply_size = 60_000
        window = {int(h2.settings.SettingCodes.INITIAL_WINDOW_SIZE): 1000}
        async with (
            serving(authority, resolver) as (listener, _),
            bare_connection(authority, listener, window) as peer,
        ):
            await peer.ask(1, query("www.example.org"))
            body = b""
            while True:
                event = await peer.next()
                if isinstance(event, h2.events.DataReceived):
                    body += event.data or b""
                    peer.http.acknowledge_received_data(event.flow_controlled_length or 0, 1)
                    peer.flush()
                elif isinstance(event, h2.events.StreamEnded):
                    break
            assert len(body) > 60_000

    run(story())


def test_rfc9113_6_8_a_door_at_rest_says_goodbye_and_still_answers_what_was_asked(authority: Authority) -> None:
    async def story() -> None:
        resolver = LaterResolver()
        async with serving(authority, resolver) as (listener, _), bare_connection(authority, listener) as peer:
            await peer.ask(1, query("www.example.org"))
            while not resolver.held:
                await asyncio.sleep(0.01)
            listener.drain()
            seen: list[type[h2.events.Event]] = []
            while h2.events.ConnectionTerminated not in seen:
                seen.append(type(await peer.next()))
            resolver.held.pop()()
            data = await peer.everything()
            assert b"\xc0\0\2\7" in data
            while len(listener):
                await asyncio.sleep(0.01)

    run(story())


@pytest.mark.parametrize(
    "path", ["//[", "/dns-query/", "/DNS-query", "", "*", "/dns-query%00", "http://[/dns-query"]
)
def test_strange_paths_are_not_found(path: str) -> None:
    assert DohRequest([(":method", "GET"), (":path", path)]).dns_query() == 404


def test_rfc9110_15_5_6_an_unknown_method_is_told_which_there_are(authority: Authority) -> None:
    async def story() -> None:
        async with serving(authority, Resolver()) as (listener, _), browser(authority, listener) as client:
            response = await client.put("/dns-query", content=query("www.example.org"), headers=MESSAGE)
            assert (response.status_code, response.headers["allow"]) == (405, "GET, POST")

    run(story())


def test_questions_over_tls_are_answered(authority: Authority) -> None:
    async def story() -> None:
        resolver = Resolver()
        async with serving(authority, resolver) as (_, listener):
            context = authority.trust()
            context.set_alpn_protocols(["dot"])
            reader, writer = await asyncio.open_connection("127.0.0.1", listener.port, ssl=context)
            for n in range(5):
                message = query(f"n{n}.example.org")
                writer.write(len(message).to_bytes(2, "big") + message)
            for _ in range(5):
                size = int.from_bytes(await reader.readexactly(2), "big")
                assert dnslib.DNSRecord.parse(await reader.readexactly(size)).rr
            assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "dot"
            writer.close()
            await writer.wait_closed()
        assert resolver.transports == ["tls"] * 5

    run(story())


def test_whoever_speaks_no_tls_is_let_go(authority: Authority) -> None:
    async def story() -> None:
        async with serving(authority, Resolver(), handshake_seconds=0.2) as (_, listener):
            reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
            writer.write(b"\0\x1d" + query("example.org"))
            await asyncio.gather(reader.read(), return_exceptions=True)
            writer.close()
            silent_reader, silent = await asyncio.open_connection("127.0.0.1", listener.port)
            await asyncio.gather(silent_reader.read(), return_exceptions=True)  # says nothing at all
            silent.close()
            while len(listener):
                await asyncio.sleep(0.01)

    run(story())


def test_half_made_connections_count_towards_a_devices_share(authority: Authority) -> None:
    async def story() -> None:
        async with serving(authority, Resolver(), max_connections_per_client=3) as (_, listener):
            pairs = [await asyncio.open_connection("127.0.0.1", listener.port) for _ in range(6)]
            for reader, _ in pairs[:3]:
                with suppress(ConnectionResetError):
                    assert await reader.read() == b""
            assert len(listener) == 3
            for _, writer in pairs:
                writer.close()

    run(story())
