"""What would open of a plan's links at the time of its lesson, and who decides of the rest.

Decided by what decides in the room: at the plan's hour (a timetable may close more then), without the lesson that
may be running now. What a lesson needs is opened by requests; a lesson itself opens nothing (ADR 0009).
"""

from datetime import UTC, datetime
from typing import Literal

import msgspec

from appliance.errors import HallpassError
from appliance.protocol import RequestState
from appliance.room.lesson_plans import LessonPlan
from blocklists.categories import CATEGORIES_BY_ID
from dns.errors import InvalidName
from dns.policy.delegation import DelegationRequest, check_delegation
from dns.policy.site_names import check_opening
from dns.policy.verdict import Action, Step, Verdict
from dns.policy.view import CompiledView
from webui.room.room_client import RoomClient
from webui.shared.durations import describe_duration
from webui.shared.translation import gettext, translatable

Then = Literal["open", "safe", "closed", "asked", "final", "none"]
_FOR_NOW = (Step.LESSON, Step.PAUSED, Step.SUSPENDED)  # what a teacher ends: of no plan's time


class CheckedLink(msgspec.Struct, frozen=True, kw_only=True):
    """One link of a plan."""

    link: str  # as it was pasted
    site: str = ""
    then: Then  # at the lesson: open; open, kept safe; closed; closed and asked for; closed for good; no site
    why: str = ""
    who: str = ""  # who decides


def check_plan(room: RoomClient, plan: LessonPlan, asked: frozenset[str] = frozenset()) -> list[CheckedLink]:
    """Return each link with what becomes of it; `asked`: sites that have been asked for, or are granted."""
    when = plan.start or datetime.now(UTC)
    moment = max(when, datetime.now(UTC)).timestamp()
    try:
        view = room.policy.view_of_default_group()
    except HallpassError:
        view = None
    return [_check_link(view, link, plan, moment, asked) for link in plan.links]


def sites_of(checked: list[CheckedLink], *then: Then) -> tuple[str, ...]:
    """Return the sites of which this is so, each once."""
    return tuple(dict.fromkeys(one.site for one in checked if one.site and one.then in then))


def asked_sites(plan: LessonPlan, states: list[RequestState]) -> frozenset[str]:
    """Return the sites for which the plan has a request that waits or was granted."""
    names = (
        name
        for state in states
        if state.request.id in plan.requests and state.state in ("waiting", "approved")
        for name in (state.request.site, *state.request.also)
    )
    return frozenset(names)


def _check_link(
    view: CompiledView | None, link: str, plan: LessonPlan, moment: float, asked: frozenset[str]
) -> CheckedLink:
    try:
        site = check_opening(link)
    except InvalidName as problem:
        return CheckedLink(link=link, then="none", why=str(problem))
    if view is None:
        return CheckedLink(
            link=link, site=site, then="closed", why=translatable("what the school has set cannot be read")
        )
    verdict = view.decide_by_steps(site, 1, moment)
    if verdict.step in _FOR_NOW:
        return CheckedLink(
            link=link, site=site, then="open", why=translatable("it depends on what runs in the room now")
        )
    if verdict.action is Action.ALLOW:
        return CheckedLink(link=link, site=site, then="open")
    if verdict.action is Action.REWRITE:
        return CheckedLink(link=link, site=site, then="safe")
    why = _why(verdict)
    if verdict.step in view.steps.unopenable:
        return CheckedLink(link=link, site=site, then="final", why=why, who=translatable("Nobody can open it"))
    if site in asked:
        return CheckedLink(link=link, site=site, then="asked", why=why)
    return CheckedLink(link=link, site=site, then="closed", why=why, who=_who_decides(view, site, plan, moment))


def _who_decides(view: CompiledView, site: str, plan: LessonPlan, moment: float) -> str:
    if plan.start is not None:  # what is for a lesson to come waits for the coordinator
        return translatable("The coordinator decides")
    decision = check_delegation(view, DelegationRequest(site=site, minutes=plan.minutes), moment)
    if decision.allowed:
        return translatable("You may open it by yourself")
    if decision.minutes:
        return gettext(
            "You may open it by yourself for %(duration)s; for longer, the coordinator decides",
            duration=describe_duration(decision.minutes),
        )
    return translatable("The coordinator decides")


def _why(verdict: Verdict) -> str:
    category = CATEGORIES_BY_ID.get(verdict.category)
    return (
        category.name
        if category is not None
        else translatable("The school's own rule")
        if verdict.step is Step.RULE
        else ""
    )
