"""What a request would come to, said before it is sent."""

from datetime import UTC, datetime

import msgspec

from appliance.errors import HallpassError
from dns.policy.delegation import DelegationRequest, check_delegation
from dns.policy.verdict import Action
from webui.room.form_fields import DURATIONS
from webui.room.room_client import RoomClient
from webui.shared.durations import describe_duration
from webui.shared.reasons import translate_reason
from webui.shared.translation import gettext


class RequestPreview(msgspec.Struct, frozen=True, kw_only=True):
    """Why a request should not simply be sent."""

    words: str
    may_ask_anyway: bool  # the coordinator could still decide otherwise
    minutes: int = 0  # a shorter time for which the teacher need not ask; 0: there is none


def preview_request(room: RoomClient, site: str, minutes: int) -> RequestPreview | None:
    """Return what the teacher should know first; None where the request says it all."""
    now = datetime.now(UTC).timestamp()
    try:
        view = room.policy.view_of_default_group()
    except HallpassError:
        return None
    verdict = view.decide(site, 1, now)
    if verdict.action is not Action.BLOCK:
        words = gettext(
            "%(site)s is open already in this room. If something on it does not work, ask for that site", site=site
        )
        return RequestPreview(words=words, may_ask_anyway=True)
    if verdict.step in view.steps.unopenable:
        why = view.steps.row(verdict.step).why_not_delegated
        return RequestPreview(words=translate_reason(f"{site} {why}"), may_ask_anyway=False)
    decision = check_delegation(view, DelegationRequest(site=site, minutes=minutes), now)
    offered = [int(str(one.value)) for one in DURATIONS if int(str(one.value)) <= decision.minutes]
    if decision.allowed or not offered:
        return None
    words = gettext(
        "You may open it by yourself for at most %(duration)s; for longer, the coordinator decides",
        duration=describe_duration(decision.minutes),
    )
    return RequestPreview(words=words, may_ask_anyway=True, minutes=max(offered))
