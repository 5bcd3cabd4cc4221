"""Who signed in here while central could be asked, for the time that it is away."""

from datetime import datetime, timedelta

import msgspec

from appliance.protocol import Account
from appliance.room.agent.database import AgentDatabase
from dns.errors import DECODING_FAILED

VERIFIER_DAYS = 30

_encode = msgspec.json.encode


class KeptSignIn(msgspec.Struct, frozen=True):
    """What a room keeps of somebody who signed in: enough to know them while central is away."""

    verifier: str  # of their password (argon2)
    account: Account


class AccountCache(AgentDatabase):
    """Verifiers of passwords in state.db."""

    def keep_sign_in(self, kept: KeptSignIn, now: datetime) -> None:
        """Keep a verifier for the time that central is away, for `VERIFIER_DAYS` or until the account ends."""
        until = now + timedelta(days=VERIFIER_DAYS)
        if kept.account.ends is not None:
            until = min(until, kept.account.ends)
        with self._transaction():
            self._connection.execute("DELETE FROM verifiers WHERE until < ?", (now.isoformat(),))
            self._connection.execute(
                "INSERT OR REPLACE INTO verifiers (username, verifier, account, until) VALUES (?, ?, ?, ?)",
                (kept.account.username, kept.verifier, _encode(kept.account), until.isoformat()),
            )

    def drop_verifier(self, username: str) -> None:
        """Forget a verifier, and not that they signed in here: what central says of them concerns this room."""
        with self._transaction():
            self._connection.execute("UPDATE verifiers SET verifier = '' WHERE username = ?", (username,))

    def find_kept_sign_in(self, username: str, now: datetime) -> KeptSignIn | None:
        """Return what is kept of somebody who signed in here, or None."""
        query = "SELECT verifier, account, until FROM verifiers WHERE username = ? AND verifier != ''"
        row = next(iter(self._rows(query, (username,))), None)
        if row is None or datetime.fromisoformat(row[2]) <= now:
            return None
        try:
            return KeptSignIn(row[0], msgspec.json.decode(row[1], type=Account))
        except DECODING_FAILED:  # a bit of it fell over: they sign in at central
            return None

    def usernames_signed_in_here(self) -> frozenset[str]:
        """Return everybody who signed in here within `VERIFIER_DAYS`."""
        return frozenset(row[0] for row in self._rows("SELECT username FROM verifiers"))
