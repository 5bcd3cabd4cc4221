"""One line of JSON there and one back over a Unix socket: how a room's processes ask each other, both sides of it.

What the lines say is defined where it is served: `appliance.room.agent.rpc`, `appliance.room.query_log.control`.
"""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

LINE_BYTES = 65_536  # of a request, unless a server takes longer ones

log = logging.getLogger("hallpass.ipc")

ServeConnection = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
HandleLine = Callable[[bytes], Awaitable[msgspec.Struct]]


def send_and_receive_line(path: Path, line: bytes, *, timeout_seconds: float, max_bytes: int) -> bytes:
    """Send a line (without its end) and return the line that comes back, or what came of it. Raises OSError.

    `timeout_seconds`: for each step of the way. `max_bytes`: no more than that is taken of the answer.
    """
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(timeout_seconds)
        connection.connect(str(path))
        connection.sendall(line + b"\n")
        with connection.makefile("rb") as lines:
            return lines.readline(max_bytes)


async def start_room_server(serve: ServeConnection, path: Path, *, line_bytes: int = LINE_BYTES) -> asyncio.Server:
    """Serve a Unix socket, also where one was left behind, for the room's other processes. Raises OSError.

    On a card these have users of their own and one group. `line_bytes`: a longer line ends its connection.
    """
    path.unlink(missing_ok=True)
    server = await asyncio.start_unix_server(serve, path, limit=line_bytes)
    path.chmod(0o660)
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
