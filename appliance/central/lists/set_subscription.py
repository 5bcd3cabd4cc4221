"""Subscribing the school to a ready-made set: its lists, its openings as rules, its profiles.

What the school has already stays as it is: a source, a rule or a profile of the same name is not touched. New
profiles have no devices until somebody names them.
"""

from datetime import datetime

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from appliance.central import audit, rules
from appliance.central.lists import sources
from appliance.central.models import ProfileRow, RuleRow
from blocklists.catalogue import CatalogueSet, load_catalogue


class SubscribedSet(msgspec.Struct, frozen=True, kw_only=True):
    """What was added, by name."""

    sources: tuple[str, ...]
    openings: tuple[str, ...]
    profiles: tuple[str, ...]


def subscribe_set(session: Session, now: datetime, *, chosen: CatalogueSet, by: str) -> SubscribedSet:
    """Add what the school does not have yet. The lists are in force once they were compiled."""
    added = SubscribedSet(
        sources=_add_sources(session, now, chosen, by),
        openings=_add_openings(session, now, chosen, by),
        profiles=_add_profiles(session, chosen),
    )
    counts = f"{len(added.sources)} lists, {len(added.openings)} openings, {len(added.profiles)} profiles"
    audit.record_audit(session, now, by, "set of lists added", f"{chosen.id}: {counts}")
    return added


def _add_sources(session: Session, now: datetime, chosen: CatalogueSet, by: str) -> tuple[str, ...]:
    known = sources.list_sources(session)
    names, locations = {one.name for one in known}, {one.location for one in known}
    wanted = [
        one for one in load_catalogue().find_lists([chosen.id]) if one.id not in names and one.url not in locations
    ]
    for one in wanted:
        sources.subscribe_source(
            session, now, name=one.id, category=one.category, location=one.url, format=one.format, match=one.match,
            by=by,
        )  # fmt: skip
    return tuple(one.id for one in wanted)


def _add_openings(session: Session, now: datetime, chosen: CatalogueSet, by: str) -> tuple[str, ...]:
    known = set(session.scalars(select(RuleRow.name)))
    wanted = tuple(name for name in chosen.openings if name not in known)
    for name in wanted:
        rules.add_rule(session, now, name=name, action="allow", by=by, note=f"opened by the set {chosen.id}")
    return wanted


def _add_profiles(session: Session, chosen: CatalogueSet) -> tuple[str, ...]:
    known = set(session.scalars(select(ProfileRow.name)))
    wanted = [profile for profile in chosen.profiles if profile.name not in known]
    for profile in wanted:
        session.add(
            ProfileRow(
                name=profile.name,
                closed=sorted(profile.closed),
                safe_search=profile.safe_search,
                keywords=profile.keywords,
                members=[],
                is_default=False,
            )
        )
    return tuple(profile.name for profile in wanted)
