"""The school's own lesson plans: lists of links that every room shows, ready for a lesson.

By itself a plan opens and closes nothing (ADR 0009); a teacher starts a lesson with it, or makes one of their own
of it. All of them are one field of the school's settings; adding, changing and removing one touches no other.
"""

from collections.abc import Iterable
from datetime import datetime
from uuid import uuid4

import msgspec
from sqlalchemy.orm import Session

from appliance.central import school_settings
from appliance.central.decision_preview import DecisionPreview
from appliance.central.errors import NotFound, NotPossible
from appliance.central.school_settings_values import revision_of_values
from appliance.central.site_names import checked_site
from dns.policy.document import SchoolPlan
from dns.policy.explain import Explanation

_FIELD = frozenset({"school_plans"})


class PlanLink(msgspec.Struct, frozen=True, kw_only=True):
    """What a link of a plan leads to now, for devices that nobody has named."""

    link: str
    site: str = ""
    found: Explanation | None = None
    is_closed: bool = False
    would_open: bool = True  # if somebody opened it
    problem: str = ""  # why it names no site


def list_plans(session: Session) -> tuple[SchoolPlan, ...]:
    """Return the school's plans, in the order in which rooms show them."""
    return school_settings.read_settings(session).school_plans


def get_plan(session: Session, plan_id: str) -> SchoolPlan:
    """Return a plan. Raises NotFound."""
    found = next((one for one in list_plans(session) if one.id == plan_id), None)
    if found is None:
        raise NotFound("there is no such lesson plan any more")
    return found


def put_plan(
    session: Session, now: datetime, *, title: str, links: Iterable[str], minutes: int, by: str, plan_id: str = "",
    revision: str | None = None,
) -> str:  # fmt: skip
    """Add a plan, or change the one with an id; return the change's id, "" where it was so.

    `revision`: of the plan that the caller started from; None where none was looked at. Raises NotFound,
    NotPossible or ChangedMeanwhile.
    """
    before = get_plan(session, plan_id) if plan_id else None
    wanted = make_plan(plan_id or uuid4().hex, title, links, minutes)
    if wanted == before:
        return ""  # by the first of two clicks
    if revision is not None and revision != plan_revision(before):
        raise school_settings.changed_meanwhile(session, school_settings.PLANS_KIND)
    present = list_plans(session)
    plans = (*present, wanted) if before is None else tuple(wanted if one == before else one for one in present)
    return _save(session, now, plans, by)


def remove_plan(session: Session, now: datetime, *, plan_id: str, by: str) -> str:
    """Remove a plan; return the change's id. Raises NotFound."""
    gone = get_plan(session, plan_id)
    return _save(session, now, tuple(one for one in list_plans(session) if one != gone), by)


def make_plan(plan_id: str, title: str, links: Iterable[str], minutes: int) -> SchoolPlan:
    """Return a plan as it is kept: each link once, without blanks around it."""
    tidy = dict.fromkeys(link.strip() for link in links if link.strip())
    return SchoolPlan(id=plan_id, title=title.strip(), links=tuple(tidy), minutes=minutes)


def plan_revision(plan: SchoolPlan | None) -> str:
    """Return what names a plan as it stands; "" where there is none."""
    return "" if plan is None else revision_of_values([plan])


def check_links(session: Session, preview: DecisionPreview, links: Iterable[str]) -> tuple[PlanLink, ...]:
    """Say of each link whether it is open now, and whether it could be opened."""
    return tuple(_check_link(session, preview, link) for link in links)


def _check_link(session: Session, preview: DecisionPreview, link: str) -> PlanLink:
    try:
        site = checked_site(link)
    except NotPossible as problem:
        return PlanLink(link=link, problem=str(problem))
    looked = preview.preview_site(session, site)
    return PlanLink(
        link=link, site=site, found=looked.found, is_closed=looked.is_closed, would_open=looked.would_open
    )


def _save(session: Session, now: datetime, plans: tuple[SchoolPlan, ...], by: str) -> str:
    settings = msgspec.structs.replace(school_settings.read_settings(session), school_plans=plans)
    return school_settings.save_settings(session, now, changed=settings, by=by, fields=_FIELD)
