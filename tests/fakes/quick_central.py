"""A central that answers as fast as it can, in a process of its own: what a room needs for its part is left to it.

`python -m tests.fakes.quick_central` writes its port on the first line, and serves until its input ends. As at the
real one each request that is taken is news of the requests, and the list of them grows. `GET /taken` answers with
what was taken, in its order.
"""

import asyncio
import contextlib
import json
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_FEED_SECONDS = 0.05


class QuickCentral:
    """What has been taken, and who listens."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.requests: dict[str, Any] = {}
        self.lists_given = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                method, path, _ = head.decode().split(" ", 2)
                length = next(
                    (
                        int(line[15:])
                        for line in head.split(b"\r\n")
                        if line.lower().startswith(b"content-length:")
                    ),
                    0,
                )
                body = await reader.readexactly(length)
                if path.endswith("/feed"):
                    await self._feed(writer)
                content = self._answer(method, path, body)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(content), content))
        writer.close()

    def _answer(self, method: str, path: str, body: bytes) -> bytes:
        kind, _, name = path.removeprefix("/api/v1/").partition("/")
        if path == "/taken":
            return json.dumps({"taken": self.taken, "lists_given": self.lists_given}).encode()
        if method == "GET" and kind == "requests":
            self.lists_given += 1
            return json.dumps([{"request": one, "state": "waiting"} for one in self.requests.values()]).encode()
        if method == "PUT" and kind == "actions" and not name:
            self.taken += [f"PUT actions {one['id']}" for one in json.loads(body)["actions"]]
        if method in {"PUT", "DELETE"} and name:
            self.taken.append(f"{method} {kind} {name}")
            if method == "PUT" and kind == "requests":
                self.requests[name] = json.loads(body)
        return b"{}"

    async def _feed(self, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        said = -1
        while True:
            if said != len(self.requests):
                said = len(self.requests)
                line = json.dumps({"policy": 0, "index": "", "requests": said}).encode() + b"\n"
                writer.write(b"%x\r\n%s\r\n" % (len(line), line))
                await writer.drain()
            await asyncio.sleep(_FEED_SECONDS)


@contextmanager
def quick_central() -> Iterator[str]:
    """Run one; yield its address."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.fakes.quick_central"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.stdin.close()
            process.wait(10)


def read_taken(url: str) -> dict[str, Any]:
    """Return what was taken, in its order, and how often the list of requests was asked for."""
    with urllib.request.urlopen(f"{url}/taken", timeout=10) as response:
        found: dict[str, Any] = json.load(response)
        return found


async def _serve_until_input_ends() -> None:
    central = QuickCentral()
    server = await asyncio.start_server(central.serve, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()

    def read() -> None:
        sys.stdin.read()
        loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=read, daemon=True).start()
    await ended.wait()


if __name__ == "__main__":
    asyncio.run(_serve_until_input_ends())
