"""Answers the pages and the recorder (`appliance.room.agent.rpc`)."""

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec

from appliance.errors import HallpassError
from appliance.protocol import (
    Account,
    Credentials,
    RequestState,
    UnblockRequest,
    check_message,
    escape_control_characters,
)
from appliance.room.agent import rpc
from appliance.room.agent.central_client import CentralClient, Unreachable
from appliance.room.agent.central_sync import Follower
from appliance.room.agent.room_decisions import Deciding
from appliance.room.agent.rpc import Answer, Kind, RoomStatus
from appliance.room.agent.store import Memory
from dns.errors import DECODING_FAILED, InvalidName
from dns.policy.site_names import check_opening, check_rule

SHOWN_HOURS = 24
FREE_TRIES = 5
LONGEST_WAIT_SECONDS = 300.0

log = logging.getLogger("hallpass.agent")


class Answers:
    """What the agent says to each question."""

    def __init__(
        self,
        memory: Memory,
        client: CentralClient | None,
        follower: Follower | None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        deciding: Deciding | None = None,
    ) -> None:
        self._memory = memory
        self._deciding = deciding
        self._client = client
        self._follower = follower
        self._now = now
        self._wrong: dict[str, tuple[int, datetime]] = {}  # user name -> wrong tries in a row, next one not before

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection's questions until it ends."""
        try:
            while line := await reader.readline():
                try:
                    answer = await self._answer(_acceptable(rpc.question_decoder.decode(line)))
                except DECODING_FAILED as problem:
                    answer = Answer(error=f"not understood: {problem}")
                except HallpassError as no:
                    answer = Answer(error=str(no))
                except (OSError, sqlite3.Error):
                    log.exception("nothing can be written")
                    answer = Answer(error="This room's disk cannot be written. Please look whether it took effect")
                writer.write(rpc.encoder.encode(answer) + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError):
            pass  # the asker has gone, or sent a line without end
        except Exception:
            log.exception("a question could not be answered")
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _answer(self, question: rpc.Question) -> Answer:
        if isinstance(question, rpc.Deciding):
            return self._decide(question)
        match question:
            case rpc.Status():
                return Answer(status=self._status())
            case rpc.SignIn(typed=typed):
                return Answer(account=await self._sign_in(typed))
            case rpc.Submit(request=request):
                return Answer(opened_until=self._submit(request))
            case rpc.Withdraw(id=request_id, who=who):
                return Answer(ended=self._withdraw(who, request_id))
            case rpc.Requests():
                since = self._now() - timedelta(hours=SHOWN_HOURS)
                unsent = tuple(parcel.id for parcel in self._memory.outbox() if parcel.kind == "request")
                put_aside = tuple(self._memory.put_aside(self._now().timestamp()))
                return Answer(requests=tuple(self._memory.requests(since)), unsent=unsent, put_aside=put_aside)
            case rpc.LogKeyWanted():
                return Answer(log_key=await self._central().log_key())
            case rpc.Report(report=report):
                _checked(report.site, lambda site: check_rule(site, "block"))
                self._post("report", report.id, msgspec.json.encode(report))
            case rpc.Tell(incident=incident):
                self._post("incident", incident.id, msgspec.json.encode(incident))
        return Answer()

    def _status(self) -> RoomStatus:
        return RoomStatus(
            enrolled=self._client is not None,
            reachable=self._follower is not None and self._follower.reachable,
            waiting_to_be_sent=len(self._memory.outbox()),
            revision=self._memory.revision,
            index_age_seconds=self._follower.index_age() if self._follower is not None else None,
        )

    async def _sign_in(self, typed: Credentials) -> Account:
        username = typed.username.strip().lower()
        now = self._now()
        tries, not_before = self._wrong.get(username, (0, now))
        if now < not_before:
            raise HallpassError("That was wrong too often. Please wait a little before the next try")
        account = await self._whose(Credentials(username, typed.password), now)
        if account is None:
            tries += 1
            wait = min(2.0 ** (tries - FREE_TRIES), LONGEST_WAIT_SECONDS) if tries >= FREE_TRIES else 0.0
            if len(self._wrong) > 1000:
                self._wrong.clear()  # somebody tries names at random; central counts wrong tries as well
            self._wrong[username] = (tries, now + timedelta(seconds=wait))
            raise HallpassError("User name or password is not right")
        self._wrong.pop(username, None)
        return account

    async def _whose(self, typed: Credentials, now: datetime) -> Account | None:
        client = self._central()
        try:
            account = await client.sign_in(typed)
        except Unreachable:
            known = self._memory.known_account(typed.username, typed.password, now)
            if known is None:
                raise HallpassError(
                    "Central cannot be reached, and this account has not signed in here before"
                ) from None
            return known
        if account is None:
            self._memory.forget_account(typed.username)
        else:
            self._memory.remember_account(account, typed.password, now)
        return account

    def _decide(self, question: rpc.Deciding) -> Answer:
        if self._deciding is None:
            raise HallpassError("This room takes no decisions of its own")
        match question:
            case rpc.InForce():
                return Answer(own=self._deciding.in_force())
            case rpc.StartLesson(who=who, sites=sites, minutes=minutes, title=title):
                self._deciding.start_lesson(who, sites, minutes, title)
            case rpc.PauseRoom(who=who, minutes=minutes):
                self._deciding.pause(who, minutes)
            case rpc.SuspendDevice(who=who, token=token, minutes=minutes):
                self._deciding.suspend(who, token, minutes)
            case rpc.EndDecision(who=who, id=decision_id):
                self._end(who, decision_id)
        self._send()
        return Answer(own=self._deciding.in_force())

    def _submit(self, request: UnblockRequest) -> datetime | None:
        """Take a request; return until when the site is open, where it need not wait for anybody."""
        self._central()
        known = self._memory.request(request.id)
        if known is not None:
            return known.until if known.decided_by == request.teacher else None
        site, also = _checked(request.site), tuple(_checked(name) for name in request.also)
        request = msgspec.structs.replace(request, site=site, also=also)
        until = self._deciding.open_alone(request) if self._deciding else None
        if until is None:
            self._memory.remember_request(RequestState(request=request, state="waiting"))
        else:
            opened = RequestState(request=request, state="approved", decided_by=request.teacher, until=until)
            self._memory.keep_request(opened)
        self._send()
        return until

    def _withdraw(self, who: str, request_id: str) -> bool:
        """Take a request back; return whether it had been opened, and is closed now."""
        self._central()
        state = self._memory.request(request_id)
        if state is None or self._deciding is None:
            raise HallpassError("This room does not know that request")
        try:
            if not self._end(who, request_id):
                self._deciding.close(request_id)
        finally:
            self._send()
        return state.state == "approved"

    def _end(self, who: str, decision_id: str) -> bool:
        """End what the room decided, and show the request that it came from as over; return whether it held."""
        if self._deciding is None or not self._deciding.end(who, decision_id):
            return False
        state = self._memory.request(decision_id)
        if state is not None:
            self._memory.keep_request(msgspec.structs.replace(state, state="ended", until=self._now()))
        return True

    def _post(self, kind: Kind, id: str, body: bytes) -> None:  # noqa: A002 (its name in the protocol)
        self._central()
        self._memory.post(kind, id, body)
        self._send()

    def _send(self) -> None:
        if self._follower is not None:
            self._follower.something_to_send()

    def _central(self) -> CentralClient:
        if self._client is None:
            raise HallpassError("This room has no central service yet, so there is nobody to ask")
        return self._client


def _checked(site: str, check: Callable[[str], str] = check_opening) -> str:
    try:
        return check(site)
    except InvalidName as problem:
        raise HallpassError(str(problem)) from None


def _acceptable(question: rpc.Question) -> rpc.Question:
    """Return a question as it may enter. Raises BadMessage where a text or a time in it may not.

    An incident must not be lost for what somebody's browser put into it: its control characters are written out.
    """
    if not isinstance(question, rpc.Tell):
        check_message(question)
        return question
    incident = question.incident
    evidence = tuple(escape_control_characters(one) for one in incident.evidence)
    return rpc.Tell(
        msgspec.structs.replace(incident, device=escape_control_characters(incident.device), evidence=evidence)
    )
