"""Who signs in at the room's pages: central says it, and while it is away what is kept of who signed in before.

A verifier is kept for teaching, and for nothing else; what the room makes of an account has a teacher's rights. A
wrong password takes nobody's verifier away: only one that central refuses although the verifier takes it, because
then the password is a new one. Of somebody with a second factor none is kept: without central nobody could check
their code, and a password alone must not do. Once central says that an account's password is new, or the account
over (`apply_account_states`), its verifier goes.

Hashing takes long on a small board: it runs on threads, few at once, and the agent goes on meanwhile.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from appliance.errors import HallpassError
from appliance.protocol import Account, AccountState, Credentials, normalize_username
from appliance.room.account_states import is_account_over, read_account_states, write_account_states
from appliance.room.agent.account_cache import KeptSignIn
from appliance.room.agent.central_client import CentralClient
from appliance.room.agent.central_errors import (
    CentralRejected,
    CentralThrottled,
    CentralUnreachable,
    CodeAsked,
    TokenRejected,
)
from appliance.room.agent.rpc import SignInRefusal
from appliance.room.agent.store import AgentStore
from appliance.room.agent.thread_pool import run_blocking
from appliance.room.teachers import NO_TEACHER, as_teacher

HASHES_AT_ONCE = 2
NOT_HERE_BEFORE = "Central cannot be reached, and this account has not signed in here before"
NO_LONGER_ENROLLED = (
    "Central does not know this room any more, so nobody's password can be checked. "
    "Please tell the technician: the room's start page and the doctor say what to do"
)

_hasher = PasswordHasher()


class SignInFailed(HallpassError):
    """Somebody was not signed in; the message is for them."""

    def __init__(self, words: str, refusal: SignInRefusal, wait_seconds: int = 0, step: str = "") -> None:
        self.refusal = refusal
        self.wait_seconds = wait_seconds
        self.step = step
        super().__init__(words)


class AgentSignIn:
    """Asks central, and remembers for the time that it is away."""

    def __init__(
        self,
        store: AgentStore,
        account_states: Path | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._account_states = account_states
        self._now = now
        self._hashing_slots = asyncio.Semaphore(HASHES_AT_ONCE)

    async def sign_in(self, client: CentralClient, credentials: Credentials) -> Account:
        """Return the teacher whose user name and password these are. Raises SignInFailed or HallpassError."""
        username = normalize_username(credentials.username)
        try:
            account = await client.sign_in(msgspec.structs.replace(credentials, username=username))
        except CentralThrottled as no:
            raise SignInFailed(str(no), "throttled", no.wait_seconds) from None
        except CodeAsked as no:
            await run_blocking(self._store.drop_verifier, username)
            raise SignInFailed(str(no), "wrong code" if no.is_wrong else "code", step=no.step) from None
        except CentralUnreachable:
            return await self._sign_in_offline(username, credentials.password, NOT_HERE_BEFORE)
        except TokenRejected:
            return await self._sign_in_offline(username, credentials.password, NO_LONGER_ENROLLED)
        except CentralRejected as no:
            raise HallpassError(f"Central does not take this room's word at the moment ({no})") from None
        if account is None:
            await self._drop_replaced_verifier(username, credentials.password)
            raise SignInFailed("User name or password is not right", "password")
        return await self._keep(account, credentials.password)

    async def _keep(self, account: Account, password: str) -> Account:
        teacher = as_teacher(account)
        if teacher is None:
            await run_blocking(self._store.drop_verifier, account.username)
            raise HallpassError(NO_TEACHER)
        # Of whoever brought a code no verifier is kept, and yet that they signed in here.
        verifier = "" if teacher.has_second_factor else await self._hash(password)
        if self._is_over(teacher):  # it changed while central's word was under way
            raise SignInFailed("User name or password is not right", "password")
        await run_blocking(self._store.keep_sign_in, KeptSignIn(verifier, teacher), self._now())
        return teacher

    async def _sign_in_offline(self, username: str, password: str, why_not: str) -> Account:
        kept = await run_blocking(self._store.find_kept_sign_in, username, self._now())
        teacher = as_teacher(kept.account) if kept is not None else None
        if kept is None or teacher is None or self._is_over(teacher) or not await self._verify(kept, password):
            raise SignInFailed(why_not, "password")
        return teacher

    def _is_over(self, teacher: Account) -> bool:
        """Tell whether central has ended what is kept of somebody, as far as it is written down here."""
        if self._account_states is None:
            return False
        said = read_account_states(self._account_states).find(teacher.username)
        return said is not None and is_account_over(teacher, said, self._now())

    async def _drop_replaced_verifier(self, username: str, password: str) -> None:
        kept = await run_blocking(self._store.find_kept_sign_in, username, self._now())
        if kept is not None and await self._verify(kept, password):
            await run_blocking(self._store.drop_verifier, username)

    async def _hash(self, password: str) -> str:
        async with self._hashing_slots:
            return await asyncio.to_thread(_hasher.hash, password)

    async def _verify(self, kept: KeptSignIn, password: str) -> bool:
        async with self._hashing_slots:
            try:
                return await asyncio.to_thread(_hasher.verify, kept.verifier, password)
            except (VerificationError, InvalidHashError):
                return False


def apply_account_states(
    store: AgentStore, path: Path, states: list[AccountState], digest: str, now: datetime
) -> None:
    """Let what central has ended be over in this room: verifiers here, sessions when the pages read the file.

    `digest`: of the whole list, as the feed tells it; kept beside, so that the list is fetched once. Raises
    OSError or sqlite3.Error; doing it again is harmless.
    """
    signed_in_here = store.usernames_signed_in_here()
    # The file first: it can be written on a full disk too, and what it ends takes no kept sign-in any more.
    write_account_states(path, states, digest, signed_in_here)
    for said in (one for one in states if one.username in signed_in_here):
        kept = store.find_kept_sign_in(said.username, now)
        if kept is not None and is_account_over(kept.account, said, now):
            store.drop_verifier(said.username)
