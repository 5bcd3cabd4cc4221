"""Simulated rooms: each holds central's feed over TLS, fetches what it lacks, and notes when it was in step.

They speak central's machine interface (`appliance.protocol`) over plain HTTP/1.1 on asyncio's streams: a thousand
of them must cost this machine less than central does.
"""

import asyncio
import contextlib
import random
import ssl
import time
from collections.abc import AsyncIterator
from typing import Any

import msgspec

_HEADERS_END = b"\r\n\r\n"


class Interrupted(Exception):
    """Central refused, or the connection ended."""


class SimulatedRoom:
    """One room that follows central."""

    def __init__(
        self, name: str, token: str, host: str, port: int, context: ssl.SSLContext | None, *, source: str = ""
    ) -> None:
        """`source`: the address that it comes from; "": the machine's choice."""
        self._source = (source, 0) if source else None
        self.name = name
        self.token = token
        self._address = (host, port)
        self._context = context
        self.lines = 0  # of targets
        self.policies = 0  # that differed from the one before
        self.cuts = 0  # feeds that ended without our doing
        self.errors: list[str] = []
        self.is_connected = False
        self.heard_at = 0.0  # when central said something last, by the monotonic clock
        self.longest_silence = 0.0  # seconds between two lines, empty ones too
        self.in_step_at = 0.0  # when the newest policy was taken, by the monotonic clock
        self.policy: Any = None  # what central calls the policy that the room has
        self.index = ""
        self._requests = -1
        self._sites: frozenset[str] = frozenset()

    def has_unblock(self, site: str) -> bool:
        """Tell whether the policy that the room has opens a site."""
        return site in self._sites

    async def follow(self) -> None:
        """Hold the feed, for ever; come back soon where it ended."""
        while True:
            try:
                async with asyncio.timeout(30):
                    stream = self._open("GET /api/v1/feed")
                    reader, writer = await stream.__aenter__()
            except (OSError, TimeoutError, Interrupted, asyncio.IncompleteReadError) as problem:
                self.errors.append(f"{type(problem).__name__} {problem}")
                await asyncio.sleep(random.uniform(0.1, 1.0))
                continue
            self.is_connected = True
            try:
                await self._read_lines(reader)
            except (OSError, TimeoutError, Interrupted, asyncio.IncompleteReadError) as problem:
                self.cuts += 1
                self.errors.append(f"feed: {type(problem).__name__} {problem}")
            finally:
                self.is_connected = False
                writer.transport.abort()
            await asyncio.sleep(random.uniform(0.1, 1.0))

    async def call(self, request: str, body: bytes | None = None) -> bytes:
        """Make one call on a connection of its own, and return the body of its answer. Raises Interrupted."""
        async with self._open(request, body) as (reader, _):
            return await reader.read()

    async def download(self, path: str, bytes_per_second: float) -> int:
        """Fetch a file no faster than a line lets through; return how many bytes came. Raises Interrupted."""
        async with self._open(f"GET /api/v1/{path}") as (reader, _):
            began, size = asyncio.get_running_loop().time(), 0
            while piece := await reader.read(64 * 1024):
                size += len(piece)
                await asyncio.sleep(began + size / bytes_per_second - asyncio.get_running_loop().time())
        return size

    async def put(self, path: str, message: object) -> None:
        """Hand something in."""
        await self.call(f"PUT /api/v1/{path}", msgspec.json.encode(message))

    async def _read_lines(self, reader: asyncio.StreamReader) -> None:
        self.heard_at = time.monotonic()
        while True:
            async with asyncio.timeout(25):
                size = int(await reader.readline() or b"0", 16)
                chunk = await reader.readexactly(size + 2)
            if size == 0:
                raise Interrupted("central closed the feed")
            before, self.heard_at = self.heard_at, time.monotonic()
            self.longest_silence = max(self.longest_silence, self.heard_at - before)
            if line := chunk.strip():
                await self._take(msgspec.json.decode(line))

    async def _take(self, target: dict[str, Any]) -> None:
        self.lines += 1
        named = target.get("policy_digest") or target["policy"]
        if named != self.policy:
            document = target.get("document") or msgspec.json.decode(await self.call("GET /api/v1/policy"))
            self._sites = frozenset(unblock["site"] for unblock in document.get("unblocks", ()))
            self.policy = named
            self.policies += 1
            self.in_step_at = time.monotonic()
        if target["requests"] != self._requests:
            self._requests = target["requests"]
        self.index = target["index"]

    @contextlib.asynccontextmanager
    async def _open(
        self, request: str, body: bytes | None = None
    ) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        host, port = self._address
        reader, writer = await asyncio.open_connection(
            host, port, ssl=self._context, server_hostname=host if self._context else None, limit=2**20,
            local_addr=self._source,
        )  # fmt: skip
        try:
            writer.write(self._request(request, body))
            answer = (await reader.readuntil(_HEADERS_END)).decode("latin-1")
            _require_success(request, int(answer.split(" ", 2)[1]))
            yield reader, writer
        except BaseException:
            writer.transport.abort()
            raise
        if "feed" not in request:
            writer.transport.abort()

    def _request(self, request: str, body: bytes | None) -> bytes:
        host, port = self._address
        lines = [f"{request} HTTP/1.1", f"Host: {host}:{port}", f"Authorization: Bearer {self.token}"]
        if "feed" not in request:
            lines.append("Connection: close")
        if body is not None:
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


def _require_success(request: str, status: int) -> None:
    if status >= 300:
        raise Interrupted(f"{request}: {status}")
