"""What is said when something cannot be done: problem details for HTTP interfaces (RFC 9457).

Every error of central's machine interface is one of these. `type` says which, for programs; `title` is the same
each time; `detail` is one sentence about this time, for whoever reads a log or a page.
"""

from enum import Enum

import msgspec

from appliance.control_characters import escape_control_characters

MEDIA_TYPE = "application/problem+json"
MAX_DETAIL_LENGTH = 500  # characters: a mistake is quoted, and may be as long as what it stood in
_PREFIX = "urn:hallpass:problem:"


class ProblemDetails(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A problem, in words."""

    type: str
    title: str
    status: int
    detail: str
    step: str = ""  # CODE_NEEDED: what to send with the code, as `Credentials.step`; "": sign in anew


class ProblemType(Enum):
    """A kind of problem: its HTTP status and its title."""

    BAD_MESSAGE = 400, "The message is not understood"
    UNKNOWN_TOKEN = 401, "The token is not known"
    CERTIFICATE_NEEDED = 401, "This room has to show a certificate"
    CERTIFICATE_ENDED = 401, "The certificate has ended"
    UNKNOWN_CERTIFICATE = 401, "The certificate is none of a room here"
    WRONG_PASSWORD = 401, "User name or password is not right"
    CODE_NEEDED = 401, "A code is needed as well"
    WRONG_CODE = 401, "The code is not right"
    NOT_FOR_ROOMS = 403, "This is not for rooms"
    NOT_ALLOWED = 403, "The key does not allow that"
    COPY_STOPPED = 403, "Another card works as this room"
    ROOM_ENDED = 403, "This room is no longer enrolled"
    SCHOOL_ENDED = 403, "This school's central is no longer enrolled"
    NOT_FOUND = 404, "There is no such thing"
    METHOD_NOT_ALLOWED = 405, "That cannot be done with it"
    NOT_POSSIBLE = 409, "It cannot be done as things are"
    TICKET_REFUSED = 409, "The ticket is not taken"
    TOO_LARGE = 413, "The message is too large"
    UNSUPPORTED_MEDIA_TYPE = 415, "The message is no JSON"
    RANGE_NOT_SATISFIABLE = 416, "There is no such part of it"
    TOO_MANY_TRIES = 429, "There were too many wrong tries"
    TOO_MANY_CALLS = 429, "There were too many calls"
    FAULT = 500, "Something went wrong here"
    BUSY = 503, "There is no time for this now"
    DATABASE_AWAY = 503, "The database is busy or away"

    def __init__(self, status: int, title: str) -> None:
        self.status = status
        self.title = title

    @property
    def uri(self) -> str:
        """Return what identifies it."""
        return _PREFIX + self.name.lower().replace("_", "-")

    def describe(self, detail: str, *, step: str = "") -> ProblemDetails:
        """Return a problem of this kind. `detail` may quote what was sent."""
        words = escape_control_characters(detail)[:MAX_DETAIL_LENGTH]
        return ProblemDetails(type=self.uri, title=self.title, status=self.status, detail=words, step=step)


def problem_of_status(status: int, title: str, detail: str) -> ProblemDetails:
    """Return a problem that its HTTP status alone describes (RFC 9457, section 4.2.1)."""
    return ProblemDetails(type="about:blank", title=title, status=status, detail=detail)
