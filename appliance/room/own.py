"""What the room itself has decided: lessons, pauses, suspended devices, and sites that a teacher may open alone.

The agent is the only writer (`RoomPaths.own`, whole, by renaming); `appliance.room.policy` lays it over the
policy that came from central, which stays byte for byte as it was sent. So a lesson
starts within a second, and also while central is away. Everything here ends by itself.
"""

import os
from pathlib import Path

import msgspec

from dns.policy.document import Lesson, Pause, PolicyDocument, Suspension, Unblock


class OwnDecisions(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything that the room has decided and that is not over."""

    lessons: tuple[Lesson, ...] = ()
    pauses: tuple[Pause, ...] = ()
    suspensions: tuple[Suspension, ...] = ()
    unblocks: tuple[Unblock, ...] = ()

    def added(self, one: "Decision") -> "OwnDecisions":
        """Return these decisions and one more. A new lesson replaces the one before."""
        match one:
            case Lesson():
                return msgspec.structs.replace(self, lessons=(one,))
            case Pause():
                return msgspec.structs.replace(self, pauses=(one,))
            case Suspension():
                others = (other for other in self.suspensions if other.device != one.device)
                return msgspec.structs.replace(self, suspensions=(*others, one))
            case Unblock():
                return msgspec.structs.replace(self, unblocks=(*self.unblocks, one))

    def without(self, decision_id: str) -> "OwnDecisions":
        """Return these decisions without one."""
        return OwnDecisions(
            lessons=tuple(one for one in self.lessons if one.id != decision_id),
            pauses=tuple(one for one in self.pauses if one.id != decision_id),
            suspensions=tuple(one for one in self.suspensions if one.id != decision_id),
            unblocks=tuple(one for one in self.unblocks if one.id != decision_id),
        )

    def at(self, now: float) -> "OwnDecisions":
        """Return what is not over at a time (Unix seconds)."""
        return OwnDecisions(
            lessons=tuple(one for one in self.lessons if one.until.timestamp() > now),
            pauses=tuple(one for one in self.pauses if one.until.timestamp() > now),
            suspensions=tuple(one for one in self.suspensions if one.until.timestamp() > now),
            unblocks=tuple(one for one in self.unblocks if one.until.timestamp() > now),
        )

    def find(self, decision_id: str) -> "Decision | None":
        """Return one decision, or None."""
        everything: tuple[Decision, ...] = (*self.lessons, *self.pauses, *self.suspensions, *self.unblocks)
        return next((one for one in everything if one.id == decision_id), None)


Decision = Lesson | Pause | Suspension | Unblock

_decoder = msgspec.json.Decoder(OwnDecisions)


def read(path: Path, now: float) -> OwnDecisions:
    """Return what the room has decided and is not over. A file that cannot be read decides nothing."""
    try:
        return _decoder.decode(path.read_bytes()).at(now)
    except (OSError, msgspec.DecodeError):
        return OwnDecisions()


def write(path: Path, decisions: OwnDecisions) -> None:
    """Replace what the room has decided. Raises OSError, and then nothing has changed."""
    temporary = path.with_suffix(".new")
    with temporary.open("wb") as file:
        file.write(msgspec.json.encode(decisions))
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def laid_over(document: PolicyDocument, decisions: OwnDecisions) -> PolicyDocument:
    """Return a policy document with what the room has decided."""
    return msgspec.structs.replace(
        document,
        lessons=(*document.lessons, *decisions.lessons),
        pauses=(*document.pauses, *decisions.pauses),
        suspensions=(*document.suspensions, *decisions.suspensions),
        unblocks=(*document.unblocks, *decisions.unblocks),
    )
