"""Central's word that somebody had the password right, until they bring the code that is asked as well.

It travels with whoever signs in (in a browser's cookie, or through a room) and is sealed by the key file, so that
any process of central can read it and nobody can make or change one. It names the place where the password was
typed, holds for five minutes, and is worth nothing as soon as the account has a new password. It opens nothing
without a code, so it may be used again.
"""

from datetime import datetime, timedelta

import msgspec
from sqlalchemy.orm import Session

from appliance.central.accounts import find_user, has_ended, to_account
from appliance.central.key_file import KeyFile, KeyFileUnusable
from appliance.central.log_keys import require_key_of_database
from appliance.control_characters import find_control_character
from appliance.protocol import Account
from appliance.sessions import is_older_than_account
from dns.errors import DECODING_FAILED

STEP_TIME = timedelta(minutes=5)


class _Step(msgspec.Struct, frozen=True):
    username: str
    valid_after: datetime | None
    until: datetime


def make_step(session: Session, keys: KeyFile, now: datetime, account: Account, place: str) -> str:
    """Return the word. Raises KeyFileUnusable."""
    require_key_of_database(session, keys)
    step = _Step(account.username, account.valid_after, now + STEP_TIME)
    return keys.seal(_purpose(place), msgspec.json.encode(step).decode())


def find_account(session: Session, keys: KeyFile, now: datetime, sealed: str, place: str) -> Account | None:
    """Return whose password was right, or None for a word that is none, or not any more."""
    if not sealed.isascii() or find_control_character(sealed):
        return None
    try:
        step = msgspec.json.decode(keys.unseal(_purpose(place), sealed), type=_Step)
    except (KeyFileUnusable, *DECODING_FAILED):
        return None
    user = find_user(session, step.username)
    if user is None or step.until <= now or has_ended(user, now):
        return None
    return None if is_older_than_account(step.valid_after, user.valid_after) else to_account(user)


def _purpose(place: str) -> str:
    return f"second step at {place}"
