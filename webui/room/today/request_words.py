"""What has become of a request, in a teacher's words."""

from datetime import datetime

from appliance.protocol import RequestState
from appliance.room.agent import rpc
from webui.room.blueprints import room
from webui.shared.reasons import translate_reason
from webui.shared.school_clock import school_clock
from webui.shared.translation import gettext, translate


def _opening_words(state: RequestState, now: datetime) -> str:
    """Return what is said of an approved request: never that something is open which is not."""
    if state.permanent:
        return gettext("open for good, for every room")
    if state.until is None:
        return gettext("approved")
    if state.until <= now:
        return gettext("over")
    return _span_words(state, state.until, now, for_device=bool(state.for_device or state.request.device))


def _span_words(state: RequestState, end: datetime, now: datetime, *, for_device: bool) -> str:
    words = school_clock().words
    until = words(end)
    if state.since is not None and state.since > now:
        since = words(state.since)
        if for_device:
            return gettext("opens at %(since)s for one device, until %(until)s", since=since, until=until)
        return gettext("opens at %(since)s, until %(until)s", since=since, until=until)
    if why_not := room().reason_not_open(state):
        why_not = translate(why_not)
        if for_device:
            return gettext(
                "granted for one device until %(until)s, and not open: %(reason)s", until=until, reason=why_not
            )
        return gettext("granted until %(until)s, and not open: %(reason)s", until=until, reason=why_not)
    until = words(end, seconds=True)
    if for_device:
        return gettext("open for one device until %(until)s", until=until)
    return gettext("open until %(until)s", until=until)


def is_answered(state: RequestState) -> bool:
    """Tell whether a request came to something that its teacher waits to hear."""
    return state.expired or state.state in ("approved", "denied", "ended")


def describe_state(state: RequestState, agent_response: rpc.RpcResponse, now: datetime) -> str:
    """Return what has become of a request."""
    aside = next(
        (one.why for one in agent_response.dead_letters if (one.kind, one.id) == ("request", state.request.id)), ""
    )
    if aside and state.state == "waiting":
        return gettext("kept here: central did not take it (%(reason)s)", reason=translate_reason(aside))
    if state.request.id in agent_response.unsent:
        return gettext("kept here until central can be reached")
    if state.expired:
        return gettext("not decided in time")
    if state.state == "waiting" and state.expires is not None:
        ends = school_clock().words(state.expires)
        return gettext("waiting for the coordinator; the request ends at %(time)s if nobody decides", time=ends)
    if state.state == "approved":
        return _opening_words(state, now)
    words = {
        "waiting": gettext("waiting for the coordinator"),
        "denied": gettext("not this time"),
        "ended": gettext("over"),
    }
    return words.get(state.state, state.state)
