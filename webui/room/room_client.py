"""The room, as its pages see it: the agent to ask, the log to read, the live feed to follow."""

import time
from collections.abc import Generator, Iterable
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from appliance.errors import HallpassError
from appliance.protocol import RequestState
from appliance.room import health
from appliance.room.agent import rpc
from appliance.room.agent.room_decisions import PSEUDONYM_DIGITS
from appliance.room.conditions import Condition
from appliance.room.current_policy import CurrentPolicy
from appliance.room.incidents.pupil_reports import ReportOutcome
from appliance.room.local_overrides import LocalOverrides
from appliance.room.neighbours import addresses_of_device
from appliance.room.paths import RoomPaths
from appliance.room.pupil_asks import PupilAsk
from appliance.room.query_log import control
from appliance.room.query_log.columns import QueryLogEntry
from appliance.room.query_log.log_filter import QueryLogFilter
from appliance.room.query_log.log_page import LogPage
from appliance.room.query_log.reader import LogUnreadable, QueryLogReader
from appliance.room.sign_in_offer import is_offered
from appliance.settings.room import RoomSettings
from appliance.web_server import KEEPALIVE_SECONDS
from blocklists.related_names import RelatedName, find_related_names
from dns.policy.document import Unblock
from dns.policy.site_names import reason_why_not
from dns.policy.steps import STEPS
from dns.policy.verdict import Action
from webui.room.change_feed import ChangeFeed
from webui.room.pupil_client import PupilClient
from webui.shared.school_clock import SchoolClock
from webui.shared.translation import translatable

MOST_REFUSALS = 300  # names of devices, which a page shows by site; the log has the rest
_REPORT_TIMEOUT_SECONDS = 8.0
_NAMES_TIMEOUT_SECONDS = 1.0
_MAX_ADDRESSES = 64
MAX_SEEN_WITH = 20
HTTP_PORT = 80
_AGENT_TIMEOUT_SECONDS = 1.0  # an agent that hangs must not silence the pages that wait for news


def suspended_tokens(overrides: LocalOverrides | None) -> tuple[str, ...]:
    """Return the tokens of the devices that the room has suspended: their suspensions' ids begin with them."""
    suspensions = overrides.suspensions if overrides is not None else ()
    return tuple(one.id[:PSEUDONYM_DIGITS] for one in suspensions)


class RoomClient:
    """One room."""

    def __init__(self, settings: RoomSettings) -> None:
        self.name = settings.room.name
        self.is_enrolled = settings.central is not None
        own = str(next(iter(settings.dns.own_names), "")) or "localhost"
        port = settings.web.listen.port
        self.pupils_address = f"http://{own}{'' if port == HTTP_PORT else f':{port}'}/pupils"  # as a poster has it
        self.own_names = frozenset(str(name) for name in settings.dns.own_names)
        self.policy = CurrentPolicy(settings)
        self.clock = SchoolClock(self._zone)
        self._paths = RoomPaths.from_settings(settings)
        self._log = QueryLogReader.from_settings(settings)
        self._changes = ChangeFeed(self._paths.live_feed_socket, self._revision)
        self.pupils = PupilClient(self._paths, self.policy, self.call_agent)

    def is_sign_in_offered(self) -> bool:
        """Tell whether teachers of this room sign in at central, where its pages have no HTTPS."""
        return is_offered(self._paths.sign_in_offer)

    def call_agent(
        self, question: rpc.RpcRequest, patience_seconds: float = rpc.TIMEOUT_SECONDS
    ) -> rpc.RpcResponse:
        """Ask the agent. Raises AgentUnavailable or RpcRejected."""
        return rpc.send_rpc_request(self._paths.agent_socket, question, patience_seconds)

    def list_pupil_asks(self) -> tuple[PupilAsk, ...]:
        """Return what pupils asked for lately, the oldest first, or nothing while the agent is away."""
        try:
            return self.call_agent(rpc.ListAsksRequest()).asks
        except (rpc.AgentUnavailable, rpc.RpcRejected):
            return ()

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
        """Return what was refused lately, since midnight, the newest first."""
        return self._log.read_blocked(self._midnight(), MOST_REFUSALS)

    def read_log_page(self, wanted: QueryLogFilter, before: int | None = None) -> LogPage:
        """Return a page of today's log, the newest first. Raises LogUnreadable."""
        return self._log.read_page(wanted, since=self._midnight(), before=before)

    def list_named_devices(self) -> dict[str, str]:
        """Return the names of the devices that the log knows and the school has named, by token."""
        try:
            return self.find_device_names(self._log.list_devices(control.MAX_TOKENS))
        except LogUnreadable:
            return {}

    def find_device_names(self, tokens: Iterable[str]) -> dict[str, str]:
        """Return the names that the school gave to devices of this room, by their tokens."""
        wanted = tuple(dict.fromkeys(tokens))[: control.MAX_TOKENS]
        if not wanted:
            return {}
        try:
            return control.send_control_request(
                self._paths.query_log_control_socket, control.NamesRequest(wanted), _NAMES_TIMEOUT_SECONDS
            ).names
        except HallpassError:
            return {}  # it is away, or one of before: devices have their short codes

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

    def list_names_seen_with(self, site: str) -> tuple[str, ...]:
        """Return what was refused to devices within seconds of a site, when it was open earlier today."""
        found = find_related_names(self._log.read_around_site(site, self._midnight()), site)
        return tuple(one.name for one in found if not reason_why_not(one.name, "open"))[:MAX_SEEN_WITH]

    def reason_not_open(self, state: RequestState) -> str:
        """Return why what was granted and has begun is not open in this room just now; "" where it is.

        The policy that the room follows says so: no known clock, a lock, or it is still on its way.
        """
        try:
            policy = self.policy.load_if_changed()
        except HallpassError:
            return translatable("the policy of this room cannot be read")
        now = time.time()
        opening = next((one for one in policy.document.unblocks if _answers(one, state)), None)
        if opening is None:
            return translatable("this room has not heard of it yet")
        if not policy.is_clock_trusted(now):
            return translatable("this room does not know yet what time it is")
        group = next(iter(opening.groups), "") if not opening.device else ""
        verdict = policy.view_for_group(group or policy.document.default_group).decide(opening.site, 1, now)
        if opening.device and verdict.step not in STEPS.unopenable:
            return ""  # for that device, which nobody here knows by its address
        if verdict.action is not Action.BLOCK:
            return ""
        return STEPS.row(verdict.step).why_not_delegated or translatable("something else closes it")

    def count_answers_today(self) -> tuple[int, int]:
        """Return how many answers were given since midnight, and how many of them were refusals."""
        return self._log.read_hourly_totals(self._midnight())

    def watch_changes(self, keepalive_seconds: float = KEEPALIVE_SECONDS) -> Generator[bool, None, None]:
        """Yield True whenever a page should look again (a refusal, a decision), False after a silence."""
        return self._changes.watch_changes(keepalive_seconds)

    def count_changes(self) -> int | None:
        """Return how many changes pages were told of, None while no page waits for any."""
        return self._changes.count_changes()

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


def _answers(unblock: Unblock, state: RequestState) -> bool:
    """Tell whether an opening is the one that was granted for a request: by central, or in the room itself."""
    return state.request.id in (unblock.request, unblock.id) or (
        not unblock.request and unblock.site == state.request.site  # an older central
    )
