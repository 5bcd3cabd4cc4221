"""What the agent asks is answered whole or not at all, over as few connections as will do."""

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from appliance.room.agent.http11 import HttpClient, HttpFailed

OK = b'HTTP/1.1 200 OK\r\nETag: "a"\r\nContent-Length: 2\r\n\r\nhi'


class Server:
    """Answers each request on a connection with the next of its answers, and closes after the last of them."""

    def __init__(self, *answers: bytes, stays_open: bool = False) -> None:
        self.answers = list(answers)
        self.stays_open = stays_open
        self.requests: list[bytes] = []
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while self.answers:
                head = await reader.readuntil(b"\r\n\r\n")
                size = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0] or 0)
                self.requests.append(head + await reader.readexactly(size))
                writer.write(self.answers.pop(0))
            if self.stays_open:
                await reader.read()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def client_of(server: Server, **more: float) -> AsyncIterator[HttpClient]:
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    client = HttpClient(
        f"http://127.0.0.1:{port}/api/", ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), seconds=more.get("seconds", 20.0)
    )
    try:
        yield client
    finally:
        client.close()
        listening.close()
        await listening.wait_closed()


def run(server: Server, story: Callable[[HttpClient], Awaitable[None]], **more: float) -> None:
    async def told() -> None:
        async with client_of(server, **more) as client:
            await story(client)

    asyncio.run(asyncio.wait_for(told(), 30))


def test_calls_one_after_the_other_share_a_connection() -> None:
    server = Server(OK, OK, stays_open=True)

    async def story(client: HttpClient) -> None:
        first = await client.request("GET", "a name/b")
        second = await client.request("PUT", "b", b"body", {"X-Kind": "k"})
        assert (first.status_code, first.content, first.headers["etag"]) == (200, b"hi", '"a"')
        assert second.is_success

    run(server, story)
    assert server.connections == 1
    assert server.requests[0].startswith(b"GET /api/a%20name/b HTTP/1.1\r\n")
    assert server.requests[1].endswith(b"\r\n\r\nbody")
    assert b"X-Kind: k\r\n" in server.requests[1]


def test_a_connection_that_the_other_side_has_closed_is_not_used_again() -> None:
    server = Server(OK)

    async def story(client: HttpClient) -> None:
        await client.request("GET", "a")
        while not all(one._reader.at_eof() for one in client._idle):
            await asyncio.sleep(0.01)
        server.answers.append(OK)
        assert (await client.request("GET", "b")).content == b"hi"

    run(server, story)
    assert server.connections == 2


@pytest.mark.parametrize("pause", [0.0, 0.05])
def test_what_nobody_asked_for_is_not_the_next_calls_answer(pause: float) -> None:
    late = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    server = Server(OK + late, OK, stays_open=True)

    async def story(client: HttpClient) -> None:
        assert (await client.request("GET", "a")).status_code == 200
        await asyncio.sleep(pause)
        assert (await client.request("GET", "b")).status_code == 200

    run(server, story)
    assert server.connections == 2


def test_an_answer_that_is_given_up_closes_its_connection() -> None:
    server = Server(OK, OK, stays_open=True)

    async def story(client: HttpClient) -> None:
        async with client.stream("GET", "a") as response:
            assert response.is_success
        assert (await client.request("GET", "b")).content == b"hi"

    run(server, story)
    assert server.connections == 2


def test_what_is_packed_is_unpacked_and_streams_come_in_pieces() -> None:
    packed = gzip.compress(b"x" * 100_000)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(one), one) for one in (packed[:50], packed[50:]))

    async def story(client: HttpClient) -> None:
        assert (await client.request("GET", "a")).content == b"x" * 100_000

    run(Server(head + chunks + b"0\r\n\r\n"), story)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi", "peer closed connection"),
        (b"what is this\r\n\r\n", "illegal"),
        (b"", "closed|disconnected|without"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nhi", "cannot be unpacked"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 20\r\n\r\n"
            + gzip.compress(b"hi" * 99, mtime=0)[:20],
            "its end is missing",
        ),
    ],
)
def test_what_is_no_whole_answer_is_a_failure(answer: bytes, words: str) -> None:
    async def story(client: HttpClient) -> None:
        with pytest.raises(HttpFailed, match=words):
            await client.request("GET", "a")

    run(Server(answer), story)


def test_who_says_nothing_is_left() -> None:
    async def story(client: HttpClient) -> None:
        with pytest.raises(HttpFailed, match="in time"):
            await client.request("GET", "a")

    run(Server(b"", stays_open=True), story, seconds=0.05)


def test_nobody_there_is_a_failure_with_its_cause() -> None:
    async def story(client: HttpClient) -> None:
        client._port = 1
        with pytest.raises(HttpFailed) as found:
            await client.request("GET", "a")
        assert isinstance(found.value.__cause__, OSError)

    run(Server(), story)
