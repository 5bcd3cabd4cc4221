"""Why is this closed? One site as rooms decide it now: for each group, and all that touches it.

What a room adds of its own (a lesson, a pause, a suspended device) is not known here.
"""

from datetime import datetime

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from appliance.central.decision_preview import DecisionPreview
from appliance.central.devices.groups import list_empty_groups
from appliance.central.models import RuleRow, UnblockRow
from appliance.central.site_names import checked_site
from appliance.central.unblocks import select_active_unblocks
from blocklists.search import MatchingEntry
from dns.message.names import is_under
from dns.policy.explain import Explanation, explain
from dns.policy.verdict import Action, Step


class GroupDecision(msgspec.Struct, frozen=True, kw_only=True):
    """What a group of devices gets."""

    group: str
    is_default: bool  # of devices that nobody has named
    has_devices: bool
    found: Explanation
    is_closed: bool
    can_open: bool  # by an opening
    opened_until: datetime | None  # by one that holds in every room now


class SiteFindings(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of a site."""

    site: str
    groups: tuple[GroupDecision, ...]
    entries: tuple[MatchingEntry, ...]  # of the published lists
    rules: list[RuleRow]  # for the name itself, or for one above it
    openings: list[UnblockRow]  # that are open now or planned


def search_site(session: Session, preview: DecisionPreview, now: datetime, *, written: str) -> SiteFindings:
    """Look a site up, as somebody typed or pasted it. Raises NotPossible for what is no site."""
    site = checked_site(written)
    openings = [one for one in session.scalars(select_active_unblocks(now)) if _opens(one, site)]
    return SiteFindings(
        site=site,
        groups=_decide(session, preview, now, site, openings),
        entries=preview.search_lists(session, site),
        rules=[one for one in session.scalars(select(RuleRow).order_by(RuleRow.name)) if _touches(one, site)],
        openings=openings,
    )


def _decide(
    session: Session, preview: DecisionPreview, now: datetime, site: str, openings: list[UnblockRow]
) -> tuple[GroupDecision, ...]:
    policy = preview.current_policy(session)
    empty, default = list_empty_groups(session), policy.document.default_group
    decided = []
    for group in policy.document.groups:
        view = policy.view_for_group(group.name)
        found = explain(view, site, 1, now.timestamp())
        is_closed = found.verdict == Action.BLOCK.value
        is_final = is_closed and Step(found.step) in view.steps.unopenable
        decided.append(
            GroupDecision(
                group=group.name,
                is_default=group.name == default,
                has_devices=group.name == default or group.name not in empty,
                found=found,
                is_closed=is_closed,
                can_open=is_closed and not is_final,
                opened_until=None if is_final else _opened_until(openings, group.name, now),
            )
        )
    return tuple(sorted(decided, key=lambda one: (not one.is_default, one.group)))


def _opened_until(openings: list[UnblockRow], group: str, now: datetime) -> datetime | None:
    """Return until when a group's devices have the site open in every room; None: it is not."""
    wide = [one for one in openings if one.room_id is None and not one.device and one.since <= now]
    return max((one.until for one in wide if not one.groups or group in one.groups), default=None)


def _touches(rule: RuleRow, site: str) -> bool:
    return site == rule.name or (rule.subdomains and is_under(site, rule.name))


def _opens(unblock: UnblockRow, site: str) -> bool:
    return any(is_under(site, name) for name in (unblock.site, *unblock.also))
