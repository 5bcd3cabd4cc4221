"""A small school for policy tests: pupils and staff, a few closed categories, and times to speak of."""

from datetime import UTC, datetime, timedelta
from typing import Any

from dns.policy.compiled_policy import CompiledPolicy
from dns.policy.document import Group, PolicyDocument, Profile
from dns.policy.verdict import BlocklistLookup
from tests.fakes.blocked_names import FakeBlocklist

MONDAY_TEN = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)  # a school day in winter: London's clock shows UTC
NOW = MONDAY_TEN.timestamp()

PUPIL = "192.0.2.10"
TEACHER = "198.51.100.10"

PUPILS = Profile(name="pupils", closed=("games", "gambling"), keywords=True, safe_search=True)
STAFF = Profile(name="staff", closed=("gambling",))
GROUPS = (
    Group(name="pupils", profile="pupils"),
    Group(name="staff", profile="staff", members=("198.51.100.0/24",)),
)

LISTS = FakeBlocklist(
    {
        "games.example": "games",
        "bets.example": "gambling",
        "films.example": "streaming",
        "worst.example": "pornography",
    }
)


def minutes(count: float) -> datetime:
    """Return a time so many minutes after Monday ten o'clock."""
    return MONDAY_TEN + timedelta(minutes=count)


def after(count: float) -> float:
    """Return the same as Unix seconds."""
    return minutes(count).timestamp()


def document(**fields: Any) -> PolicyDocument:
    """Return the school's document, with other fields."""
    return PolicyDocument(**{"version": 1, "groups": GROUPS, "profiles": (PUPILS, STAFF), **fields})


def policy(
    lists: BlocklistLookup = LISTS, keywords: BlocklistLookup | None = None, **fields: Any
) -> CompiledPolicy:
    """Return the school's policy, with other fields of the document."""
    return CompiledPolicy(document(**fields), lists, keywords)
