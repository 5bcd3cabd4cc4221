"""Who signed in here while central could be asked, for the time that it is away."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import msgspec
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from appliance.protocol import Account, AccountState
from appliance.room.agent.database import AgentDatabase

VERIFIER_DAYS = 30

_hasher = PasswordHasher()
_encode = msgspec.json.encode


class AccountCache(AgentDatabase):
    """Verifiers of passwords in state.db. Hashing takes a moment: not for an event loop."""

    def save_account(self, account: Account, password: str, now: datetime) -> None:
        """Keep a verifier for the time that central is away, for `VERIFIER_DAYS` or until the account ends."""
        until = now + timedelta(days=VERIFIER_DAYS)
        if account.ends is not None:
            until = min(until, account.ends)
        verifier = _hasher.hash(password)
        with self._transaction():
            self._connection.execute(
                "INSERT OR REPLACE INTO verifiers (username, verifier, account, until, saved_at)"
                " VALUES (?, ?, ?, ?, ?)",
                (account.username, verifier, _encode(account), until.isoformat(), now.timestamp()),
            )

    def delete_account(self, username: str) -> None:
        """Forget a verifier: central says that the password is not right, or the account is over."""
        with self._transaction():
            self._connection.execute("DELETE FROM verifiers WHERE username = ?", (username,))

    def apply_account_states(self, states: Iterable[AccountState], central_ahead_seconds: float) -> None:
        """Forget the verifiers that central says are over: a new password, an ended account, another role.

        `central_ahead_seconds`: how far central's clock, which stamped the states, is ahead of the room's.
        """
        with self._transaction():
            for state in states:
                over_before = state.valid_after.timestamp() - central_ahead_seconds
                self._connection.execute(
                    "DELETE FROM verifiers WHERE username = ? AND saved_at < ?", (state.username, over_before)
                )
                if state.ends is not None:
                    self._connection.execute(
                        "UPDATE verifiers SET until = min(until, ?) WHERE username = ?",
                        (state.ends.astimezone(UTC).isoformat(), state.username),
                    )
                kept = self._connection.execute(
                    "SELECT account FROM verifiers WHERE username = ?", (state.username,)
                ).fetchone()
                if kept and msgspec.json.decode(kept[0], type=Account).role != state.role:
                    self._connection.execute("DELETE FROM verifiers WHERE username = ?", (state.username,))

    def verify_account(self, username: str, password: str, now: datetime) -> Account | None:
        """Return the account that signed in here before with this password, or None."""
        found = self._rows("SELECT verifier, account, until FROM verifiers WHERE username = ?", (username,))
        if not found or datetime.fromisoformat(found[0][2]) <= now:
            return None
        try:
            _hasher.verify(found[0][0], password)
        except (VerificationError, InvalidHashError):
            return None
        return msgspec.json.decode(found[0][1], type=Account)
