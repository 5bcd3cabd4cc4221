"""Answers the pages and the recorder (`appliance.room.agent.rpc`)."""

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from appliance.control_characters import escape_control_characters
from appliance.errors import HallpassError
from appliance.ipc_server import serve_lines
from appliance.message_check import check_message
from appliance.protocol import RequestState, UnblockRequest
from appliance.room.agent import rpc
from appliance.room.agent.ask_answers import AskAnswers
from appliance.room.agent.central_client import CentralClient
from appliance.room.agent.central_sync import CentralSync
from appliance.room.agent.room_decisions import RoomDecisions
from appliance.room.agent.rpc import MessageKind, RoomStatus, RpcResponse
from appliance.room.agent.sign_in import AgentSignIn, SignInFailed
from appliance.room.agent.sign_in_at_central import redeem_ticket, start_sign_in
from appliance.room.agent.store import AgentStore
from appliance.room.agent.thread_pool import run_blocking
from dns.errors import DECODING_FAILED, InvalidName
from dns.policy.site_names import check_opening, check_rule

log = logging.getLogger("hallpass.agent")


class RpcServer:
    """What the agent says to each question."""

    def __init__(
        self,
        store: AgentStore,
        client: CentralClient | None,
        sync: CentralSync | None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        *,
        decisions: RoomDecisions | None = None,
        sign_in: AgentSignIn | None = None,
    ) -> None:
        self._store = store
        self._decisions = decisions
        self._client = client
        self._sync = sync
        self._now = now
        self._sign_in = sign_in or AgentSignIn(store, None, now)
        self._asks = AskAnswers(store, self._submit_request, now)

    async def serve_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection's questions until it ends."""
        await serve_lines(reader, writer, self._handle_line)

    async def _handle_line(self, line: bytes) -> RpcResponse:
        try:
            return await self._handle_request(_check_request(rpc.request_decoder.decode(line)))
        except DECODING_FAILED as problem:
            return RpcResponse(error=f"not understood: {problem}")
        except SignInFailed as no:
            return RpcResponse(error=str(no), refusal=no.refusal, wait_seconds=no.wait_seconds, step=no.step)
        except HallpassError as no:
            return RpcResponse(error=str(no))
        except (OSError, sqlite3.Error):
            log.exception("nothing can be written")
            return RpcResponse(error="This room's disk cannot be written. Please look whether it took effect")

    async def _handle_request(self, rpc_request: rpc.RpcRequest) -> RpcResponse:
        match rpc_request:
            case rpc.StatusRequest():
                return RpcResponse(status=await run_blocking(self._status))
            case rpc.SignInRequest(credentials=credentials):
                return RpcResponse(account=await self._sign_in.sign_in(self._require_client(), credentials))
            case rpc.StartSignInRequest(start=start):
                return RpcResponse(sign_in_page=await start_sign_in(self._require_client(), start))
            case rpc.RedeemTicketRequest(brought=brought):
                return RpcResponse(account=await redeem_ticket(self._require_client(), brought))
            case rpc.LogKeyRequest():
                return RpcResponse(log_key=await self._require_client().fetch_log_key())
            case rpc.ListRequestsRequest():
                return await run_blocking(self._list_requests)
            case rpc.ListAsksRequest():
                return await run_blocking(self._asks.handle_request, rpc_request)
        try:
            return await run_blocking(self._handle_stored, rpc_request)
        finally:
            self._notify_outbox()

    def _handle_stored(self, rpc_request: rpc.RpcRequest) -> RpcResponse:
        """Answer what may change something on the disk: in a thread, and not the loop's."""
        if isinstance(rpc_request, rpc.OverrideRequest):
            return self._handle_override(rpc_request)
        if isinstance(rpc_request, rpc.AskRequest):
            self._require_client()
            return self._asks.handle_request(rpc_request)
        if isinstance(rpc_request, rpc.PlanRequest):
            return self._handle_plan(rpc_request)
        match rpc_request:
            case rpc.SubmitRequest(request=request):
                return RpcResponse(opened_until=self._submit_request(request))
            case rpc.WithdrawRequest(id=request_id, who=who):
                return RpcResponse(ended=self._withdraw_request(who, request_id))
            case rpc.AskAgainRequest(id=request_id, who=who):
                return RpcResponse(opened_until=self._ask_again(who, request_id))
            case rpc.ReportRequest(report=report):
                _check_site(report.site, lambda site: check_rule(site, "block"))
                self._post_message("report", report.id, msgspec.json.encode(report))
            case rpc.IncidentRequest(incident=incident):
                self._post_message("incident", incident.id, msgspec.json.encode(incident))
        return RpcResponse()

    def _handle_plan(self, request: rpc.PlanRequest) -> RpcResponse:
        match request:
            case rpc.ListPlansRequest(who=who):
                return RpcResponse(plans=self._store.list_plans(who))
            case rpc.SavePlanRequest(plan=plan):
                self._store.save_plan(plan, self._now())
            case rpc.DeletePlanRequest(who=who, plan=plan_id, undo=undo):
                self._store.set_plan_deleted(plan_id, who, self._now(), deleted=not undo)
            case rpc.AskPlanRequest(plan=plan_id, request=asked):
                until = self._submit_request(asked)
                self._store.add_plan_request(plan_id, asked.teacher, asked.id)
                return RpcResponse(opened_until=until)
        return RpcResponse()

    def _list_requests(self) -> RpcResponse:
        ahead = self._sync.central_ahead_seconds() if self._sync is not None else 0.0
        return RpcResponse(
            requests=tuple(self._store.list_current_requests(self._now(), ahead)),
            unsent=self._store.pending_request_ids(),
            closed_incidents=self._store.closed_incidents,
            dead_letters=tuple(self._store.dead_letters(self._now().timestamp())),
        )

    def _status(self) -> RoomStatus:
        return RoomStatus(
            enrolled=self._client is not None,
            reachable=self._sync is not None and self._sync.is_reachable,
            waiting_to_be_sent=self._store.count_pending(),
            revision=self._store.revision,
            index_age_seconds=self._sync.index_age_seconds() if self._sync is not None else None,
        )

    def _handle_override(self, request: rpc.OverrideRequest) -> RpcResponse:
        if self._decisions is None:
            raise HallpassError("This room takes no decisions of its own")
        match request:
            case rpc.ActiveOverridesRequest():
                return RpcResponse(overrides=self._decisions.active_overrides())
            case rpc.StartLessonRequest(who=who, sites=sites, minutes=minutes, title=title):
                self._decisions.start_lesson(who, sites, minutes, title)
            case rpc.PauseRoomRequest(who=who, minutes=minutes):
                self._decisions.pause_room(who, minutes)
            case rpc.SuspendDeviceRequest(who=who, token=token, minutes=minutes):
                self._decisions.suspend_device(who, token, minutes)
            case rpc.EndOverrideRequest(who=who, id=decision_id):
                self._end_override(who, decision_id)
        return RpcResponse(overrides=self._decisions.active_overrides())

    def _submit_request(self, request: UnblockRequest) -> datetime | None:
        """Take a request; return until when the site is open, where it need not wait for anybody."""
        self._require_client()
        with self._store.lock:  # the same button pressed twice is one request
            known = self._store.find_request(request.id)
            if known is not None:
                return known.until if known.decided_by == request.teacher else None
            site, also = _check_site(request.site), tuple(_check_site(name) for name in request.also)
            request = msgspec.structs.replace(request, site=site, also=also)
            device = self._decisions.find_request_device(request) if self._decisions else None
            until = self._decisions.grant_delegated_unblock(request, device) if self._decisions else None
            if until is None:
                waiting = RequestState(request=request, state="waiting")
                self._store.save_and_post_request(waiting, device.member if device is not None else "")
                if device is not None and self._decisions is not None:
                    self._decisions.write_request_devices()
            else:
                opened = RequestState(request=request, state="approved", decided_by=request.teacher, until=until)
                self._store.save_request(opened)
            self._store.answer_asks(
                request.site, "yes", by=request.teacher, now=self._now().timestamp(), request=request.id,
                device=request.device,
            )  # fmt: skip
        return until

    def _ask_again(self, who: str, request_id: str) -> datetime | None:
        """Ask once more for what was denied or not decided in time; as `_submit_request`."""
        with self._store.lock:
            state = self._store.find_request(request_id)
            if state is None:
                raise HallpassError("This room does not know that request")
            while state.state == "denied":  # it may have been asked again, and in vain
                asked = state.request
                again = self._store.find_request(rpc.again_id(asked.id))
                if again is None:
                    now = self._now()
                    is_over = asked.since is not None and asked.since <= now
                    return self._submit_request(
                        msgspec.structs.replace(
                            asked, id=rpc.again_id(asked.id), teacher=who, asked_at=now,
                            since=None if is_over else asked.since,
                        )
                    )  # fmt: skip
                state = again
        return state.until

    def _withdraw_request(self, who: str, request_id: str) -> bool:
        """Take a request back; return whether it had been opened, and is closed now."""
        self._require_client()
        with self._store.lock:
            state = self._store.find_request(request_id)
            if state is None or self._decisions is None:
                raise HallpassError("This room does not know that request")
            if not self._end_override(who, request_id):
                self._decisions.end_unblock(who, request_id)
        return state.state == "approved"

    def _end_override(self, who: str, override_id: str) -> bool:
        """End what the room decided, and show the request that it came from as over; return whether it held."""
        if self._decisions is None or not self._decisions.end_override(who, override_id):
            return False
        state = self._store.find_request(override_id)
        if state is not None:
            self._store.save_request(msgspec.structs.replace(state, state="ended", until=self._now()))
        return True

    def _post_message(self, kind: MessageKind, id: str, body: bytes) -> None:  # noqa: A002 (its name in the protocol)
        self._require_client()
        self._store.post_message(kind, id, body)

    def _notify_outbox(self) -> None:
        if self._sync is not None:
            self._sync.notify_outbox()

    def _require_client(self) -> CentralClient:
        if self._client is None:
            raise HallpassError("This room has no central service yet, so there is nobody to ask")
        return self._client


def _check_site(site: str, check: Callable[[str], str] = check_opening) -> str:
    try:
        return check(site)
    except InvalidName as problem:
        raise HallpassError(str(problem)) from None


def _check_request(request: rpc.RpcRequest) -> rpc.RpcRequest:
    """Return a question as it may enter. Raises BadMessage where a text or a time in it may not.

    An incident must not be lost for what somebody's browser put into it: its control characters are written out.
    """
    if not isinstance(request, rpc.IncidentRequest):
        check_message(request)
        return request
    incident = request.incident
    evidence = tuple(escape_control_characters(one) for one in incident.evidence)
    return rpc.IncidentRequest(
        msgspec.structs.replace(incident, device=escape_control_characters(incident.device), evidence=evidence)
    )
