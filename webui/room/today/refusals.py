"""What was refused, as a teacher reads it: why, and what can be done about it now."""

from collections.abc import Iterable
from typing import Literal

import msgspec

from appliance.errors import HallpassError
from appliance.room.query_log.columns import QueryLogEntry
from blocklists.categories import CATEGORIES_BY_ID
from dns.policy.site_names import reason_why_not
from dns.policy.steps import STEPS
from dns.policy.verdict import Action, Step
from dns.policy.view import CompiledView
from webui.room.room_client import RoomClient
from webui.shared.translation import translatable

Now = Literal["closed", "open", "final"]

# What each step's refusal says to a teacher where no category says more.
STEP_WORDS = {
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
    """One row: a site that was refused to a device today."""

    entry: QueryLogEntry
    why: str
    now: Now  # closed, and may be asked for; open by now; or closed for good


def describe_refusals(room: RoomClient, entries: Iterable[QueryLogEntry], now: float) -> list[RefusedSite]:
    """Return the rows for what was refused; `now` in Unix seconds."""
    try:
        view = room.policy.view_of_default_group()
    except HallpassError:
        view = None  # what a damaged policy would say now is not worth a page
    states: dict[str, Now] = {}
    rows = []
    for entry in entries:
        if entry.name not in states:
            states[entry.name] = _state_now(view, entry, now)
        rows.append(RefusedSite(entry=entry, why=describe_reason(entry), now=states[entry.name]))
    return rows


def describe_reason(entry: QueryLogEntry) -> str:
    """Return why something was refused, in a teacher's words."""
    category = CATEGORIES_BY_ID.get(entry.category)
    if category is not None:
        return category.name
    try:
        return STEP_WORDS.get(Step(entry.step), entry.category)
    except ValueError:  # a step of another version
        return entry.category


def _state_now(view: CompiledView | None, entry: QueryLogEntry, now: float) -> Now:
    if reason_why_not(entry.name, "open"):
        return "final"
    if view is None:
        return "closed"
    verdict = view.decide(entry.name, 1, now)
    if verdict.action is Action.BLOCK:
        return "final" if verdict.step in STEPS.unopenable else "closed"
    # These were decided by the answer, which nobody has here: they would end alike.
    if entry.step == Step.UPSTREAM.value:
        return "final"
    return "closed" if entry.step == Step.INSPECTED.value else "open"
