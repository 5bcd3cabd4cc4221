"""What pupils ask their teacher for, and what the teacher answers: yes, which makes a request, or no.

Nothing of it leaves the room but the request of a teacher. Who asks for what a teacher has asked for already, or
has opened, gets that answer at once.
"""

from collections.abc import Callable
from datetime import datetime

import msgspec

from appliance.errors import HallpassError
from appliance.protocol import RequestState, UnblockRequest
from appliance.room.agent import rpc
from appliance.room.agent.rpc import RpcResponse
from appliance.room.agent.store import AgentStore
from appliance.room.pupil_asks import AskOutcome, PupilAsk
from dns.errors import InvalidName
from dns.policy.site_names import check_opening


class AskAnswers:
    """The asks of a room's pupils, for the agent."""

    def __init__(
        self,
        store: AgentStore,
        submit_request: Callable[[UnblockRequest], datetime | None],
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._submit_request = submit_request
        self._now = now

    def handle_request(self, request: rpc.AskRequest) -> RpcResponse:
        """Answer what the pages ask. Raises HallpassError."""
        match request:
            case rpc.AskTeacherRequest(device=device, site=site):
                return RpcResponse(ask_outcome=self._take_ask(device, site))
            case rpc.ListAsksRequest(device=device):
                return RpcResponse(asks=self._list_asks(device))
            case rpc.AnswerAskRequest(answer="yes"):
                return RpcResponse(opened_until=self._say_yes(request))
            case rpc.AnswerAskRequest(who=who, site=site):
                now = self._now().timestamp()
                if request.answer == "undo":
                    self._store.reopen_asks(site, now)
                elif not self._store.answer_asks(site, "no", by=who, now=now):
                    raise HallpassError(_ANSWERED)
        return RpcResponse()

    def _take_ask(self, device: str, site: str) -> AskOutcome:
        try:
            site = check_opening(site)
        except InvalidName:
            return "closed"
        with self._store.lock:
            now = self._now()
            self._forget_if_over(device, site)
            outcome = self._store.insert_ask(device, site, now.timestamp())
            known = self._find_open_request(site, now) if outcome == "asked" else None
            if known is not None:
                self._store.answer_asks(
                    site, "yes", by=known.request.teacher, now=now.timestamp(), request=known.request.id
                )
        return outcome

    def _say_yes(self, answer: rpc.AnswerAskRequest) -> datetime | None:
        """Make a request of what pupils wait for; return until when it is open at once, where it is."""
        request = answer.request
        if request is None or (request.site, request.teacher) != (answer.site, answer.who):
            raise HallpassError("That answer does not fit what was asked")
        with self._store.lock:
            now = self._now()
            known = self._store.find_request(request.id) or self._find_open_request(answer.site, now)
            if known is not None:  # the same button twice, or a colleague was quicker
                self._store.answer_asks(
                    answer.site, "yes", by=answer.who, now=now.timestamp(), request=known.request.id
                )
                return known.until if known.state == "approved" else None
            if not any(one.site == answer.site and not one.answer for one in self._list(now)):
                raise HallpassError(_ANSWERED)
            return self._submit_request(request)

    def _list(self, now: datetime, device: str = "") -> list[PupilAsk]:
        return self._store.list_asks(now.timestamp(), device=device)

    def _list_asks(self, device: str) -> tuple[PupilAsk, ...]:
        now = self._now()
        with self._store.lock:
            return tuple(self._with_state(one, now) for one in self._list(now, device))

    def _with_state(self, ask: PupilAsk, now: datetime) -> PupilAsk:
        if ask.answer != "yes":
            return msgspec.structs.replace(ask, state="no" if ask.answer == "no" else "waiting")
        found = self._store.find_request(ask.request)
        if found is None or found.state in ("withdrawn", "ended"):
            return msgspec.structs.replace(ask, state="over")
        if found.state == "denied":
            return msgspec.structs.replace(ask, state="no")
        if found.state == "waiting":
            return msgspec.structs.replace(ask, state="passed-on")
        if found.since is not None and found.since > now:
            return msgspec.structs.replace(ask, state="later", since=found.since, until=found.until)
        is_over = found.until is not None and found.until <= now
        return msgspec.structs.replace(ask, state="over" if is_over else "open", until=found.until)

    def _forget_if_over(self, device: str, site: str) -> None:
        """Let be asked for again what was opened and is closed again."""
        for ask in self._list_asks(device):
            if ask.site == site and ask.state == "over":
                self._store.forget_ask(device, site)

    def _find_open_request(self, site: str, now: datetime) -> RequestState | None:
        """Return a request of this room for a site that waits, or has opened it for the whole room."""
        return next(
            (
                one
                for one in self._store.list_current_requests(now)
                if one.request.site == site and not one.request.device and _is_open(one, now)
            ),
            None,
        )


_ANSWERED = "That was answered already, perhaps by a colleague"


def _is_open(state: RequestState, now: datetime) -> bool:
    if state.state == "waiting":
        return state.request.since is None
    return state.state == "approved" and (state.permanent or state.until is None or state.until > now)
