"""Builds each room's policy document from the school's tables.

The version grows only when the content differs from what the room was given last, so that a room fetches a policy
exactly when there is something new in it.
"""

import hashlib
from datetime import datetime

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from appliance.central import delegations, profiles, rules, unblocks
from appliance.central.models import PublicationRow, RoomRow, SchoolRow
from appliance.protocol import Target
from dns.policy.document import Delegation, Group, PolicyDocument, Profile, Rule, Unblock
from dns.policy.overreach import without_overreach

_encoder = msgspec.json.Encoder(order="deterministic")


def build_policy(session: Session, now: datetime, room: RoomRow) -> PolicyDocument:
    """Return a room's policy as it should be now; where it differs from the last one its version is one higher."""
    content = _policy_content(session, now, room)
    digest = _policy_digest(content)
    if digest != room.policy_digest:
        room.policy_digest = digest
        room.policy_version += 1
    return msgspec.structs.replace(content, version=room.policy_version, issued=now)


def build_target(session: Session, now: datetime, room: RoomRow) -> Target:
    """Return where a room should be."""
    version = build_policy(session, now, room).version
    published = latest_publication(session)
    return Target(policy=version, index=published.hash if published else "", requests=room.requests_changed)


def is_policy_current(session: Session, now: datetime, room: RoomRow) -> bool:
    """Tell whether the room's policy is still what it was given last, so that nothing need be written."""
    return _policy_digest(_policy_content(session, now, room)) == room.policy_digest


def latest_publication(session: Session) -> PublicationRow | None:
    """Return the index that rooms should use, or None while there is none."""
    return session.scalar(select(PublicationRow).order_by(PublicationRow.id.desc()).limit(1))


def _policy_digest(content: PolicyDocument) -> str:
    return hashlib.sha256(_encoder.encode(content)).hexdigest()


def _policy_content(session: Session, now: datetime, room: RoomRow) -> PolicyDocument:
    school = session.scalars(select(SchoolRow)).one()
    found = profiles.list_profiles(session)
    default = next((profile.name for profile in found if profile.is_default), found[0].name)
    made = PolicyDocument(
        version=0,
        school=school.name,
        room=room.name,
        timezone=school.timezone,
        default_group=default,
        groups=tuple(
            Group(name=profile.name, profile=profile.name, members=tuple(profile.members)) for profile in found
        ),
        profiles=tuple(
            Profile(
                name=profile.name,
                closed=tuple(profile.closed),
                safe_search=profile.safe_search,
                keywords=profile.keywords,
            )
            for profile in found
        ),
        rules=tuple(
            Rule(name=rule.name, action=rule.action, locked=rule.locked, note=rule.note)  # type: ignore[arg-type]  # the table holds these two words only
            for rule in rules.list_rules(session)
        ),
        unblocks=tuple(
            Unblock(
                id=str(unblock.id),
                site=unblock.site,
                also=tuple(unblock.also),
                groups=tuple(unblock.groups),
                since=unblock.since,
                until=unblock.until,
                by=unblock.by,
                request=unblock.request_id or "",
            )
            for unblock in unblocks.list_active_unblocks(session, now, room)
        ),
        locked_categories=tuple(school.locked_categories),
        delegations=tuple(
            Delegation(categories=(one.category,), minutes=one.minutes, per_day=one.per_day)
            for one in delegations.list_delegations(session)
        ),
    )
    return without_overreach(made)[0]  # older than the checks on entry; the pages name what is left out
