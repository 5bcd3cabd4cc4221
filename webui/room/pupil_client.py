"""What the pages for pupils need of the room: what was refused to their device, and what became of their ask.

A name that nobody could open, and one that must not be spoken of (`blocklists.unspoken`), cannot be asked for: the
page then simply has no such button, as in a paused room, and says of neither why.
"""

import time
from collections.abc import Callable

import msgspec

from appliance.errors import HallpassError
from appliance.room.agent import rpc
from appliance.room.current_policy import CurrentPolicy
from appliance.room.incidents.pupil_reports import ClosedCategory, SeenRefusal
from appliance.room.neighbours import addresses_of_device
from appliance.room.paths import RoomPaths
from appliance.room.pupil_asks import AskOutcome, PupilAsk
from appliance.room.query_log import control
from blocklists.unspoken import is_unspoken
from dns.policy.document import PupilPages
from dns.policy.site_names import reason_why_not
from dns.policy.steps import STEPS
from dns.policy.verdict import Step

_TIMEOUT_SECONDS = 1.0  # the page is shown without what does not come in this time
_MAX_ADDRESSES = 64
_MAX_TOKENS = 4  # of one device, for which the agent is asked


class PupilPage(msgspec.Struct, frozen=True, kw_only=True):
    """What a page for a pupil says of their device."""

    may_ask: bool = False
    ask: PupilAsk | None = None  # what was asked for of this name
    asks: tuple[PupilAsk, ...] = ()
    recent: tuple[ClosedCategory, ...] = ()
    is_shared: bool = False  # several pupils use this device: nothing of before is said


class PupilClient:
    """One room, as whoever sits at a device of it may know it."""

    def __init__(
        self,
        paths: RoomPaths,
        policy: CurrentPolicy,
        call_agent: Callable[[rpc.RpcRequest, float], rpc.RpcResponse],
    ) -> None:
        self._paths = paths
        self._policy = policy
        self._call_agent = call_agent

    def look(self, address: str, name: str = "") -> PupilPage:
        """Return what the page at a closed name, or the pupils' own page, says to the device at an address."""
        seen = self._find(address, name)
        if seen is None:
            return PupilPage()
        asks = tuple(ask for token in seen.devices[:_MAX_TOKENS] for ask in self._asks_of(token))
        ask = next((one for one in reversed(asks) if one.site == name and one.state != "over"), None)
        may_ask = ask is None and seen.refusal is not None and self._may_be_asked(name, seen.refusal)
        if self._is_shared(address):
            return PupilPage(may_ask=may_ask, ask=ask, is_shared=True)
        return PupilPage(may_ask=may_ask, ask=ask, asks=asks, recent=seen.recent)

    def words(self) -> PupilPages:
        """Return what the school has pupils read."""
        try:
            return self._policy.load_if_changed().document.pupil_pages
        except HallpassError:
            return PupilPages()

    def ask_teacher(self, address: str, name: str) -> AskOutcome:
        """Show the teacher that this device asks for a name that was closed to it."""
        seen = self._find(address, name)
        if seen is None:
            return "unavailable"
        if seen.refusal is None:
            return "unseen"
        if not self._may_be_asked(name, seen.refusal):
            return "closed"
        try:
            response = self._call_agent(rpc.AskTeacherRequest(seen.refusal.device, name), rpc.TIMEOUT_SECONDS)
        except (rpc.AgentUnavailable, rpc.RpcRejected):
            return "unavailable"
        return response.ask_outcome or "unavailable"

    def _find(self, address: str, name: str) -> control.ControlResponse | None:
        request = control.RefusalRequest(addresses=addresses_of_device(address)[:_MAX_ADDRESSES], name=name)
        try:
            return control.send_control_request(self._paths.query_log_control_socket, request, _TIMEOUT_SECONDS)
        except HallpassError:
            return None

    def _asks_of(self, token: str) -> tuple[PupilAsk, ...]:
        try:
            return self._call_agent(rpc.ListAsksRequest(token), _TIMEOUT_SECONDS).asks
        except (rpc.AgentUnavailable, rpc.RpcRejected):
            return ()

    def _is_shared(self, address: str) -> bool:
        try:
            return self._policy.load_if_changed().is_shared(address)
        except HallpassError:
            return True  # nobody knows: nothing is said of before

    def _may_be_asked(self, name: str, refusal: SeenRefusal) -> bool:
        try:
            step = Step(refusal.step)
        except ValueError:
            return False  # a step of another version
        if step in STEPS.unopenable or step in (Step.SUSPENDED, Step.PAUSED) or reason_why_not(name, "open"):
            return False
        try:
            view = self._policy.view_of_default_group()
        except HallpassError:
            return False
        now = time.time()
        if view.decide(name, 1, now).step in STEPS.unopenable:
            return False
        # A lesson closes a name before its category is looked at: all that is known of it counts.
        return not is_unspoken(name, {refusal.category, *view.listed_categories(name, now)})
