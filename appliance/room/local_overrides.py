"""What the room itself has decided: lessons, pauses, suspended devices, and sites that a teacher may open alone.

The agent is the only writer (`RoomPaths.local_overrides`, with a copy: `appliance.room.guarded_file`);
`appliance.room.room_policy` lays it over the policy that came from central, which stays byte for byte as it was
sent. So a lesson starts within a second, and also while central is away. Decisions end by themselves. Closings do
not: whatever the clock shows, they hold until central has ended what they end
(`appliance.room.agent.ended_unblocks`).

Readers pass over what is over, but a lesson, a pause and the `MAX_SUSPENSIONS` last suspensions stay in the
file: a clock that jumps ahead and comes back must not have ended them for good. An opening that is over goes: it
can be asked for again, and a clock that goes back must not find it.
"""

from datetime import datetime
from pathlib import Path

import msgspec

from appliance.room import guarded_file
from dns.errors import DECODING_FAILED
from dns.policy.document import Lesson, Pause, PolicyDocument, Suspension, Unblock

MAX_SUSPENSIONS = 100


class EndedUnblock(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An end, pressed in this room, of what central opened for a request."""

    request: str  # its id
    site: str = ""
    until: datetime | None = None  # until when it was open, where the room knew

    def is_end_of(self, unblock: Unblock) -> bool:
        """Tell whether it is this opening that was ended.

        An older central does not say which request an opening answers. Then the site tells, and the hour if it is
        known: rather one opening too many is closed.
        """
        if unblock.request:
            return unblock.request == self.request
        return unblock.site == self.site and (self.until is None or self.until == unblock.until)


class RequestDevice(msgspec.Struct, frozen=True, kw_only=True):
    """The one device that a request of this room is for: central knows no more of it than the room's token."""

    request: str  # its id
    device: str  # written like a member of a group: its MAC address where the network knows one, else its address


class LocalOverrides(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything that the room has decided and that is not over."""

    lessons: tuple[Lesson, ...] = ()
    pauses: tuple[Pause, ...] = ()
    suspensions: tuple[Suspension, ...] = ()
    unblocks: tuple[Unblock, ...] = ()
    closings: tuple[EndedUnblock, ...] = ()
    devices: tuple[RequestDevice, ...] = ()
    damaged: bool = False  # the file could not be read: nobody knows what was ended

    def with_override(self, one: "LocalOverride") -> "LocalOverrides":
        """Return these decisions and one more. A new lesson replaces the one before."""
        match one:
            case Lesson():
                return msgspec.structs.replace(self, lessons=(one,))
            case Pause():
                return msgspec.structs.replace(self, pauses=(one,))
            case Suspension():
                others = (other for other in self.suspensions if other.device != one.device)
                return msgspec.structs.replace(self, suspensions=(*others, one)[-MAX_SUSPENSIONS:])
            case Unblock():
                return msgspec.structs.replace(self, unblocks=(*self.unblocks, one))

    def without_override(self, override_id: str) -> "LocalOverrides":
        """Return these decisions without one."""
        return msgspec.structs.replace(
            self,
            lessons=tuple(one for one in self.lessons if one.id != override_id),
            pauses=tuple(one for one in self.pauses if one.id != override_id),
            suspensions=tuple(one for one in self.suspensions if one.id != override_id),
            unblocks=tuple(one for one in self.unblocks if one.id != override_id),
        )

    def active_at(self, now: float) -> "LocalOverrides":
        """Return what is not over at a time (Unix seconds)."""
        return msgspec.structs.replace(
            self,
            lessons=tuple(one for one in self.lessons if one.until.timestamp() > now),
            pauses=tuple(one for one in self.pauses if one.until.timestamp() > now),
            suspensions=tuple(one for one in self.suspensions if one.until.timestamp() > now),
            unblocks=tuple(one for one in self.unblocks if one.until.timestamp() > now),
        )

    def find_override(self, override_id: str) -> "LocalOverride | None":
        """Return one decision, or None."""
        everything: tuple[LocalOverride, ...] = (*self.lessons, *self.pauses, *self.suspensions, *self.unblocks)
        return next((one for one in everything if one.id == override_id), None)


LocalOverride = Lesson | Pause | Suspension | Unblock

_decoder = msgspec.json.Decoder(LocalOverrides)


def read_active_overrides(path: Path, now: float) -> LocalOverrides:
    """Return what the room has decided and is not over. A file that cannot be read, nor its copy, decides nothing.

    But then it is not known either what was ended, so no opening of central's holds until the agent has written
    the file anew, which it does within seconds.
    """
    return _read_file(path).active_at(now)


def read_kept_overrides(path: Path, now: float) -> LocalOverrides:
    """Return what a writer goes on from: what closes, over or not, and the openings that are not over."""
    whole = _read_file(path)
    return msgspec.structs.replace(whole, unblocks=whole.active_at(now).unblocks)


def _read_file(path: Path) -> LocalOverrides:
    found = guarded_file.read_guarded_file(path, is_overrides)
    if found.content is None:
        return LocalOverrides(damaged=bool(found.problem))
    return _decoder.decode(found.content)


def is_overrides(content: bytes) -> bool:
    """Tell whether bytes are such a file's content."""
    try:
        _decoder.decode(content)
    except DECODING_FAILED:
        return False
    return True


def write_overrides(path: Path, overrides: LocalOverrides) -> None:
    """Replace what the room has decided, on the disk too. Raises OSError, and then nothing has changed."""
    guarded_file.write_guarded_file(path, msgspec.json.encode(overrides))


def without_ended_unblocks(document: PolicyDocument, overrides: LocalOverrides) -> PolicyDocument:
    """Return central's document without the openings that the room has ended."""
    granted = () if overrides.damaged else document.unblocks
    left = tuple(one for one in granted if not any(end.is_end_of(one) for end in overrides.closings))
    return msgspec.structs.replace(document, unblocks=left)


def _with_devices(document: PolicyDocument, overrides: LocalOverrides) -> PolicyDocument:
    """Return central's document with the devices of this room for which its openings are.

    Of a token that this room cannot say whose it is, the opening stays, and opens for nobody.
    """
    known = {one.request: one.device for one in overrides.devices}
    if not known:
        return document
    found = (
        msgspec.structs.replace(one, device=known[one.request]) if one.device and one.request in known else one
        for one in document.unblocks
    )
    return msgspec.structs.replace(document, unblocks=tuple(found))


def apply_overrides(document: PolicyDocument, overrides: LocalOverrides) -> PolicyDocument:
    """Return a policy document with what the room has decided, and without what it has ended."""
    document = _with_devices(without_ended_unblocks(document, overrides), overrides)
    return msgspec.structs.replace(
        document,
        lessons=(*document.lessons, *overrides.lessons),
        pauses=(*document.pauses, *overrides.pauses),
        suspensions=(*document.suspensions, *overrides.suspensions),
        unblocks=(*document.unblocks, *overrides.unblocks),
    )
