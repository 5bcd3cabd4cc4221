"""Which room calls, and by what: its certificate where it shows one, else its token.

A room that has called with its certificate once needs it from then on; a token that it had opens nothing any more,
but for the way to a first certificate, where the first one never arrived.
"""

import math

import msgspec
from flask import request

from appliance.central import rooms
from appliance.central.models import RoomRow
from appliance.central.room_keys import RENEWED_AFTER_END, confirm_key, find_room_by_key
from appliance.central.service import Central
from appliance.certificate_validity import validity_of_certificate
from appliance.pinned_tls import PEER_CERTIFICATE, key_hash_of
from appliance.problem_details import ProblemType
from webui.api.call_reading import read_bearer_token


class NotAdmitted(Exception):
    """Nobody who may call: what kind of problem that is, and words for the room's page."""

    def __init__(self, kind: ProblemType, words: str) -> None:
        self.kind = kind
        super().__init__(words)


class Caller(msgspec.Struct, frozen=True):
    """Who calls."""

    room: RoomRow
    credential: str  # as `room_keys.credential_of` has it, or a key that is used for the first time
    ends_at: float  # Unix seconds; of a token: never

    @property
    def is_certified(self) -> bool:
        """Whether it has shown its certificate, over TLS."""
        return self.ends_at != math.inf


def read_caller(central: Central, *, is_renewal: bool) -> Caller:
    """Return who calls. `is_renewal`: it wants a certificate. Raises NotAdmitted, and what SQLAlchemy raises."""
    certificate: bytes = request.environ.get(PEER_CERTIFICATE, b"")
    return _read_certificate(central, certificate, is_renewal) if certificate else _read_token(central, is_renewal)


def _read_certificate(central: Central, certificate: bytes, is_renewal: bool) -> Caller:  # noqa: FBT001 (as above)
    key_hash = key_hash_of(certificate)  # the handshake has read and verified it
    with central.store.read_session() as session:
        room = find_room_by_key(session, key_hash)
    if room is None:
        words = "this card's key is none of a room here: the room has another card by now, or central was put back"
        raise NotAdmitted(ProblemType.UNKNOWN_CERTIFICATE, words)
    ends_at = validity_of_certificate(certificate).not_after
    ended_for = central.now().timestamp() - ends_at
    if ended_for >= 0 and not is_renewal:
        raise NotAdmitted(ProblemType.CERTIFICATE_ENDED, "this room's certificate has ended, and is to be renewed")
    if ended_for >= RENEWED_AFTER_END.total_seconds():
        words = "this room's certificate ended more than a year ago: make the room a new card at central (Rooms)"
        raise NotAdmitted(ProblemType.CERTIFICATE_ENDED, words)
    if room.key_confirmed_at is None:
        with central.store.write_session() as session:
            confirm_key(session, central.now(), room.id)
    return Caller(room, key_hash, ends_at)


def _read_token(central: Central, is_renewal: bool) -> Caller:  # noqa: FBT001 (as above)
    room = None
    if token := read_bearer_token():
        with central.store.read_session() as session:
            room = rooms.find_room_by_token(session, token)
    if room is None:
        raise NotAdmitted(ProblemType.UNKNOWN_TOKEN, "this token is not known here")
    if room.key_confirmed_at is not None:
        words = "this was used already: the card that it was for has a key of its own since then"
        raise NotAdmitted(ProblemType.CERTIFICATE_NEEDED, words)
    if central.settings.central.rooms_need_certificates and not is_renewal:
        words = "central asks its rooms for certificates, and this one has shown none"
        raise NotAdmitted(ProblemType.CERTIFICATE_NEEDED, words)
    return Caller(room, room.token_hash, math.inf)
