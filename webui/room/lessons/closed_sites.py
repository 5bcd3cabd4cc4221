"""Which sites of a lesson stay closed in it: a lesson opens nothing (ADR 0009)."""

import time
from collections.abc import Iterable

from appliance.errors import HallpassError
from dns.policy.verdict import Action, Step
from webui.room.room_client import RoomClient

_WHATEVER_THE_SITE = (Step.PAUSED, Step.SUSPENDED)


def find_closed_sites(room: RoomClient, sites: Iterable[str]) -> tuple[str, ...]:
    """Return those of a running lesson's sites that are closed all the same."""
    try:
        view = room.policy.view_of_default_group()
    except HallpassError:
        return ()  # what the school has set cannot be read: the page says so elsewhere
    now = time.time()
    verdicts = ((site, view.decide(site, 1, now)) for site in sites)
    return tuple(
        site
        for site, verdict in verdicts
        if verdict.action is Action.BLOCK and verdict.step not in _WHATEVER_THE_SITE
    )
