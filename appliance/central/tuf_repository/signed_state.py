"""What is signed, until when, and what a person should know of it: read without whatever signs.

Importing python-tuf costs twenty megabytes, so the servers know it from `state.json`, which is written after each
signing. What is in it decides nothing for rooms: those believe the metadata alone.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from appliance.files import read_regular_file, write_file_atomically
from dns.errors import DECODING_FAILED

STATE_FILE, METADATA_FOLDER = "state.json", "metadata"
# For how long each role's metadata holds. What is renewed by itself is renewed long before.
LIVES = {
    "root": timedelta(days=5 * 365 + 1),
    "targets": timedelta(days=365),
    "snapshot": timedelta(days=180),
    "timestamp": timedelta(days=30),
}
RENEW_BEFORE = {  # this long before its end
    "targets": timedelta(days=180),
    "snapshot": timedelta(days=90),
    "timestamp": timedelta(days=29),
}
NOTICE = {  # this long before its end a person is told
    "root": timedelta(days=60),
    "targets": timedelta(days=60),
    "snapshot": timedelta(days=60),
    "timestamp": timedelta(days=15),
}


class SignedState(msgspec.Struct, frozen=True, kw_only=True):
    """What is signed now."""

    root_version: int
    root_key_id: str
    is_root_stored: bool
    expires: dict[str, datetime]  # by role
    index: str = ""  # the hash of the index that rooms may take; "": none has been signed
    files: tuple[str, ...] = ()  # the names of its files: the index itself, and overlays that lead to it

    def list_due(self, now: datetime) -> set[str]:
        """Return the roles whose metadata is to be signed anew."""
        return {role for role, before in RENEW_BEFORE.items() if now >= self.expires[role] - before}


def read_state(folder: Path) -> SignedState | None:
    """Return what is signed; None: nothing, or nobody knows."""
    try:
        found = msgspec.json.decode(read_regular_file(folder / STATE_FILE), type=SignedState)
    except (OSError, *DECODING_FAILED):
        return None
    return found if found.expires.keys() == LIVES.keys() else None


def write_state(folder: Path, state: SignedState) -> None:
    """Replace it. Raises OSError."""
    write_file_atomically(folder / STATE_FILE, msgspec.json.encode(state))


def list_conditions(state: SignedState | None, now: datetime) -> list[str]:
    """Return what somebody should look at, in sentences."""
    if state is None:
        return []
    found = []
    if not state.is_root_stored:
        found.append(
            "The key behind the signed lists stands on this machine alone. Whoever looks after the machine puts "
            "it on a USB stick with “hallpass central signatures export-root”, and then confirms it."
        )
    return [*found, *_list_ends(state.expires, now)]


def _list_ends(expires: Mapping[str, datetime], now: datetime) -> list[str]:
    found = []
    if (left := expires["root"] - now) < NOTICE["root"]:
        found.append(
            f"{_end_words('The key behind the signed lists', left)} Whoever looks after this machine renews it "
            "with “hallpass central signatures rotate” and the USB stick."
        )
    others = [expires[role] - now for role in RENEW_BEFORE if expires[role] - now < NOTICE[role]]
    if others:
        found.append(
            f"{_end_words('The signature of the lists', min(others))} This service should have renewed it by "
            "itself: its log says why it could not."
        )
    return found


def _end_words(what: str, left: timedelta) -> str:
    if left <= timedelta():
        return f"{what} has ended: rooms keep their lists and take no new ones."
    return f"{what} ends in {left.days} days; then rooms take no new lists."
