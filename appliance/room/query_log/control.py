"""What others ask of the query log's one writer, over a Unix socket: one line of JSON there, one line back.

Readers ask to see what was received but does not stand in the database yet (`FlushRequest`); people ask for what
must be written down when it is done (`LookupRequest`, `PurgeRequest`); the pages acknowledge the lamp and hand in
what pupils tell.
"""

from pathlib import Path
from typing import Annotated

import msgspec

from appliance.errors import HallpassError
from appliance.ipc import send_and_receive_line
from appliance.room.incidents.pupil_reports import ClosedCategory, ReportOutcome, SeenRefusal
from dns.errors import DECODING_FAILED

LINE_BYTES = 65536
TIMEOUT_SECONDS = 120.0  # a purge of a full log on a slow card
FLUSH_TIMEOUT_SECONDS = 3.0
MAX_TOKENS = 200  # of one question: what comes back fits into a line

Reason = msgspec.Meta(min_length=3, max_length=500)


class FlushRequest(msgspec.Struct, frozen=True, tag="fold"):
    """Take everything into the database that was received so far."""


class LookupRequest(msgspec.Struct, frozen=True, kw_only=True, tag="look-up"):
    """Ask which address a token stands for. Written down: who asked, when, and why."""

    token: str
    who: str
    reason: str


class ExtractRequest(msgspec.Struct, frozen=True, kw_only=True, tag="extract"):
    """Say that somebody is shown what a device asked for. Written down: who, when, and why."""

    token: str
    who: str
    reason: str


class PurgeRequest(msgspec.Struct, frozen=True, kw_only=True, tag="purge"):
    """Delete rows for good: of one device, of all before a second, or of that device before it."""

    who: str
    reason: str
    device: str = ""
    before: int | None = None


class AcknowledgeRequest(msgspec.Struct, frozen=True, tag="acknowledge"):
    """Somebody has seen what the lamp shows."""


class PupilReportRequest(msgspec.Struct, frozen=True, kw_only=True, tag="pupil-report"):
    """A pupil tells about a name that was closed; the addresses are those of the one device they sit at."""

    addresses: Annotated[tuple[str, ...], msgspec.Meta(max_length=64)]
    name: str


class RefusalRequest(msgspec.Struct, frozen=True, kw_only=True, tag="refusal"):
    """Ask what was refused to a device lately: this name, and in the last minutes why anything was."""

    addresses: Annotated[tuple[str, ...], msgspec.Meta(max_length=64)]
    name: str = ""


class NamesRequest(msgspec.Struct, frozen=True, tag="names"):
    """Ask which of these tokens stand for devices that the school has given a name."""

    tokens: Annotated[tuple[Annotated[str, msgspec.Meta(max_length=64)], ...], msgspec.Meta(max_length=MAX_TOKENS)]


ControlRequest = (
    FlushRequest
    | LookupRequest
    | ExtractRequest
    | PurgeRequest
    | AcknowledgeRequest
    | PupilReportRequest
    | RefusalRequest
    | NamesRequest
)


class ControlResponse(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the recorder says."""

    error: str = ""
    address: str = ""
    rows: int = 0
    answers: int = 0
    outcome: ReportOutcome | None = None  # of a pupil's report
    names: dict[str, str] = {}  # of devices, by their tokens
    refusal: SeenRefusal | None = None  # of the name that was asked about
    devices: tuple[str, ...] = ()  # the tokens of its addresses, where anything was refused to them
    recent: tuple[ClosedCategory, ...] = ()  # what was closed to the device in the last minutes


class QueryLogUnavailable(HallpassError):
    """The recorder does not answer."""


class ControlRequestRejected(HallpassError):
    """The recorder said no; the message is for the person who asked."""


request_decoder = msgspec.json.Decoder(ControlRequest)
_response_decoder = msgspec.json.Decoder(ControlResponse)


def send_control_request(
    path: Path, request: ControlRequest, timeout_seconds: float = TIMEOUT_SECONDS
) -> ControlResponse:
    """Ask the recorder. Raises QueryLogUnavailable, or ControlRequestRejected with its sentence."""
    try:
        line = send_and_receive_line(
            path, msgspec.json.encode(request), timeout_seconds=timeout_seconds, max_bytes=LINE_BYTES
        )
        response = _response_decoder.decode(line)
    except (OSError, *DECODING_FAILED):
        raise QueryLogUnavailable("this room's recorder does not answer at the moment") from None
    if response.error:
        raise ControlRequestRejected(response.error)
    return response
