"""A listener over TCP in this process, whose resolver says of each question what it was."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from dns.server.connection_limiter import ConnectionLimits
from dns.server.stream_listener import StreamListener
from dns.server.tcp import Transport, listen_tcp

QUESTION = b"\x12\x34\1\0\0\1\0\0\0\0\0\0\7example\3org\0\0\1\0\1"


class Echo:
    """A resolver that answers with the question, when it is told to."""

    def __init__(self, *, at_once: bool = True) -> None:
        self.at_once = at_once
        self.waiting: list[tuple[bytes, Callable[[bytes], None]]] = []
        self.packets: list[bytes] = []
        self.clients: set[str] = set()

    def __call__(
        self, packet: bytes, client_address: str, send: Callable[[bytes], None], transport: Transport
    ) -> None:
        self.packets.append(packet)
        self.clients.add(client_address)
        if self.at_once:
            send(packet)
        else:
            self.waiting.append((packet, send))


@asynccontextmanager
async def listening(
    handle: Echo, host: str = "127.0.0.1", **limits: float
) -> AsyncIterator[tuple[StreamListener, int]]:
    bounds = ConnectionLimits(**limits)  # type: ignore[arg-type]  # whole numbers where they must be
    listener = listen_tcp(host, 0, handle, limits=bounds, is_allowed=lambda address: address != "127.0.0.66")
    try:
        yield listener, listener.port
    finally:
        await listener.close()
    assert len(listener) == 0


def framed(message: bytes) -> bytes:
    return len(message).to_bytes(2, "big") + message


async def read(reader: asyncio.StreamReader) -> bytes:
    return await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
