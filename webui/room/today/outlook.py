"""What asking for a site would come to, before anything is sent: what opens, who decides, how long that takes."""

from collections.abc import Iterable
from datetime import UTC, datetime
from statistics import median

import msgspec

from appliance.errors import HallpassError
from appliance.protocol import RequestState
from blocklists.categories import CATEGORIES_BY_ID
from dns.errors import InvalidName
from dns.policy.site_names import check_opening
from webui.room.asks.asked_sites import YES_MINUTES, minutes_of_yes
from webui.room.room_client import RoomClient
from webui.room.today.preview import preview_request
from webui.room.today.refusals import STEP_WORDS
from webui.shared.durations import describe_duration

_ENOUGH = 2  # decisions, from which something can be said of the next


class AskOutlook(msgspec.Struct, frozen=True, kw_only=True):
    """What a teacher should know of a site before they ask for it."""

    site: str
    why: str = ""  # it is closed
    instead: str = ""  # it is open already, or nobody can open it: in words
    at_once: bool = False  # the teacher may open it alone
    minutes: int = YES_MINUTES  # for which it would be opened
    usual_minutes: int | None = None  # that a decision took lately; None: there were too few

    @property
    def duration(self) -> str:
        """For how long it would be opened, in words."""
        return describe_duration(self.minutes)


def look_ahead(room: RoomClient, written: str, requests: Iterable[RequestState]) -> AskOutlook | None:
    """Return what asking for a site would come to; None where it is no site, as the form will say."""
    try:
        site = check_opening(written)
        view = room.policy.view_of_default_group()
    except (InvalidName, HallpassError):
        return None
    now = datetime.now(UTC).timestamp()
    minutes, at_once = minutes_of_yes(view, site, now)
    if preview := preview_request(room, site, minutes):
        return AskOutlook(site=site, instead=preview.words)
    verdict = view.decide(site, 1, now)
    category = CATEGORIES_BY_ID.get(verdict.category)
    return AskOutlook(
        site=site,
        why=category.name if category is not None else STEP_WORDS.get(verdict.step, ""),
        at_once=at_once,
        minutes=minutes,
        usual_minutes=None if at_once else usual_minutes(requests),
    )


def usual_minutes(requests: Iterable[RequestState]) -> int | None:
    """Return how many minutes it took lately until somebody decided; None where too little is known.

    What was for a lesson to come was not in a hurry, and what a teacher opened alone waited for nobody.
    """
    taken = [
        (one.decided_at - one.request.asked_at).total_seconds() / 60
        for one in requests
        if one.decided_at is not None
        and not one.expired
        and one.request.since is None
        and one.decided_by not in ("", one.request.teacher)
    ]
    return max(round(median(taken)), 1) if len(taken) >= _ENOUGH else None
