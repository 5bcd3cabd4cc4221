"""What can go wrong with a call to central, and which of it an answer means."""

import math
from collections.abc import Mapping

import msgspec

from appliance.errors import HallpassError
from appliance.room.agent.pinned_connection import INTERCEPTED_WORDS, is_foreign_certificate, is_unknown_authority
from dns.errors import DECODING_FAILED

_CODE_NEEDED, _WRONG_CODE = "urn:hallpass:problem:code-needed", "urn:hallpass:problem:wrong-code"
COPY_STOPPED = "urn:hallpass:problem:copy-stopped"  # `appliance.problem_details`
MAX_RETRY_AFTER_SECONDS = 300.0
UNKNOWN_AUTHORITY_WORDS = (
    "central does not know the authority of this room's certificate: it was set up anew, or ended that authority; "
    "make the room a new card there (Rooms)"
)
# What whoever stands before central says while it is away, or central while it has no time; 511: a captive portal.
_UNAVAILABLE_STATUSES = (429, 502, 503, 504, 511)


class CentralUnreachable(HallpassError):
    """Central cannot be reached, or is in trouble itself."""

    def __init__(self, words: str, retry_after_seconds: float = 0.0) -> None:
        self.retry_after_seconds = retry_after_seconds  # not before: central has said so
        super().__init__(words)


class CentralIntercepted(CentralUnreachable):
    """Something on the way answers in central's place."""


class CentralFaulty(CentralUnreachable):
    """Central answers, but with a fault of its own: this call may be what it cannot bear."""


class CentralRejected(HallpassError):
    """Central said no."""

    def __init__(self, status: int, words: str) -> None:
        self.status = status
        super().__init__(words)


class TokenRejected(CentralRejected):
    """Central does not know this room's token (any more)."""


class CopyStopped(TokenRejected):
    """Central knows this room, but another card works as it, and this one is stopped."""


class CentralThrottled(CentralUnreachable):
    """Central does not even look at a password: there were too many wrong tries. The words are for who tried."""

    def __init__(self, words: str, wait_seconds: int) -> None:
        self.wait_seconds = wait_seconds
        super().__init__(words)


class CodeAsked(HallpassError):
    """Central asks for a code besides the password, or does not take the one that was brought."""

    def __init__(self, words: str, step: str, *, is_wrong: bool) -> None:
        self.step = step  # to be sent with the code; "": a wrong code, or whoever signs in begins anew
        self.is_wrong = is_wrong
        super().__init__(words)


class _ErrorBody(msgspec.Struct):
    """A problem in words: central's own, or a problem detail (RFC 9457)."""

    error: str = ""
    detail: str = ""
    title: str = ""
    type: str = ""
    step: str = ""


def check_sign_in(status: int, content: bytes) -> None:
    """Raise CodeAsked where an answer to a sign-in says that the password is not enough."""
    kind = _type_of(content) if status == 401 else ""
    if kind in (_CODE_NEEDED, _WRONG_CODE):
        body = msgspec.json.decode(content, type=_ErrorBody)
        raise CodeAsked(words_of(status, content), body.step, is_wrong=kind == _WRONG_CODE)


def unreachable(problem: Exception) -> CentralUnreachable:
    """Return what it means that a call failed before it was answered."""
    if is_foreign_certificate(problem):
        return CentralIntercepted(INTERCEPTED_WORDS)
    if is_unknown_authority(problem):
        return CentralUnreachable(UNKNOWN_AUTHORITY_WORDS)
    return CentralUnreachable(str(problem) or type(problem).__name__)


def check_response(status: int, headers: Mapping[str, str], content: bytes) -> None:
    """Raise what an answer of central means, where it is no success. The names of `headers` in small letters."""
    if 200 <= status < 300:
        return
    words = words_of(status, content)
    if status in _UNAVAILABLE_STATUSES:
        raise CentralUnreachable(words, _retry_after_seconds(headers))
    if status >= 500:
        raise CentralFaulty(words, _retry_after_seconds(headers))
    # A captive portal, or a proxy, says no as a page; that says nothing of the token.
    if status in (401, 403) and "html" not in headers.get("content-type", ""):
        raise (CopyStopped if _type_of(content) == COPY_STOPPED else TokenRejected)(status, words)
    raise CentralRejected(status, words)


def words_of(status: int, content: bytes) -> str:
    """Return what central says of a problem."""
    try:
        body = msgspec.json.decode(content, type=_ErrorBody)
    except DECODING_FAILED:
        return f"central answered {status}"
    return body.error or body.detail or body.title or f"central answered {status}"


def _type_of(content: bytes) -> str:
    try:
        return msgspec.json.decode(content, type=_ErrorBody).type
    except DECODING_FAILED:
        return ""


def _retry_after_seconds(headers: Mapping[str, str]) -> float:
    """Return for how long central wants to be left alone (RFC 9110, section 10.2.3; a date is not heeded)."""
    try:
        seconds = float(headers.get("retry-after", "0"))
    except ValueError:
        return 0.0
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_SECONDS) if math.isfinite(seconds) else 0.0
