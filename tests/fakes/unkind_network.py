"""A network between a room and central that delays, stalls, cuts, loses answers and delivers things twice."""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

Misfortune = Literal["fine", "late", "cut", "lost", "twice", "stall"]
WEIGHTS: dict[Misfortune, int] = {"fine": 8, "late": 3, "cut": 2, "lost": 2, "twice": 3, "stall": 1}
STALL_SECONDS = 2.0
_PIECE_BYTES = 65536


class UnkindNetwork:
    """Passes connections on to a port of this machine. Each misfortune befalls a request, then the dice choose."""

    def __init__(self, to: int, seed: int) -> None:
        self._to = to
        self._dice = random.Random(seed)
        self._first: list[Misfortune] = ["fine", "late", "twice", "stall", "cut", "lost"]  # from the end
        self.is_kind = False  # True: everything passes from now on
        self.befell: Counter[Misfortune] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        """Serve; yield the port."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await asyncio.sleep(0)  # in which the aborted transports close

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            with contextlib.suppress(OSError):
                central_reader, central_writer = await asyncio.open_connection("127.0.0.1", self._to)
                answers = asyncio.create_task(_pass_on(central_reader, writer))
                try:
                    await self._pass_requests_on(reader, central_writer, answers)
                finally:
                    answers.cancel()
                    central_writer.transport.abort()
        finally:
            writer.transport.abort()

    async def _pass_requests_on(
        self, reader: asyncio.StreamReader, central: asyncio.StreamWriter, answers: "asyncio.Task[None]"
    ) -> None:
        while piece := await self._next_piece(reader, answers):
            kind: Misfortune = "fine"
            if not self.is_kind:
                kind = self._choose()
            self.befell[kind] += 1
            match kind:
                case "late":
                    await asyncio.sleep(self._dice.uniform(0.05, 0.4))
                case "cut":
                    central.write(piece[: len(piece) // 2])
                    await central.drain()
                    central.write_eof()
                    await asyncio.sleep(0.1)
                    return
                case "lost":
                    answers.cancel()
                    central.write(piece)
                    await central.drain()
                    await asyncio.sleep(0.5)
                    return
                case "twice" if b"/feed " not in piece:
                    await self._deliver_apart(piece)
                case "stall":
                    await asyncio.sleep(STALL_SECONDS)
                    return
            central.write(piece)
            await central.drain()

    def _choose(self) -> Misfortune:
        if self._first:
            return self._first.pop()
        (kind,) = self._dice.choices(list(WEIGHTS), list(WEIGHTS.values()))
        return kind

    async def _next_piece(self, reader: asyncio.StreamReader, answers: "asyncio.Task[None]") -> bytes:
        reading = asyncio.create_task(reader.read(_PIECE_BYTES))
        try:
            await asyncio.wait({reading, answers}, return_when=asyncio.FIRST_COMPLETED)
            return reading.result() if reading.done() else b""  # else central has closed
        finally:
            reading.cancel()

    async def _deliver_apart(self, piece: bytes) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._to)
        try:
            writer.write(piece)
            with contextlib.suppress(TimeoutError, OSError):
                async with asyncio.timeout(1):
                    await reader.read(_PIECE_BYTES)
        finally:
            writer.transport.abort()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while piece := await reader.read(_PIECE_BYTES):
            writer.write(piece)
            await writer.drain()
