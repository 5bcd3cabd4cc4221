"""What a school's central asks of its trust: over TLS, with its credential, and never more than fits."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import msgspec

from appliance.central.errors import CentralError
from appliance.operations import BASE_PATH
from appliance.operations.trust import TRUST_PATH
from appliance.problem_details import ProblemDetails
from appliance.protocol import Received
from appliance.trust_protocol import MAX_DOCUMENT_BYTES, SchoolEnrolment, SchoolNumbers, SignedDocument
from dns.errors import DECODING_FAILED
from dns.http_client import httpx

CALL_SECONDS = 20.0
MAX_ANSWER_BYTES = 2 * MAX_DOCUMENT_BYTES + 4096  # every character of it may be escaped
_NOT_MODIFIED = 304

T = TypeVar("T")


class TrustUnreachable(CentralError):
    """The trust cannot be reached, or answers nonsense: the last good document holds."""


class TrustRefused(CentralError):
    """The trust said no; the message is its words."""


class TrustClient:
    """Calls a trust. `credential`: the school's, or the token of its invitation."""

    def __init__(self, url: str, certificate: str, credential: str) -> None:
        self._base = url.rstrip("/") + BASE_PATH + TRUST_PATH
        self._credential = credential
        self._certificate = certificate

    def enrol(self, credential_hash: str) -> SignedDocument:
        """Enrol, with the invitation's token. Raises TrustUnreachable or TrustRefused."""
        body = msgspec.json.encode(SchoolEnrolment(credential_hash=credential_hash))
        return _decode(self._call("POST", "enrolment", body)[1], SignedDocument)

    def fetch_document(self, digest: str = "") -> SignedDocument | None:
        """Return the school's document, or None: it is the one of a digest. Raises as `enrol`."""
        headers = {"If-None-Match": f'"{digest}"'} if digest else {}
        status, content = self._call("GET", "document", None, headers)
        return None if status == _NOT_MODIFIED else _decode(content, SignedDocument)

    def send_numbers(self, numbers: SchoolNumbers) -> None:
        """Tell the trust how the school is. Raises as `enrol`."""
        _decode(self._call("PUT", "numbers", msgspec.json.encode(numbers))[1], Received)

    def _call(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        sent = {"Authorization": f"Bearer {self._credential}", **(headers or {})}
        if body is not None:
            sent["Content-Type"] = "application/json"
        try:
            with (
                self._open() as client,
                client.stream(method, f"{self._base}/{path}", content=body, headers=sent) as response,
            ):
                content = _read_bounded(response)
                status = response.status_code
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, OSError) as problem:
            raise TrustUnreachable(str(problem) or type(problem).__name__) from None
        if status == _NOT_MODIFIED or 200 <= status < 300:
            return status, content
        raise _refusal(status, content)

    @contextmanager
    def _open(self) -> "Iterator[httpx.Client]":
        verify = ssl.create_default_context(cadata=self._certificate) if self._certificate else True
        with httpx.Client(verify=verify, timeout=CALL_SECONDS, trust_env=False) as client:
            yield client


def _read_bounded(response: "httpx.Response") -> bytes:
    content = bytearray()
    for piece in response.iter_bytes():
        content += piece
        if len(content) > MAX_ANSWER_BYTES:
            raise TrustUnreachable("what the trust answers is larger than any document")
    return bytes(content)


def _decode(content: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(content, type=kind)
    except DECODING_FAILED as problem:
        raise TrustUnreachable(f"what the trust answers is not understood: {problem}") from None


def _refusal(status: int, content: bytes) -> CentralError:
    try:
        words = msgspec.json.decode(content, type=ProblemDetails).detail
    except DECODING_FAILED:
        words = f"it answers {status}"
    return TrustRefused(words) if 400 <= status < 500 else TrustUnreachable(words)
