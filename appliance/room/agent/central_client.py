"""What a room asks of central and tells it (`appliance.protocol`); how it gets there: `central_connection`.

What can go wrong is one of two things: central cannot be reached (`CentralUnreachable`: try again later), or
central said no (`CentralRejected`: trying again changes nothing). Between them stands `CentralFaulty`: central
is there, but this call fails.
"""

from collections.abc import AsyncIterator, Sequence
from typing import TypeVar
from urllib.parse import urlencode

import msgspec

from appliance.message_check import check_message
from appliance.protocol import (
    Account,
    AccountState,
    CertificateRequest,
    ClosedIncident,
    Credentials,
    HealthReceived,
    HourCounts,
    IssuedCertificate,
    KeptHead,
    KeptHeads,
    LogKey,
    LookupAnswer,
    LookupQuestion,
    PageCertificate,
    RequestState,
    RoomHealth,
    RoomSignInPage,
    RoomSignInStart,
    SeenDevices,
    SignInTicket,
)
from appliance.room.agent.central_connection import CentralConnection
from appliance.room.agent.central_downloads import FeedLine, FetchedPolicy, PartialIndex
from appliance.room.agent.central_errors import (
    CentralRejected,
    CentralThrottled,
    CentralUnreachable,
    check_response,
    check_sign_in,
    unreachable,
    words_of,
)
from appliance.room.agent.http11 import HttpFailed, HttpResponse
from appliance.room.agent.message_sender import CALL_TIMEOUT_SECONDS
from dns.errors import DECODING_FAILED

FEED_TIMEOUT_SECONDS = 25.0  # central says something at least every ten
INDEX_TIMEOUT_SECONDS = 30.0  # without a single byte: a slow line is no trouble, a dead one is
MAX_INDEX_BYTES = 512 * 1024 * 1024
MAX_WAIT_SECONDS = 3600  # somebody on the way may say anything
_MAX_LINE_BYTES = 128 * 1024  # a policy of 32 KiB, and what surrounds it

_encode = msgspec.json.encode

T = TypeVar("T")


class CentralClient:
    """Calls central as one room."""

    def __init__(self, connection: CentralConnection) -> None:
        self.connection = connection

    async def request_certificate(self, request: str, *, by_token: bool = False) -> IssuedCertificate:
        """Ask for a certificate: with the one that there is, or with the token."""
        call = self.connection.call_with_token if by_token else self.connection.call
        response = await call("POST", "certificate", _encode(CertificateRequest(request)))
        return self._decode(response.content, IssuedCertificate)

    async def fetch_page_certificate(self) -> PageCertificate | None:
        """Return what the room's pages are to be served with; None: a central of before, that knows of none."""
        try:
            response = await self.connection.call("GET", "page-certificate")
        except CentralRejected as problem:
            if problem.status == 404:
                return None
            raise
        return self._decode(response.content, PageCertificate)

    async def sign_page_certificate(self, request: str) -> PageCertificate:
        """Have a key of the room's signed for its pages."""
        response = await self.connection.call("POST", "page-certificate", _encode(CertificateRequest(request)))
        return self._decode(response.content, PageCertificate)

    async def stream_feed(self) -> AsyncIterator[FeedLine | None]:
        """Yield where the room should be, whenever central says so; None for a sign of life.

        Raises CentralUnreachable when the line goes dead, TokenRejected where the token is not known.
        """
        connection = self.connection
        await connection.before_feed()
        sent_at: float | None = connection.clock.monotonic()
        generation = connection.generation
        try:
            async with connection.stream("feed", read_seconds=FEED_TIMEOUT_SECONDS) as response:
                if response.status_code != 200:
                    await response.read()
                    check_response(response.status_code, response.headers, response.content)
                async for line in _lines(response):
                    if generation != connection.generation:
                        return
                    target = msgspec.json.decode(line, type=FeedLine) if line else None
                    if target is not None and sent_at is not None:
                        connection.clock.add_time(target.time, sent_at)
                        sent_at = None  # the first alone was made while we waited for it
                        await connection.note_followed(target.time)
                    yield target
        except DECODING_FAILED as problem:
            raise CentralUnreachable(f"central sent something else than a target: {problem}") from None
        except HttpFailed as problem:
            connection.note_feed_problem(problem)
            raise unreachable(problem) from None

    async def fetch_policy(self, known_digest: str = "") -> FetchedPolicy | None:
        """Return the room's policy document, as it was sent; None: it has the digest `known_digest`."""
        headers = {"If-None-Match": f'"{known_digest}"'} if known_digest else {}
        response = await self.connection.call("GET", "policy", headers=headers)
        if response.status_code == 304:
            return None
        return FetchedPolicy(response.content, _entity_tag(response))

    async def stream_index(
        self, version: str, base: str, have: PartialIndex
    ) -> AsyncIterator[tuple[PartialIndex, bytes]]:
        """Yield an index piece by piece, or an overlay over the index `base` that the room has ("": it has none).

        `have` is what came before the line broke; it is gone on with where central has the same thing still. With
        each piece comes what is there *before* it: where that has no bytes, everything begins anew.
        Raises CentralUnreachable or CentralRejected.
        """
        headers = {"Accept-Encoding": "identity"}
        if have.size and have.tag:
            headers |= {"Range": f"bytes={have.size}-", "If-Range": have.tag}
        try:
            async with self.connection.stream(
                f"index/{version}",
                read_seconds=INDEX_TIMEOUT_SECONDS,
                params={"base": base} if base else {},
                headers=headers,
            ) as response:
                if not response.is_success:
                    await response.read()
                    check_response(response.status_code, response.headers, response.content)
                resumed = response.status_code == 206 and _range_start(response) == have.size
                if response.status_code == 206 and not resumed:
                    raise CentralUnreachable("central sent another part of the index than was asked for")
                size = have.size if resumed else 0
                tag = response.headers.get("etag", "")
                tag = "" if tag.startswith("W/") else tag
                async for piece in response.stream():
                    if size + len(piece) > MAX_INDEX_BYTES:
                        raise CentralRejected(413, "the index is larger than a room can hold")
                    yield PartialIndex(size=size, tag=tag), piece
                    size += len(piece)
        except HttpFailed as problem:
            raise CentralUnreachable(str(problem) or type(problem).__name__) from None

    async def fetch_signature(self, name: str, max_bytes: int) -> bytes | None:
        """Return a file of the lists' signed metadata; None: central has none of this name.

        Raises CentralUnreachable or CentralRejected.
        """
        content = b""
        try:
            async with self.connection.stream(f"signatures/{name}", read_seconds=CALL_TIMEOUT_SECONDS) as response:
                if not response.is_success:
                    await response.read()
                    if response.status_code == 404:
                        return None
                    check_response(response.status_code, response.headers, response.content)
                async for piece in response.stream():
                    content += piece
                    if len(content) > max_bytes:
                        raise CentralRejected(413, "the lists' signatures are larger than a room takes")
        except HttpFailed as problem:
            raise unreachable(problem) from None
        return content

    async def fetch_request_states(self) -> list[RequestState]:
        """Return what became of this room's requests."""
        return self._decode((await self.connection.call("GET", "requests")).content, list[RequestState])

    async def fetch_account_states(self) -> list[AccountState]:
        """Return which sessions and kept sign-ins are over. Raises BadMessage too."""
        states = self._decode((await self.connection.call("GET", "accounts")).content, list[AccountState])
        for state in states:
            check_message(state)  # its times are reckoned with
        return states

    async def fetch_closed_incidents(self) -> list[ClosedIncident]:
        """Return which incidents of this room were dealt with. Raises BadMessage too."""
        found = self._decode((await self.connection.call("GET", "incidents")).content, list[ClosedIncident])
        for one in found:
            check_message(one)
        return found

    async def fetch_lookups(self) -> list[LookupQuestion]:
        """Return what this room is asked about its devices, unchecked."""
        return self._decode((await self.connection.call("GET", "lookups")).content, list[LookupQuestion])

    async def put_lookup_answer(self, answer: LookupAnswer) -> None:
        """Say what the room says to a question."""
        await self.connection.call("PUT", f"lookups/{answer.id}", _encode(answer))

    async def put_message(self, kind: str, id: str, body: bytes) -> None:  # noqa: A002 (its name in the protocol)
        """Send something that has an id: a request, a report, an incident."""
        await self.connection.send_message("PUT", f"{kind}/{id}", body)

    async def put_actions(self, bodies: Sequence[bytes]) -> None:
        """Send several actions in one message (`appliance.protocol.RoomActions`), each as it is encoded."""
        await self.connection.send_message("PUT", "actions", b'{"actions":[' + b",".join(bodies) + b"]}")

    async def withdraw_request(self, request_id: str, by: str = "") -> None:
        """Take a request back; "": this room does not know for whom."""
        said = f"?{urlencode({'by': by})}" if by else ""
        await self.connection.send_message("DELETE", f"requests/{request_id}{said}")

    async def put_health(self, health: RoomHealth) -> HealthReceived:
        """Say how the room is; return what central answers, of which one of before says nothing."""
        answer = (await self.connection.call("PUT", "health", _encode(health))).content
        return self._decode(answer, HealthReceived) if answer else HealthReceived()

    async def put_counts(self, counts: HourCounts) -> None:
        """Say what an hour was in numbers."""
        await self.connection.call("PUT", "counts", _encode(counts))

    async def put_audit_heads(self, heads: tuple[KeptHead, ...]) -> None:
        """Say what this room has kept of central's audit."""
        await self.connection.call("PUT", "audit-heads", _encode(KeptHeads(heads)))

    async def put_seen_devices(self, seen: SeenDevices) -> None:
        """Say which devices are here."""
        await self.connection.call("PUT", "seen-devices", _encode(seen))

    async def sign_in(self, typed: Credentials) -> Account | None:
        """Return whose user name and password these are, or None.

        Raises CodeAsked where a code is needed as well, CentralThrottled after too many wrong tries, TokenRejected
        where it is the room that is not known.
        """
        response = await self.connection.request("POST", "sign-in", _encode(typed))
        check_sign_in(response.status_code, response.content)
        if response.status_code == 401 and "www-authenticate" not in response.headers:
            return None
        if response.status_code == 429 and (wait := response.headers.get("retry-after", "")).isdecimal():
            words = words_of(response.status_code, response.content)
            raise CentralThrottled(words, min(int(wait), MAX_WAIT_SECONDS))
        check_response(response.status_code, response.headers, response.content)
        return self._decode(response.content, Account)

    async def start_sign_in(self, start: RoomSignInStart) -> RoomSignInPage:
        """Return where somebody signs in at central."""
        return self._decode(
            (await self.connection.call("POST", "sign-in/start", _encode(start))).content, RoomSignInPage
        )

    async def redeem_ticket(self, brought: SignInTicket) -> Account:
        """Return who signed in at central."""
        return self._decode(
            (await self.connection.call("POST", "sign-in/ticket", _encode(brought))).content, Account
        )

    async def fetch_log_key(self) -> str:
        """Return the key of the room's query log."""
        return self._decode((await self.connection.call("GET", "log-key")).content, LogKey).key

    @staticmethod
    def _decode(content: bytes, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(content, type=kind)
        except DECODING_FAILED as problem:
            raise CentralUnreachable(f"central sent something that is not understood: {problem}") from None


def _entity_tag(response: HttpResponse) -> str:
    return str(response.headers.get("etag", "")).removeprefix("W/").strip('"')


def _range_start(response: HttpResponse) -> int:
    """Return from which byte on an answer is (RFC 9110, section 14.4), or -1."""
    unit, _, rest = response.headers.get("content-range", "").partition(" ")
    first = rest.partition("-")[0]
    return int(first) if unit == "bytes" and first.isascii() and first.isdigit() else -1


async def _lines(response: HttpResponse) -> AsyncIterator[bytes]:
    r"""Yield what stands between line feeds, and nothing else: JSON may hold U+2028, which ends other lines.

    Raises CentralUnreachable for a line that does not end.
    """
    rest = b""
    async for piece in response.stream():
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            yield line.removesuffix(b"\r")
        if len(rest) > _MAX_LINE_BYTES:
            raise CentralUnreachable("central sent a line that is too long")
