"""What rooms must know of accounts: whose sessions and kept sign-ins of before are over (`GET /accounts`).

Every room is told of every account; it keeps only those that have signed in there
(`appliance.room.account_states`).
"""

import hashlib
from datetime import UTC, datetime

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from appliance.central.models import UserRow
from appliance.central.second_factor_rule import read_rule
from appliance.protocol import AccountState
from appliance.rights import role_in_rooms

_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_encoder = msgspec.json.Encoder(order="deterministic")


def list_account_states(session: Session) -> list[AccountState]:
    """Return all accounts by user name, as rooms see them."""
    rule = read_rule(session)
    columns = select(
        UserRow.username, UserRow.valid_after, UserRow.roles, UserRow.ends, UserRow.has_second_factor
    ).order_by(UserRow.username)
    return [
        AccountState(
            username=username,
            valid_after=valid_after or _NEVER,
            role=role_in_rooms(roles),  # type: ignore[arg-type]  # the table holds roles only
            ends=earlier(ends, rule.due(roles, has_second_factor=has_second_factor)),
        )
        for username, valid_after, roles, ends, has_second_factor in session.execute(columns)
    ]


def earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    """Return the earlier of two moments, each of which may be missing."""
    return min((moment for moment in (one, other) if moment is not None), default=None)


def digest_of_states(states: list[AccountState]) -> str:
    """Return what differs as soon as anything in the list does (SHA-256, hexadecimal)."""
    return hashlib.sha256(_encoder.encode(states)).hexdigest()
