"""One line of JSON there and one back over a Unix socket: how a room's processes answer each other.

What the lines say is defined where it is served: `appliance.room.agent.rpc`, `appliance.room.query_log.control`.
Who asks uses `appliance.ipc`.
"""

import asyncio
import contextlib
import logging
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from appliance.files import remove_whatever
from dns.coalesced_timers import sleep_coalesced

CHECK_SECONDS = 5.0
SOCKET_MODE = 0o660
LINE_BYTES = 65_536  # of a request, unless a server takes longer ones

log = logging.getLogger("hallpass.ipc")

ServeConnection = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
HandleLine = Callable[[bytes], Awaitable[msgspec.Struct]]


class RoomServer:
    """Serves a Unix socket for the room's other processes, whatever becomes of its name on the disk.

    A name that is gone, or that something else stands at, leads nobody here; the server itself cannot notice. So
    it is looked at every `CHECK_SECONDS`, and given to a socket again. Connections that are open stay so.
    """

    def __init__(self, serve: ServeConnection, path: Path, line_bytes: int) -> None:
        self._serve = serve
        self._path = path
        self._line_bytes = line_bytes
        self._server: asyncio.Server | None = None
        self._inode = 0
        self._watch: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to serve, also where something was left behind. Raises OSError."""
        await self._listen()
        self._watch = asyncio.create_task(self._keep_listening())

    def close(self) -> None:
        """Take no more connections."""
        if self._watch is not None:
            self._watch.cancel()
        if self._server is not None:
            self._server.close()

    async def _listen(self) -> None:
        before = self._server
        remove_whatever(self._path)
        self._server = await asyncio.start_unix_server(self._serve, self._path, limit=self._line_bytes)
        self._path.chmod(SOCKET_MODE)
        self._inode = self._path.stat().st_ino
        if before is not None:
            before.close()

    async def _keep_listening(self) -> None:
        while True:
            await sleep_coalesced(CHECK_SECONDS)
            try:
                if not self._is_at_its_name():
                    log.warning("%s was taken away: it is served anew", self._path)
                    await self._listen()
            except OSError as problem:
                log.warning("%s cannot be served: %s", self._path, problem)

    def _is_at_its_name(self) -> bool:
        try:
            found = self._path.lstat()
        except FileNotFoundError:
            return False
        return found.st_ino == self._inode and stat.S_IMODE(found.st_mode) == SOCKET_MODE


async def start_room_server(serve: ServeConnection, path: Path, *, line_bytes: int = LINE_BYTES) -> RoomServer:
    """Serve a Unix socket for the room's other processes. Raises OSError.

    On a card these have users of their own and one group. `line_bytes`: a longer line ends its connection.
    """
    server = RoomServer(serve, path, line_bytes)
    await server.start()
    return server


async def serve_lines(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, handle_line: HandleLine) -> None:
    """Answer each line of a connection, with the answer of `handle_line` as JSON, until the client goes.

    Never raises for what comes or goes. What `handle_line` raises is a mistake of ours: it is logged, and ends
    that connection only.
    """
    try:
        while line := await _read_line(reader):
            writer.write(msgspec.json.encode(await handle_line(line)) + b"\n")
            await writer.drain()
    except ConnectionError:
        pass  # the client has gone
    except Exception:
        log.exception("a request could not be answered")
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def _read_line(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readline()
    except ValueError:
        return b""  # a line without end
