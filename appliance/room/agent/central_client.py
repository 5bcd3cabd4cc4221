"""Central's machine interface, from the room's side (`appliance.protocol`), over HTTP.

What can go wrong is one of two things: central cannot be reached (`CentralUnreachable`: try again later), or
central said no (`CentralRejected`: trying again changes nothing). Between them stands `CentralFaulty`: central
is there, but this call fails.
"""

import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TypeVar

import httpx
import msgspec

from appliance.errors import HallpassError
from appliance.protocol import Account, Credentials, LogKey, RequestState, RoomHealth, Target
from appliance.settings.room import CentralLink
from dns.errors import DECODING_FAILED

CALL_TIMEOUT_SECONDS = 5.0
FEED_TIMEOUT_SECONDS = 25.0  # central says something at least every ten
MAX_INDEX_BYTES = 512 * 1024 * 1024
MAX_WAIT_SECONDS = 3600  # somebody on the way may say anything
_MAX_LINE_LENGTH = 64 * 1024
# What whoever stands before central says while it is away, or central while it has no time; 511: a captive portal.
_UNAVAILABLE_STATUSES = (429, 502, 503, 504, 511)

_encode = msgspec.json.encode

T = TypeVar("T")


class CentralUnreachable(HallpassError):
    """Central cannot be reached, or is in trouble itself."""


class CentralFaulty(CentralUnreachable):
    """Central answers, but with a fault of its own: this call may be what it cannot bear."""


class CentralThrottled(CentralUnreachable):
    """Central does not even look at a password: there were too many wrong tries. The words are for who tried."""

    def __init__(self, words: str, wait_seconds: int) -> None:
        self.wait_seconds = wait_seconds
        super().__init__(words)


class CentralRejected(HallpassError):
    """Central said no."""

    def __init__(self, status: int, words: str) -> None:
        self.status = status
        super().__init__(words)


class CentralClient:
    """Calls central as one room."""

    def __init__(self, link: CentralLink) -> None:
        try:
            token = link.token_file.read_text().strip()
            context = ssl.create_default_context(cafile=str(link.certificate) if link.certificate else None)
        except OSError as problem:
            raise HallpassError(f"{problem.filename or link.certificate}: {problem.strerror}") from None
        self._http = httpx.AsyncClient(
            base_url=f"{link.url.rstrip('/')}/api/v1/",
            headers={"Authorization": f"Bearer {token}"},
            timeout=httpx.Timeout(CALL_TIMEOUT_SECONDS),
            verify=context,
            trust_env=False,
        )

    async def close(self) -> None:
        """Close every connection."""
        await self._http.aclose()

    async def stream_feed(self) -> AsyncIterator[Target | None]:
        """Yield where the room should be, whenever central says so; None for a sign of life.

        Raises CentralUnreachable when the line goes dead, CentralRejected where the token is not known.
        """
        timeout = httpx.Timeout(CALL_TIMEOUT_SECONDS, read=FEED_TIMEOUT_SECONDS)
        try:
            async with self._http.stream("GET", "feed", timeout=timeout) as response:
                if response.status_code != 200:
                    await response.aread()
                    _check_response(response)
                async for line in response.aiter_lines():
                    if len(line) > _MAX_LINE_LENGTH:
                        raise CentralUnreachable("central sent a line that is too long")
                    yield msgspec.json.decode(line, type=Target) if line else None
        except DECODING_FAILED as problem:
            raise CentralUnreachable(f"central sent something else than a target: {problem}") from None
        except (httpx.HTTPError, httpx.StreamError) as problem:
            raise CentralUnreachable(str(problem) or type(problem).__name__) from None

    async def fetch_policy(self) -> bytes:
        """Return the room's policy document, as it was sent."""
        return (await self._call("GET", "policy")).content

    async def fetch_index(self, version: str, base: str, path: Path) -> None:
        """Fetch an index into a file, or an overlay over the index `base` that the room has ("": it has none).

        Raises CentralUnreachable or CentralRejected; what is in the file then is worth nothing.
        """
        try:
            async with self._http.stream(
                "GET", f"index/{version}", params={"base": base} if base else {}, timeout=httpx.Timeout(60.0)
            ) as response:
                if response.status_code != 200:
                    await response.aread()
                    _check_response(response)
                size = 0
                with path.open("wb") as file:
                    async for piece in response.aiter_bytes():
                        size += len(piece)
                        if size > MAX_INDEX_BYTES:
                            raise CentralRejected(413, "the index is larger than a room can hold")
                        file.write(piece)
        except (httpx.HTTPError, httpx.StreamError) as problem:
            raise CentralUnreachable(str(problem) or type(problem).__name__) from None

    async def fetch_request_states(self) -> list[RequestState]:
        """Return what became of this room's requests."""
        return self._decode((await self._call("GET", "requests")).content, list[RequestState])

    async def put_message(self, kind: str, id: str, body: bytes) -> None:  # noqa: A002 (its name in the protocol)
        """Send something that has an id: a request, a report, an incident."""
        await self._call("PUT", f"{kind}/{id}", body)

    async def withdraw_request(self, request_id: str) -> None:
        """Take a request back."""
        await self._call("DELETE", f"requests/{request_id}")

    async def put_health(self, health: RoomHealth) -> None:
        """Say how the room is."""
        await self._call("PUT", "health", _encode(health))

    async def sign_in(self, typed: Credentials) -> Account | None:
        """Return whose user name and password these are, or None.

        Raises CentralThrottled after too many wrong tries, CentralRejected where it is the room that is not known.
        """
        response = await self._request("POST", "sign-in", _encode(typed))
        if response.status_code == 401 and "WWW-Authenticate" not in response.headers:
            return None
        if response.status_code == 429 and (wait := response.headers.get("Retry-After", "")).isdecimal():
            raise CentralThrottled(_words_of(response), min(int(wait), MAX_WAIT_SECONDS))
        _check_response(response)
        return self._decode(response.content, Account)

    async def fetch_log_key(self) -> str:
        """Return the key of the room's query log."""
        return self._decode((await self._call("GET", "log-key")).content, LogKey).key

    async def _call(self, method: str, path: str, body: bytes | None = None) -> httpx.Response:
        response = await self._request(method, path, body)
        _check_response(response)
        return response

    async def _request(self, method: str, path: str, body: bytes | None = None) -> httpx.Response:
        try:
            return await self._http.request(method, path, content=body)
        except httpx.InvalidURL as problem:
            raise CentralRejected(400, str(problem)) from None  # what can never be sent must not wait for ever
        except httpx.HTTPError as problem:
            raise CentralUnreachable(str(problem) or type(problem).__name__) from None

    @staticmethod
    def _decode(content: bytes, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(content, type=kind)
        except DECODING_FAILED as problem:
            raise CentralUnreachable(f"central sent something that is not understood: {problem}") from None


class _ErrorBody(msgspec.Struct):
    error: str = ""


def _check_response(response: httpx.Response) -> None:
    if response.is_success:
        return
    words = _words_of(response)
    if response.status_code in _UNAVAILABLE_STATUSES:
        raise CentralUnreachable(words)
    if response.status_code >= 500:
        raise CentralFaulty(words)
    raise CentralRejected(response.status_code, words)


def _words_of(response: httpx.Response) -> str:
    try:
        words = msgspec.json.decode(response.content, type=_ErrorBody).error
    except DECODING_FAILED:
        words = ""
    return words or f"central answered {response.status_code}"
