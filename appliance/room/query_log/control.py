"""What others ask of the query log's one writer, over a Unix socket: one line of JSON there, one line back.

Readers ask to see what was received but does not stand in the database yet (`Fold`); people ask for what must be
written down when it is done (`LookUp`, `Purge`); the pages acknowledge the lamp.
"""

import socket
from pathlib import Path

import msgspec

from appliance.errors import HallpassError
from dns.errors import DECODING_FAILED

LINE_BYTES = 65536
PATIENCE_SECONDS = 120.0  # a purge of a full log on a slow card
FOLD_PATIENCE_SECONDS = 3.0

Reason = msgspec.Meta(min_length=3, max_length=500)


class Fold(msgspec.Struct, frozen=True, tag="fold"):
    """Take everything into the database that was received so far."""


class LookUp(msgspec.Struct, frozen=True, kw_only=True, tag="look-up"):
    """Ask which address a token stands for. Written down: who asked, when, and why."""

    token: str
    who: str
    reason: str


class Purge(msgspec.Struct, frozen=True, kw_only=True, tag="purge"):
    """Delete rows for good: of one device, of all before a second, or of that device before it."""

    who: str
    reason: str
    device: str = ""
    before: int | None = None


class Acknowledge(msgspec.Struct, frozen=True, tag="acknowledge"):
    """Somebody has seen what the lamp shows."""


Question = Fold | LookUp | Purge | Acknowledge


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the recorder says."""

    error: str = ""
    address: str = ""
    rows: int = 0
    answers: int = 0


class RecorderAway(HallpassError):
    """The recorder does not answer."""


class RecorderRefused(HallpassError):
    """The recorder said no; the message is for the person who asked."""


encoder = msgspec.json.Encoder()
question_decoder = msgspec.json.Decoder(Question)
_answer_decoder = msgspec.json.Decoder(Answer)


def ask(path: Path, question: Question, patience: float = PATIENCE_SECONDS) -> Answer:
    """Ask the recorder. Raises RecorderAway, or RecorderRefused with its sentence."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(patience)
            connection.connect(str(path))
            connection.sendall(encoder.encode(question) + b"\n")
            with connection.makefile("rb") as lines:
                answer = _answer_decoder.decode(lines.readline(LINE_BYTES))
    except (OSError, *DECODING_FAILED):
        raise RecorderAway("this room's recorder does not answer at the moment") from None
    if answer.error:
        raise RecorderRefused(answer.error)
    return answer
