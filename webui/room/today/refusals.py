"""What was refused, as a teacher reads it: by site, why, to which devices, and what can be done about it now."""

import hashlib
import itertools
from collections.abc import Iterable
from typing import Literal

import msgspec

from appliance.errors import HallpassError
from appliance.protocol import RequestState
from appliance.room.query_log.columns import QueryLogEntry
from blocklists.categories import CATEGORIES_BY_ID
from dns.message.names import parents
from dns.policy.site_names import too_wide
from dns.policy.steps import STEPS
from dns.policy.verdict import Action, Step
from dns.policy.view import CompiledView
from webui.room.asks.asked_sites import minutes_of_yes
from webui.room.room_client import RoomClient
from webui.shared.durations import describe_duration
from webui.shared.translation import translatable

Now = Literal["closed", "asked", "open", "final"]

MAX_SITES = 20  # the log has the rest
MAX_DEVICES = 8  # named of each site
_MAX_KNOWN = 10_000
_FOR_NOW = (Step.PAUSED, Step.SUSPENDED)  # they close every name alike: no reason to see one site in several

_is_suffix: dict[str, bool] = {}  # of names seen lately: to look one up reads a file, however many it looks up

# What each step's refusal says to a teacher where no category says more.
STEP_WORDS = {
    Step.TRUST: translatable("closed by the trust"),
    Step.LOCKED: translatable("locked by the school"),
    Step.BYPASS: translatable("a way round the filter"),
    Step.SUSPENDED: translatable("this device is suspended"),
    Step.PAUSED: translatable("the room is paused"),
    Step.RULE: translatable("the school's own rule"),
    Step.LESSON: translatable("not part of the lesson"),
    Step.LIST: translatable("on a list of the school's"),
    Step.KEYWORD: translatable("a word in its name"),
    Step.SAFE_SEARCH: translatable("a search engine without safe search"),
    Step.INSPECTED: translatable("it leads to something closed"),
    Step.UPSTREAM: translatable("closed by the school's internet provider"),
}


class RefusedSite(msgspec.Struct, frozen=True, kw_only=True):
    """One row: a site that was refused in the room today."""

    site: str  # what would be asked for
    second: int  # when it was refused last, in Unix seconds
    count: int
    why: str
    now: Now  # closed, and may be asked for; asked for; open by now; or closed for good
    devices: tuple[tuple[str, int], ...]  # the token of each, and how often, the last first; the first of them
    more_devices: int
    minutes: int = 0  # for which the teacher may open it alone; 0: somebody else decides

    @property
    def key(self) -> str:
        """The id of the request that opens it at once: the same for whoever presses it, however often."""
        return hashlib.sha256(f"{self.site} {self.second} {self.count}".encode()).hexdigest()[:32]

    @property
    def duration(self) -> str:
        """For how long the teacher may open it alone, in words."""
        return describe_duration(self.minutes)


def describe_refusals(
    room: RoomClient, entries: Iterable[QueryLogEntry], now: float, requests: Iterable[RequestState] = ()
) -> list[RefusedSite]:
    """Return a row for each site, the last refused first; `now` in Unix seconds.

    Several names of a site (`i.example.org`, `cdn.example.org`) are one row where it is as closed as they are.
    """
    entries = list(entries)
    try:
        view = room.policy.view_of_default_group()
    except HallpassError:
        view = None  # what a damaged policy would say now is not worth a page
    asked = frozenset(
        name for one in requests if one.state == "waiting" for name in (one.request.site, *one.request.also)
    )
    suffixes = _find_suffixes({one for entry in entries for one in parents(entry.name)})
    rows = _Rows(view, now, suffixes, asked)
    grouped: dict[tuple[str, Now], list[QueryLogEntry]] = {}
    for entry in entries:
        grouped.setdefault(rows.place(entry), []).append(entry)
    return [rows.describe(site, state, of) for (site, state), of in list(grouped.items())[:MAX_SITES]]


def describe_reason(entry: QueryLogEntry) -> str:
    """Return why something was refused, in a teacher's words."""
    category = CATEGORIES_BY_ID.get(entry.category)
    if category is not None:
        return category.name
    try:
        return STEP_WORDS.get(Step(entry.step), entry.category)
    except ValueError:  # a step of another version
        return entry.category


def _find_suffixes(names: set[str]) -> frozenset[str]:
    """Return those of the names under which everybody has sites."""
    unknown = names.difference(_is_suffix)
    if unknown:
        if len(_is_suffix) + len(unknown) > _MAX_KNOWN:
            _is_suffix.clear()
            unknown = names
        wide = too_wide((name, "open") for name in unknown)
        _is_suffix.update((name, (name, "open") in wide) for name in unknown)
    return frozenset(name for name in names if _is_suffix[name])


class _Rows:
    """Puts refusals into rows by what the room would decide now."""

    def __init__(
        self, view: CompiledView | None, now: float, suffixes: frozenset[str], asked: frozenset[str]
    ) -> None:
        self._view = view
        self._now = now
        self._suffixes = suffixes
        self._asked = asked

    def place(self, entry: QueryLogEntry) -> tuple[str, Now]:
        """Return the row of an entry: a site, and what can be done about it."""
        if entry.name in self._suffixes:
            return entry.name, "final"
        if self._view is None:
            return entry.name, "closed"
        verdict = self._view.decide(entry.name, 1, self._now)
        if verdict.action is Action.BLOCK:
            if verdict.step in STEPS.unopenable:
                return entry.name, "final"
            return self._find_site(self._view, entry.name, verdict.step), "closed"
        # These were decided by the answer, which nobody has here: they would end alike.
        if entry.step == Step.UPSTREAM.value:
            return entry.name, "final"
        return entry.name, "closed" if entry.step == Step.INSPECTED.value else "open"

    def describe(self, site: str, state: Now, of: list[QueryLogEntry]) -> RefusedSite:
        """Return one row, of what was refused of a site."""
        if state == "closed":
            site = self._narrow(site, [entry.name for entry in of])
            state = "asked" if self._asked.intersection(parents(site)) else state
        devices: dict[str, int] = {}
        for entry in of:
            devices[entry.device] = devices.get(entry.device, 0) + entry.count
        minutes, at_once = minutes_of_yes(self._view, site, self._now) if state == "closed" else (0, False)
        return RefusedSite(
            site=site,
            second=of[0].second,
            count=sum(devices.values()),
            why=describe_reason(of[0]),
            now=state,
            devices=tuple(devices.items())[:MAX_DEVICES],
            more_devices=max(len(devices) - MAX_DEVICES, 0),
            minutes=minutes if at_once else 0,
        )

    def _find_site(self, view: CompiledView, name: str, step: Step) -> str:
        """Return the highest name above this one that is somebody's site, and closed by the same step."""
        if step in _FOR_NOW:
            return name
        for above in reversed(list(parents(name))):
            if above not in self._suffixes and "." in above:
                verdict = view.decide(above, 1, self._now)
                if verdict.action is Action.BLOCK and verdict.step is step:
                    return above
        return name

    def _narrow(self, site: str, names: list[str]) -> str:
        """Return the name to ask for: no wider than those that were refused need it, and not above their site."""
        name = ".".join(reversed(_shared_labels([one.removeprefix("www.").split(".")[::-1] for one in names])))
        if self._view is None or len(name) < len(site):
            return site
        return name if self._view.decide(name, 1, self._now).action is Action.BLOCK else site


def _shared_labels(names: list[list[str]]) -> list[str]:
    """Return the labels with which all the names begin."""
    same = itertools.takewhile(lambda one: len(set(one)) == 1, zip(*names, strict=False))
    return [of_each[0] for of_each in same]
