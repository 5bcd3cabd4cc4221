"""Mirrors: web servers that hand out what central has signed (`appliance.exported_lists`).

A mirror is believed nothing. Metadata are checked as central's are, and the file of an index must have the length
and the hash that are signed, so that the worst it can do is to be of no use: it is left when it sends too much,
too little or too slowly, leads elsewhere, or has something else, and is left alone for a while then. Nothing about
a mirror is a reason to take no lists: central is asked next.
"""

import asyncio
import contextlib
import logging
import os
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from appliance.errors import HallpassError
from appliance.exported_lists import INDEXES_FOLDER, SIGNATURES_FOLDER
from appliance.room.agent.http11 import HttpClient, HttpFailed, HttpResponse
from appliance.room.agent.signed_lists import IndexTerms, NotTrusted, SignedLists
from appliance.room.agent.thread_pool import run_blocking
from appliance.room.agent.tuf_messages import FileTerms
from blocklists.container import INDEX_NAME, delta_name

CALL_SECONDS = 15.0  # for a file of metadata, whole
PIECE_BYTES, PIECE_SECONDS = 128 * 1024, 5.0  # slower than this no index is fetched
REST_SECONDS, MAX_REST_SECONDS = 600.0, 86_400.0  # so long a mirror is left alone, longer each time
_NOT_THERE = (403, 404, 410)  # 403: what object stores say of it

log = logging.getLogger("hallpass.agent")


class MirrorFailed(HallpassError):
    """A mirror is of no use now; the text says why, for the log."""


class _Mirror:
    """One of them."""

    def __init__(self, url: str, monotonic: Callable[[], float]) -> None:
        self.url = url
        self._monotonic = monotonic
        self._failures = 0
        self._rests_until = 0.0

    @property
    def is_ready(self) -> bool:
        return self._monotonic() >= self._rests_until

    @contextlib.contextmanager
    def attempt(self) -> Iterator[None]:
        """Do something with it; a failure is noted here, and is no more than that."""
        try:
            yield
            self._failures = 0
        except (
            MirrorFailed,
            NotTrusted,
            HttpFailed,
            OSError,
        ) as problem:
            detail = getattr(problem, "detail", "")
            words = " ".join(filter(None, (str(problem) or type(problem).__name__, detail)))
            log.warning("the mirror %s is of no use now: %s", self.url, words)
            self._rests_until = self._monotonic() + min(REST_SECONDS * 2**self._failures, MAX_REST_SECONDS)
            self._failures = min(self._failures + 1, 16)

    async def fetch_signature(self, name: str, max_bytes: int) -> bytes | None:
        """Return a file of metadata; None: there is none. Raises MirrorFailed, HttpFailed, OSError."""
        content = b""
        async with _deadline(CALL_SECONDS), self._get(f"{SIGNATURES_FOLDER}/{name}") as response:
            if response.status_code in _NOT_THERE:
                return None
            _require_success(response)
            async for piece in response.stream_packed():
                content += piece
                if len(content) > max_bytes:
                    raise MirrorFailed("it sends more than metadata have")
        return content

    async def fetch_index(self, version: str, name: str, terms: FileTerms, path: Path) -> bool:
        """Write a file of an index to a path; False: there is none. Raises as `fetch_signature`."""
        size = 0
        async with (
            _deadline(CALL_SECONDS) as deadline,
            self._get(f"{INDEXES_FOLDER}/{version}/{name}") as response,
        ):
            if response.status_code in _NOT_THERE:
                return False
            _require_success(response)
            async for piece in _pieces(response):
                if size + len(piece) > terms.length:
                    raise MirrorFailed("it sends more than was signed")
                await run_blocking(_write_piece, path, size, piece)
                size += len(piece)
                deadline.reschedule(asyncio.get_running_loop().time() + PIECE_SECONDS)
        if size != terms.length:
            raise MirrorFailed(f"it sent {size} of {terms.length} bytes")
        return True

    @asynccontextmanager
    async def _get(self, path: str) -> AsyncIterator[HttpResponse]:
        # Made for each file: a mirror is asked a few times a day, and the authorities of a machine take memory.
        is_secure = self.url.startswith("https:")
        make_context = (
            ssl.create_default_context if is_secure else partial(ssl.SSLContext, ssl.PROTOCOL_TLS_CLIENT)
        )
        context = await run_blocking(make_context)
        headers = {"Accept-Encoding": "identity"}
        http = HttpClient(self.url, context, seconds=CALL_SECONDS, headers=headers)
        try:
            async with http.stream("GET", path) as response:
                yield response
        finally:
            http.close()


class ListMirrors:
    """The mirrors of one room, in the order in which they are asked."""

    def __init__(
        self, urls: Sequence[str], signed: SignedLists, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._mirrors = [_Mirror(url, monotonic) for url in urls]
        self._signed = signed

    def __bool__(self) -> bool:
        return bool(self._mirrors)

    async def find_terms(self, version: str = "", base: str = "") -> IndexTerms | None:
        """Return how an index must be, by what a mirror has of central's signatures; None: none has any good ones.

        `version`: "" for the newest.
        """
        for mirror in self._list_ready():
            with mirror.attempt():
                return await self._signed.find_terms_elsewhere(mirror.fetch_signature, version, base)
        return None

    async def fetch_index(self, terms: IndexTerms, base: str, path: Path) -> bool:
        """Write the file of an index to a path, or of an overlay over `base`; False: no mirror has it."""
        for mirror in self._list_ready() if terms.whole is not None else ():
            with mirror.attempt():
                if await self._fetch_from(mirror, terms, base, path):
                    log.info("the index %s came from %s", terms.version[:12], mirror.url)
                    return True
        return False

    def _list_ready(self) -> list[_Mirror]:
        return [mirror for mirror in self._mirrors if mirror.is_ready]

    @staticmethod
    async def _fetch_from(mirror: _Mirror, terms: IndexTerms, base: str, path: Path) -> bool:
        for name, one in ((delta_name(base), terms.overlay), (INDEX_NAME, terms.whole)):
            if one is not None and await mirror.fetch_index(terms.version, name, one, path):
                if await run_blocking(terms.are_met, path):
                    return True
                raise MirrorFailed("what it sends is not what central has signed")
        log.info("the mirror %s has no index %s yet", mirror.url, terms.version[:12])
        return False


@asynccontextmanager
async def _deadline(seconds: float) -> AsyncIterator[asyncio.Timeout]:
    """Bound what is done, however the other side spreads it over time. Raises MirrorFailed."""
    try:
        async with asyncio.timeout(seconds) as timeout:
            yield timeout
    except TimeoutError:
        raise MirrorFailed("it is too slow") from None


async def _pieces(response: HttpResponse) -> AsyncIterator[bytes]:
    """Yield what comes in pieces of one size, but for the last."""
    held = b""
    async for piece in response.stream_packed():
        held += piece
        while len(held) >= PIECE_BYTES:
            yield held[:PIECE_BYTES]
            held = held[PIECE_BYTES:]
    if held:
        yield held


def _require_success(response: HttpResponse) -> None:
    if response.status_code != 200:
        raise MirrorFailed(f"it answered {response.status_code}")


def _write_piece(path: Path, size: int, piece: bytes) -> None:
    """Write a piece behind what is there already: `size` bytes, and nothing after them."""
    with path.open("ab") as file:
        os.truncate(file.fileno(), size)
        file.write(piece)
