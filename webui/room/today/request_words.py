"""What has become of a request, in a teacher's words."""

from datetime import datetime

from appliance.protocol import RequestState
from appliance.room.agent import rpc
from webui.room.blueprints import room
from webui.shared.school_clock import school_clock


def _opening_words(state: RequestState, now: datetime) -> str:
    """Return what is said of an approved request: never that something is open which is not."""
    if state.permanent:
        return "open for good, for every room"
    if state.until is None:
        return "approved"
    if state.until <= now:
        return "over"
    words = school_clock().words
    whom = " for one device" if state.for_device or state.request.device else ""
    if state.since is not None and state.since > now:
        return f"opens at {words(state.since)}{whom}, until {words(state.until)}"
    if why_not := room().reason_not_open(state):
        return f"granted{whom} until {words(state.until)}, and not open: {why_not}"
    return f"open{whom} until {words(state.until, seconds=True)}"


def describe_state(state: RequestState, agent_response: rpc.RpcResponse, now: datetime) -> str:
    """Return what has become of a request."""
    aside = next(
        (one.why for one in agent_response.dead_letters if (one.kind, one.id) == ("request", state.request.id)), ""
    )
    if aside and state.state == "waiting":
        return f"kept here: central did not take it ({aside})"
    if state.request.id in agent_response.unsent:
        return "kept here until central can be reached"
    if state.expired:
        return "not decided in time"
    if state.state == "waiting" and state.expires is not None:
        return f"waiting for the coordinator, until {school_clock().words(state.expires)}"
    if state.state == "approved":
        return _opening_words(state, now)
    return {"waiting": "waiting for the coordinator", "denied": "not this time", "ended": "over"}.get(
        state.state, state.state
    )
