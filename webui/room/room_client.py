"""The room, as its pages see it: the agent to ask, the log to read, the live feed to follow."""

import time
from collections.abc import Generator
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from appliance.errors import HallpassError
from appliance.protocol import RequestState
from appliance.room import health
from appliance.room.agent import rpc
from appliance.room.conditions import Condition
from appliance.room.current_policy import CurrentPolicy
from appliance.room.incidents.pupil_reports import ReportOutcome
from appliance.room.local_overrides import LocalOverrides
from appliance.room.neighbours import addresses_of_device
from appliance.room.paths import RoomPaths
from appliance.room.query_log import control
from appliance.room.query_log.columns import QueryLogEntry
from appliance.room.query_log.reader import QueryLogReader
from appliance.settings.room import RoomSettings
from appliance.web_server import KEEPALIVE_SECONDS
from blocklists.related_names import RelatedName, find_related_names
from dns.policy.site_names import reason_why_not
from webui.room.change_feed import ChangeFeed
from webui.shared.school_clock import SchoolClock

_REPORT_TIMEOUT_SECONDS = 8.0
_MAX_ADDRESSES = 64
_AGENT_TIMEOUT_SECONDS = 1.0  # an agent that hangs must not silence the pages that wait for news


class RoomClient:
    """One room."""

    def __init__(self, settings: RoomSettings) -> None:
        self.name = settings.room.name
        self.is_enrolled = settings.central is not None
        self.own_names = frozenset(str(name) for name in settings.dns.own_names)
        self.policy = CurrentPolicy(settings)
        self.clock = SchoolClock(self._zone)
        self._paths = RoomPaths.from_settings(settings)
        self._log = QueryLogReader.from_settings(settings)
        self._changes = ChangeFeed(self._paths.live_feed_socket, self._revision)

    def call_agent(self, question: rpc.RpcRequest) -> rpc.RpcResponse:
        """Ask the agent. Raises AgentUnavailable or RpcRejected."""
        return rpc.send_rpc_request(self._paths.agent_socket, question)

    def tell_grown_up(self, address: str, name: str) -> ReportOutcome:
        """Pass on what a pupil told about a name that was closed to the device at this address."""
        request = control.PupilReportRequest(addresses=addresses_of_device(address)[:_MAX_ADDRESSES], name=name)
        try:
            response = control.send_control_request(
                self._paths.query_log_control_socket, request, _REPORT_TIMEOUT_SECONDS
            )
        except HallpassError:
            return "unavailable"
        return response.outcome or "unavailable"

    def fetch_status(self, patience_seconds: float = rpc.TIMEOUT_SECONDS) -> rpc.RoomStatus | None:
        """Return how the room stands with central, or None while the agent is away."""
        try:
            return rpc.send_rpc_request(self._paths.agent_socket, rpc.StatusRequest(), patience_seconds).status
        except (rpc.AgentUnavailable, rpc.RpcRejected):
            return None

    def list_notices(self) -> tuple[str, ...]:
        """Return what anybody who comes to the pages should know: what the card waits for, what is damaged."""
        said = health.read_health(self._paths.health_folder, time.time())
        return tuple(
            health.describe_with_details(one.row.notice, one.row.notice_details, one, said)
            for one in Condition
            if one.row.notice and any(one in process.conditions for process in said)
        )

    def fetch_requests(self) -> rpc.RpcResponse:
        """Return the room's requests, or none while the agent is away."""
        try:
            return self.call_agent(rpc.ListRequestsRequest())
        except (rpc.AgentUnavailable, rpc.RpcRejected):
            return rpc.RpcResponse()

    def fetch_overrides(self) -> LocalOverrides | None:
        """Return what the room has decided and is not over, or None while the agent is away."""
        try:
            return self.call_agent(rpc.ActiveOverridesRequest()).overrides
        except (rpc.AgentUnavailable, rpc.RpcRejected):
            return None

    def list_blocked_today(self) -> list[QueryLogEntry]:
        """Return what was refused since midnight, the newest first."""
        return self._log.read_blocked(self._midnight())

    def list_related_names(self, state: RequestState) -> tuple[RelatedName, ...]:
        """Return what was refused to devices within seconds of the site that a request has opened."""
        if state.until is None:
            return ()
        request = state.request
        opened = state.until - timedelta(minutes=request.minutes)
        found = find_related_names(
            self._log.read_around_site(request.site, opened), request.site, known=request.also
        )
        return tuple(one for one in found if not reason_why_not(one.name, "open"))  # nobody could open it

    def count_answers_today(self) -> tuple[int, int]:
        """Return how many answers were given since midnight, and how many of them were refusals."""
        stats = self._log.read_stats(self._midnight())
        return stats.queries, stats.refused

    def watch_changes(self, keepalive_seconds: float = KEEPALIVE_SECONDS) -> Generator[bool, None, None]:
        """Yield True whenever a page should look again (a refusal, a decision), False after a silence."""
        return self._changes.watch_changes(keepalive_seconds)

    def _revision(self) -> tuple[int, bool]:
        status = self.fetch_status(_AGENT_TIMEOUT_SECONDS)
        return (status.revision, status.reachable) if status else (0, False)

    def _midnight(self) -> datetime:
        return self.clock.midnight().astimezone(UTC)

    def _zone(self) -> tzinfo:
        """Return the zone that the room's policy names; this machine's while there is no policy."""
        try:
            return ZoneInfo(self.policy.load_if_changed().document.timezone)
        except (HallpassError, OSError, ValueError):
            return datetime.now().astimezone().tzinfo or UTC
