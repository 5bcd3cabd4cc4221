"""What a teacher may open at once, by themselves; everything else waits for the coordinator.

A delegation names categories, the longest time, how often a teacher may on one day, and for which groups. A site
may be opened where every category that closes it, and every name granted with it, is delegated. What the school's
own rules close was closed by a person: that is never delegated, and neither is what nobody can open.
"""

import msgspec

from dns.policy.document import EVERY_CATEGORY, Delegation
from dns.policy.site_names import too_wide
from dns.policy.verdict import Action, Verdict
from dns.policy.view import CompiledView


class DelegationRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a teacher would like to open now."""

    site: str  # canonical name
    minutes: int
    also: tuple[str, ...] = ()  # canonical names that the site needs
    unblocked_today: int = 0  # how many sites this teacher has opened by themselves today


class DelegationDecision(msgspec.Struct, frozen=True, kw_only=True):
    """Whether they may, and if not, why not, in words for the teacher."""

    allowed: bool
    reason: str = ""
    minutes: int = 0  # the longest time they may open it for by themselves; 0: they may not


def check_delegation(view: CompiledView, request: DelegationRequest, now: float) -> DelegationDecision:
    """Decide whether a teacher may open a site now, by themselves, for the devices of a view."""
    if view.decide(request.site, 1, now).action is not Action.BLOCK and not request.also:
        return DelegationDecision(allowed=False, reason=f"{request.site} is open already")
    for reason in too_wide((name, "open") for name in (request.site, *request.also)).values():
        return DelegationDecision(allowed=False, reason=reason)
    limits: list[Delegation] = []
    for name in (request.site, *request.also):
        verdict = view.decide(name, 1, now)
        if verdict.action is not Action.BLOCK:
            continue
        why_not = view.steps.row(verdict.step).why_not_delegated
        if why_not is not None:
            return DelegationDecision(allowed=False, reason=f"{name} {why_not}")
        for category in view.blocked_categories(name, now) or {verdict.category}:
            limit = _find_delegation(category, view)
            if limit is None:
                return DelegationDecision(allowed=False, reason=_needs_coordinator(name, category, verdict))
            limits.append(limit)
    if not limits:
        return DelegationDecision(allowed=False, reason=f"{request.site} is open already")
    return _check_limits(limits, request)


def _find_delegation(category: str, view: CompiledView) -> Delegation | None:
    """Return the most generous delegation of a category for the view's group."""
    fitting = [
        one
        for one in view.document.delegations
        if (category in one.categories or EVERY_CATEGORY in one.categories)
        and (not one.groups or view.group in one.groups)
    ]
    return max(fitting, key=lambda one: (one.minutes, one.per_day == 0, one.per_day), default=None)


def _check_limits(limits: list[Delegation], request: DelegationRequest) -> DelegationDecision:
    minutes = min(limit.minutes for limit in limits)
    per_day = min((limit.per_day for limit in limits if limit.per_day), default=0)
    if per_day and request.unblocked_today >= per_day:
        times = "once" if per_day == 1 else f"{per_day} times"
        return DelegationDecision(
            allowed=False, reason=f"you may open sites by yourself {times} a day, and have today"
        )
    if request.minutes > minutes:
        reason = f"you may open it by yourself for at most {minutes} minutes"
        return DelegationDecision(allowed=False, reason=reason, minutes=minutes)
    return DelegationDecision(allowed=True, minutes=minutes)


def _needs_coordinator(name: str, category: str, verdict: Verdict) -> str:
    what = category.replace("_", " ") or verdict.source
    return f"{name} is closed as {what}: the coordinator decides"
