"""Who is signed in, and on which device: what both sites know of a session, whatever table keeps it.

A browser holds a random id of 256 bits; a table holds only its SHA-256, so that whoever reads the table can sign
in as nobody. A session is over when it was ended, after `ABSOLUTE_LIMIT` (a school day) whatever happens, after
`IDLE_LIMIT` without anybody's doing, and as soon as its account is over or has a new password: then the account's
`valid_after` is later than the one that the session began with. Both come from central, so no two clocks are
compared.
"""

import hashlib
import secrets
from datetime import UTC, datetime, timedelta
from typing import Protocol

import msgspec

from appliance.errors import HallpassError
from appliance.protocol import Account

ABSOLUTE_LIMIT = timedelta(hours=10)
IDLE_LIMIT = timedelta(hours=2)
TOUCH_INTERVAL = timedelta(minutes=1)  # a use within it of the last one is not written down
KEPT_AFTER_ISSUE = timedelta(days=2)  # then the row goes; it has been over for long
MAX_SESSIONS_OF_ACCOUNT = 50  # beyond it the oldest end
DEVICE_LENGTH = 60
ADDRESS_LENGTH = 45
_HANDLE_DIGITS = 32
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


class SessionsUnavailable(HallpassError):
    """The table of sessions cannot be read or written at the moment."""


class SessionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A session that holds."""

    handle: str  # names it on a page; opens nothing
    account: Account
    issued: datetime
    last_used: datetime
    device: str  # words: "Firefox on Windows"
    address: str = ""  # from which it began; for IPv6 its network; "": not known


class SessionTable(Protocol):
    """Where a site keeps its sessions. Everything may raise SessionsUnavailable."""

    def start_session(self, account: Account, device: str, address: str = "") -> str:
        """Begin a session and return its id, which is kept nowhere."""

    def find_session(self, session_id: str) -> SessionRecord | None:
        """Return the session of this id if it holds."""

    def touch_session(self, session_id: str, record: SessionRecord) -> None:
        """Note that somebody used it just now, once a minute. Never raises: it only ends the sooner."""

    def end_session(self, session_id: str) -> None:
        """End the session of this id."""

    def list_sessions(self, username: str) -> list[SessionRecord]:
        """Return an account's sessions that hold, the one used last first."""

    def end_by_handle(self, username: str, handle: str) -> bool:
        """End one of an account's sessions; return whether it held."""

    def end_others(self, username: str, session_id: str) -> int:
        """End all of an account's sessions but one; return how many held."""


def new_session_id() -> str:
    """Return an id that nobody can guess: 256 bits."""
    return secrets.token_urlsafe(32)


def hash_session_id(session_id: str) -> str:
    """Return what the table keeps of an id."""
    return hashlib.sha256(session_id.encode(errors="replace")).hexdigest()


def session_handle(id_hash: str) -> str:
    """Return what names a session on a page."""
    return id_hash[:_HANDLE_DIGITS]


def is_within_limits(now: datetime, issued: datetime, last_used: datetime) -> bool:
    """Tell whether a session is neither too old nor idle for too long.

    Times that lie as far ahead are over too: a clock that was wrong must not make a session that does not end.
    """
    return abs(now - issued) < ABSOLUTE_LIMIT and abs(now - last_used) < IDLE_LIMIT


def is_touch_due(now: datetime, record: SessionRecord) -> bool:
    """Tell whether a use of a session is worth writing down."""
    return abs(now - record.last_used) >= TOUCH_INTERVAL


def is_older_than_account(session_valid_after: datetime | None, account_valid_after: datetime | None) -> bool:
    """Tell whether an account got a new password, or was signed out everywhere, since a session began."""
    return (session_valid_after or _NEVER) < (account_valid_after or _NEVER)


def describe_device(user_agent: str) -> str:
    """Return a browser's own description of itself in a few words: "Firefox on Windows"."""
    browser = _first_named(user_agent, _BROWSERS)
    system = _first_named(user_agent, _SYSTEMS)
    return f"{browser or 'A browser'} on {system}" if system else browser or "An unknown device"


def _first_named(text: str, names: tuple[tuple[str, str], ...]) -> str:
    return next((name for mark, name in names if mark in text), "")


# In this order: most browsers claim to be several others.
_BROWSERS = (
    ("Edg", "Edge"), ("OPR/", "Opera"), ("SamsungBrowser", "Samsung Internet"), ("Firefox/", "Firefox"),
    ("FxiOS", "Firefox"), ("CriOS", "Chrome"), ("Chrome/", "Chrome"), ("Safari/", "Safari"),
)  # fmt: skip
_SYSTEMS = (
    ("iPad", "an iPad"), ("iPhone", "an iPhone"), ("Android", "Android"), ("CrOS", "a Chromebook"),
    ("Windows", "Windows"), ("Macintosh", "a Mac"), ("Linux", "Linux"),
)  # fmt: skip
