"""What pupils ask for, by site, as a teacher reads it: who asks, how often, and what "yes" would do."""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

import msgspec

from appliance.errors import HallpassError
from appliance.room.pupil_asks import PupilAsk
from dns.policy.delegation import DelegationRequest, check_delegation
from dns.policy.verdict import Action
from dns.policy.view import CompiledView
from webui.room.form_fields import DURATIONS
from webui.room.room_client import RoomClient
from webui.shared.durations import describe_duration
from webui.shared.translation import translatable

MAX_SITES = 10  # shown at once
MAX_DEVICES = 6  # named of each site
YES_MINUTES = 60


class AskedSite(msgspec.Struct, frozen=True, kw_only=True):
    """A site that pupils wait for."""

    site: str
    devices: tuple[tuple[str, str, int], ...]  # token, name ("": it has none), how often; the first of them
    more_devices: int
    count: int  # devices
    since: datetime
    minutes: int  # for which "yes" would open it, or ask
    opens_at_once: bool
    why_not: str = ""  # nobody can open it

    @property
    def key(self) -> str:
        """The id of the request that "yes" makes: the same for whoever presses it, however often."""
        return hashlib.sha256(f"{self.site} {self.since.timestamp()}".encode()).hexdigest()[:32]

    @property
    def duration(self) -> str:
        """For how long "yes" opens it, in words."""
        return describe_duration(self.minutes)


class AnsweredSite(msgspec.Struct, frozen=True, kw_only=True):
    """A site that a teacher said no to in the last half hour."""

    site: str
    by: str
    at: datetime


def list_asked_sites(
    room: RoomClient, asks: Iterable[PupilAsk], names: Mapping[str, str]
) -> tuple[list[AskedSite], int]:
    """Return the sites that wait for an answer, most wanted first, and how many more there are."""
    by_site: dict[str, list[PupilAsk]] = {}
    for ask in asks:
        if ask.state == "waiting":
            by_site.setdefault(ask.site, []).append(ask)
    wanted = sorted(by_site.items(), key=lambda one: (-len(one[1]), one[1][0].asked_at))
    try:
        view = room.policy.view_of_default_group()
    except HallpassError:
        view = None
    return [_describe(view, site, of, names) for site, of in wanted[:MAX_SITES]], max(len(wanted) - MAX_SITES, 0)


def list_answered_sites(asks: Iterable[PupilAsk]) -> list[AnsweredSite]:
    """Return what was answered with no, the newest first."""
    said = {
        ask.site: AnsweredSite(site=ask.site, by=ask.by, at=datetime.fromtimestamp(ask.answered_at, UTC))
        for ask in asks
        if ask.answer == "no"
    }
    return sorted(said.values(), key=lambda one: one.at, reverse=True)[:MAX_SITES]


def minutes_of_yes(view: CompiledView | None, site: str, now: float) -> tuple[int, bool]:
    """Return for how long a "yes" opens or asks, and whether the teacher may open it alone."""
    if view is None:
        return YES_MINUTES, False
    decision = check_delegation(view, DelegationRequest(site=site, minutes=YES_MINUTES), now)
    if decision.allowed:
        return YES_MINUTES, True
    shorter = [int(str(one.value)) for one in DURATIONS if int(str(one.value)) <= decision.minutes]
    return (max(shorter), True) if shorter else (YES_MINUTES, False)


def _describe(view: CompiledView | None, site: str, asks: list[PupilAsk], names: Mapping[str, str]) -> AskedSite:
    now = datetime.now(UTC).timestamp()
    why_not = ""
    if view is not None:
        verdict = view.decide(site, 1, now)
        if verdict.action is Action.BLOCK and verdict.step in view.steps.unopenable:
            why_not = view.steps.row(verdict.step).why_not_delegated or translatable("stays closed")
    minutes, at_once = minutes_of_yes(view, site, now)
    return AskedSite(
        site=site,
        devices=tuple((ask.device, names.get(ask.device, ""), ask.times) for ask in asks[:MAX_DEVICES]),
        more_devices=max(len(asks) - MAX_DEVICES, 0),
        count=len(asks),
        since=datetime.fromtimestamp(asks[0].asked_at, UTC),
        minutes=minutes,
        opens_at_once=at_once,
        why_not=why_not,
    )
