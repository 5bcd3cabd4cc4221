"""Signing in at a room's pages: how often somebody may try, and what the agent says.

The count is this process's own and by address, which in a room is a device; central counts besides, by what the
room tells it of the browser. A wrong password costs the device; nothing else costs anybody anything.
"""

from datetime import UTC, datetime, timedelta

from appliance.protocol import Account, Credentials, normalize_username
from appliance.room.agent import rpc
from appliance.room.web_sessions import RoomSessions
from appliance.running_time_counts import RunningTimeCounts
from appliance.sign_in_throttle import KNOWN_DEVICE_DAYS, CountedTry, SignInOrigin, SignInThrottle, TooManyTries
from webui.room.room_client import RoomClient
from webui.shared.auth import CodeWanted, SignInAnswer, SignInAttempt, SignInRefused
from webui.shared.translation import gettext

PLACE = "room"


class RoomSignIn:
    """Who may sign in at one room's pages."""

    def __init__(self, room: RoomClient, table: RoomSessions) -> None:
        self._room = room
        self._table = table
        self._throttle = SignInThrottle(RunningTimeCounts())

    def check(self, attempt: SignInAttempt) -> SignInAnswer:
        """Return whose user name and password these are. Raises SessionsUnavailable."""
        username = normalize_username(attempt.username)
        origin = SignInOrigin(place=PLACE, source=attempt.address, device=attempt.device)
        known = origin.known_device(username)
        counted = self._throttle.count_try(
            origin, username, is_known_device=bool(known) and self._table.is_known_device(known)
        )
        if isinstance(counted, TooManyTries):
            return SignInRefused(words=f"{counted}.", status=429, wait_seconds=counted.wait_seconds)
        answer = self._ask_agent(
            Credentials(username, attempt.password, attempt.device, attempt.step, attempt.code), counted
        )
        if isinstance(answer, Account) and known:
            oldest = datetime.now(UTC) - timedelta(days=KNOWN_DEVICE_DAYS)
            self._table.remember_device(username, known, oldest)
        return answer

    def _ask_agent(self, credentials: Credentials, counted: CountedTry) -> SignInAnswer:
        account: Account | None
        refused: SignInRefused | CodeWanted = SignInRefused(
            words=gettext("This page is for the teachers of this room.")
        )
        try:
            account = self._room.call_agent(rpc.SignInRequest(credentials)).account
        except rpc.AgentUnavailable as away:
            account, refused = None, SignInRefused(words=f"{away}.")
        except rpc.RpcRejected as no:
            words = f"{no}."
            if no.refusal in ("password", "wrong code"):
                return SignInRefused(words=words)
            account, refused = None, _refuse(words, no)
        counted.forgive()  # nobody could say, or it was right
        return account or refused


def _refuse(words: str, no: rpc.RpcRejected) -> SignInRefused | CodeWanted:
    if no.refusal == "code" and no.step:
        return CodeWanted(no.step)
    status = 429 if no.refusal == "throttled" else 401
    return SignInRefused(words=words, status=status, wait_seconds=no.wait_seconds, is_over=no.refusal == "code")
