"""What the pages and the recorder ask the agent, over a Unix socket: one line of JSON there, one line back.

Each request is a struct with its own tag; each response is `RpcResponse` with the value, or with the sentence
that says why there is none. `send_rpc_request` is the client's side, for programs without an event loop.
"""

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec

from appliance.errors import HallpassError
from appliance.ipc import send_and_receive_line
from appliance.protocol import (
    Account,
    ClosedIncident,
    Credentials,
    Incident,
    RequestState,
    RoomSignInPage,
    RoomSignInStart,
    SignInTicket,
    SiteReport,
    UnblockRequest,
)
from appliance.room.lesson_plans import LessonPlan
from appliance.room.local_overrides import LocalOverrides
from appliance.room.pupil_asks import AskOutcome, PupilAsk, Token
from dns.errors import DECODING_FAILED

# Why somebody was not signed in, where it is worth telling apart.
SignInRefusal = Literal["", "password", "throttled", "code", "wrong code"]
MessageKind = Literal["request", "withdrawal", "report", "incident", "action"]  # of what is sent to central

LINE_BYTES = 1024 * 1024
TIMEOUT_SECONDS = 8.0  # longer than the agent itself waits for central


class StatusRequest(msgspec.Struct, frozen=True, tag="status"):
    """Ask how the room stands with central."""


class SignInRequest(msgspec.Struct, frozen=True, tag="sign-in"):
    """Ask whose a user name and password are."""

    credentials: Credentials


class StartSignInRequest(msgspec.Struct, frozen=True, tag="start-sign-in"):
    """Ask where somebody signs in at central."""

    start: RoomSignInStart


class RedeemTicketRequest(msgspec.Struct, frozen=True, tag="redeem-ticket"):
    """Ask who signed in at central."""

    brought: SignInTicket


class SubmitRequest(msgspec.Struct, frozen=True, tag="submit"):
    """Send a request on its way."""

    request: UnblockRequest


class WithdrawRequest(msgspec.Struct, frozen=True, tag="withdraw"):
    """Take a request back."""

    id: str
    who: str


class AskAgainRequest(msgspec.Struct, frozen=True, tag="again"):
    """Send a request that was denied, or that nobody decided in time, once more."""

    id: str
    who: str


class ListRequestsRequest(msgspec.Struct, frozen=True, tag="requests"):
    """Ask for the room's requests."""


class ReportRequest(msgspec.Struct, frozen=True, tag="report"):
    """Send "this should be closed" on its way."""

    report: SiteReport


class IncidentRequest(msgspec.Struct, frozen=True, tag="incident"):
    """Send an incident on its way."""

    incident: Incident


class AskTeacherRequest(msgspec.Struct, frozen=True, tag="ask-teacher"):
    """Keep what a pupil asks for, of a site that was refused to their device, for the teacher to answer."""

    device: Token
    site: str


class ListAsksRequest(msgspec.Struct, frozen=True, tag="asks"):
    """Ask what pupils asked for lately, and what became of it."""

    device: str = ""  # of this one alone


class AnswerAskRequest(msgspec.Struct, frozen=True, kw_only=True, tag="answer-ask"):
    """Answer all who wait for a site: yes, by this request; no; or take a "no" back."""

    who: str
    site: str
    answer: Literal["yes", "no", "undo"]
    request: UnblockRequest | None = None  # with "yes"


class ListPlansRequest(msgspec.Struct, frozen=True, tag="plans"):
    """Ask for somebody's lesson plans, and those that are shared in this room."""

    who: str


class SavePlanRequest(msgspec.Struct, frozen=True, tag="save-plan"):
    """Keep a lesson plan of its owner's."""

    plan: LessonPlan


class AskPlanRequest(msgspec.Struct, frozen=True, tag="ask-plan"):
    """Send the request for what is closed of one's own plan."""

    plan: str  # its id
    request: UnblockRequest


class DeletePlanRequest(msgspec.Struct, frozen=True, kw_only=True, tag="delete-plan"):
    """Delete one's own plan, or put it back."""

    who: str
    plan: str
    undo: bool = False


class ActiveOverridesRequest(msgspec.Struct, frozen=True, tag="in-force"):
    """Ask what the room has decided and is not over."""


class StartLessonRequest(msgspec.Struct, frozen=True, tag="start-lesson"):
    """Let the room reach only these sites for a time."""

    who: str
    sites: tuple[str, ...]
    minutes: int
    title: str = ""


class PauseRoomRequest(msgspec.Struct, frozen=True, tag="pause"):
    """Close everything but the appliance for a time."""

    who: str
    minutes: int


class SuspendDeviceRequest(msgspec.Struct, frozen=True, tag="suspend"):
    """Leave one device, known by its token, without the internet for a time."""

    who: str
    token: str
    minutes: int


class EndOverrideRequest(msgspec.Struct, frozen=True, tag="end"):
    """End something that the room decided."""

    who: str
    id: str


class LogKeyRequest(msgspec.Struct, frozen=True, tag="log-key"):
    """Ask for the key of the query log."""


OverrideRequest = (
    ActiveOverridesRequest | StartLessonRequest | PauseRoomRequest | SuspendDeviceRequest | EndOverrideRequest
)
PlanRequest = ListPlansRequest | SavePlanRequest | AskPlanRequest | DeletePlanRequest
AskRequest = AskTeacherRequest | ListAsksRequest | AnswerAskRequest
RpcRequest = (
    StatusRequest
    | SignInRequest
    | StartSignInRequest
    | RedeemTicketRequest
    | SubmitRequest
    | WithdrawRequest
    | AskAgainRequest
    | ListRequestsRequest
    | ReportRequest
    | IncidentRequest
    | LogKeyRequest
    | OverrideRequest
    | AskRequest
    | PlanRequest
)


class RoomStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How the room stands with central."""

    enrolled: bool
    reachable: bool
    waiting_to_be_sent: int
    revision: int  # grows with every change that a page may want to show
    index_age_seconds: float | None = None


class DeadLetter(msgspec.Struct, frozen=True):
    """Something that central did not take, and why. It is kept."""

    kind: MessageKind
    id: str
    why: str


class RpcResponse(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the agent says."""

    error: str = ""
    refusal: SignInRefusal = ""
    step: str = ""  # to be sent with a code
    wait_seconds: int = 0  # before the next try is worth anything
    status: RoomStatus | None = None
    account: Account | None = None
    sign_in_page: RoomSignInPage | None = None
    requests: tuple[RequestState, ...] = ()
    unsent: tuple[str, ...] = ()  # the ids of requests that central has not got yet
    closed_incidents: tuple[ClosedIncident, ...] = ()  # of this room, that somebody has dealt with
    dead_letters: tuple[DeadLetter, ...] = ()  # what central did not take; of requests, and of everything else
    ended: bool = False  # what was taken back had been opened, and is closed now
    log_key: str = ""
    opened_until: datetime | None = None  # a request that was delegated: open at once
    overrides: LocalOverrides | None = None
    ask_outcome: AskOutcome | None = None
    asks: tuple[PupilAsk, ...] = ()
    plans: tuple[LessonPlan, ...] = ()


class AgentUnavailable(HallpassError):
    """The agent does not answer."""


class RpcRejected(HallpassError):
    """The agent said no; the message is for the person who asked."""

    def __init__(self, words: str, refusal: SignInRefusal = "", wait_seconds: int = 0, step: str = "") -> None:
        self.refusal = refusal
        self.wait_seconds = wait_seconds
        self.step = step
        super().__init__(words)


request_decoder = msgspec.json.Decoder(RpcRequest)
_response_decoder = msgspec.json.Decoder(RpcResponse)


def again_id(request_id: str) -> str:
    """Return the id of the request by which another one is asked again: the same however often that is sent."""
    return hashlib.sha256(f"again {request_id}".encode()).hexdigest()[:32]


def send_rpc_request(path: Path, request: RpcRequest, timeout_seconds: float = TIMEOUT_SECONDS) -> RpcResponse:
    """Ask the agent, and wait only so long. Raises AgentUnavailable, or RpcRejected with the agent's sentence."""
    try:
        line = send_and_receive_line(
            path, msgspec.json.encode(request), timeout_seconds=timeout_seconds, max_bytes=LINE_BYTES
        )
        response = _response_decoder.decode(line)
    except (OSError, *DECODING_FAILED):
        raise AgentUnavailable("this room's box does not answer at the moment; please try again shortly") from None
    if response.error:
        raise RpcRejected(response.error, response.refusal, response.wait_seconds, response.step)
    return response
