"""What the pages and the recorder ask the agent, over a Unix socket: one line of JSON there, one line back.

Each question is a struct with its own tag; each answer is `Answer` with the value, or with the sentence that says
why there is none. `ask` is the asking side, for programs without an event loop.
"""

import socket
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec

from appliance.errors import HallpassError
from appliance.protocol import Account, Credentials, Incident, RequestState, SiteReport, UnblockRequest
from appliance.room.local_overrides import OwnDecisions
from dns.errors import DECODING_FAILED

Kind = Literal["request", "withdrawal", "report", "incident", "action"]  # of what is sent to central

LINE_BYTES = 1024 * 1024
PATIENCE_SECONDS = 8.0  # longer than the agent itself waits for central


class Status(msgspec.Struct, frozen=True, tag="status"):
    """Ask how the room stands with central."""


class SignIn(msgspec.Struct, frozen=True, tag="sign-in"):
    """Ask whose a user name and password are."""

    typed: Credentials


class Submit(msgspec.Struct, frozen=True, tag="submit"):
    """Send a request on its way."""

    request: UnblockRequest


class Withdraw(msgspec.Struct, frozen=True, tag="withdraw"):
    """Take a request back."""

    id: str
    who: str


class Requests(msgspec.Struct, frozen=True, tag="requests"):
    """Ask for the room's requests."""


class Report(msgspec.Struct, frozen=True, tag="report"):
    """Send "this should be closed" on its way."""

    report: SiteReport


class Tell(msgspec.Struct, frozen=True, tag="incident"):
    """Send an incident on its way."""

    incident: Incident


class InForce(msgspec.Struct, frozen=True, tag="in-force"):
    """Ask what the room has decided and is not over."""


class StartLesson(msgspec.Struct, frozen=True, tag="start-lesson"):
    """Let the room reach only these sites for a time."""

    who: str
    sites: tuple[str, ...]
    minutes: int
    title: str = ""


class PauseRoom(msgspec.Struct, frozen=True, tag="pause"):
    """Close everything but the appliance for a time."""

    who: str
    minutes: int


class SuspendDevice(msgspec.Struct, frozen=True, tag="suspend"):
    """Leave one device, known by its token, without the internet for a time."""

    who: str
    token: str
    minutes: int


class EndDecision(msgspec.Struct, frozen=True, tag="end"):
    """End something that the room decided."""

    who: str
    id: str


class LogKeyWanted(msgspec.Struct, frozen=True, tag="log-key"):
    """Ask for the key of the query log."""


Deciding = InForce | StartLesson | PauseRoom | SuspendDevice | EndDecision
Question = Status | SignIn | Submit | Withdraw | Requests | Report | Tell | LogKeyWanted | Deciding


class RoomStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How the room stands with central."""

    enrolled: bool
    reachable: bool
    waiting_to_be_sent: int
    revision: int  # grows with every change that a page may want to show
    index_age_seconds: float | None = None


class PutAside(msgspec.Struct, frozen=True):
    """Something that central did not take, and why. It is kept."""

    kind: Kind
    id: str
    why: str


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the agent says."""

    error: str = ""
    status: RoomStatus | None = None
    account: Account | None = None
    requests: tuple[RequestState, ...] = ()
    unsent: tuple[str, ...] = ()  # the ids of requests that central has not got yet
    put_aside: tuple[PutAside, ...] = ()  # what central did not take; of requests, and of everything else
    ended: bool = False  # what was taken back had been opened, and is closed now
    log_key: str = ""
    opened_until: datetime | None = None  # a request that was delegated: open at once
    own: OwnDecisions | None = None


class AgentAway(HallpassError):
    """The agent does not answer."""


class Refused(HallpassError):
    """The agent said no; the message is for the person who asked."""


encoder = msgspec.json.Encoder()
question_decoder = msgspec.json.Decoder(Question)
_answer_decoder = msgspec.json.Decoder(Answer)


def ask(path: Path, question: Question, patience_seconds: float = PATIENCE_SECONDS) -> Answer:
    """Ask the agent, and wait only so long. Raises AgentAway, or Refused with the agent's sentence."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(patience_seconds)
            connection.connect(str(path))
            connection.sendall(encoder.encode(question) + b"\n")
            with connection.makefile("rb") as lines:
                answer = _answer_decoder.decode(lines.readline(LINE_BYTES))
    except (OSError, *DECODING_FAILED):
        raise AgentAway("this room's agent does not answer at the moment; please try again shortly") from None
    if answer.error:
        raise Refused(answer.error)
    return answer
