"""A room's policy, of two parts: the school's, which is made once for all its rooms, and the room's own.

What builds is pure: rows in, values out. The digest of a policy is made from those of its parts, so that a change
in a school of a thousand rooms hashes the rules once. It names the content alone, without version and time of
issue.
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from appliance.central import (
    delegations,
    profiles,
    rules,
    school_settings,
    school_year,
    timetables,
    trust_membership,
    trust_policy,
)
from appliance.central.devices import inventory
from appliance.central.devices.inventory import PolicyDevice
from appliance.central.models import DelegationRow, ProfileRow, PublicationRow, RuleRow, SchoolRow, UnblockRow
from appliance.central.profile_settings import read_settings
from appliance.trust_protocol import TrustDocument
from dns.policy.document import ONE_DEVICE, Delegation, Device, Group, PolicyDocument, Rule, Unblock
from dns.policy.overreach import without_overreach

_encoder = msgspec.json.Encoder(order="deterministic")


class SchoolPolicy(msgspec.Struct, frozen=True):
    """The school's part: what is the same in every room."""

    document: PolicyDocument  # without version, room, openings and the room's own default group
    digest: str
    size: int  # bytes of its JSON


class RoomPolicy(msgspec.Struct, frozen=True):
    """A whole policy: the school's part, and what is in force in this room besides."""

    school: SchoolPolicy
    room: str
    unblocks: tuple[Unblock, ...]
    default_group: str
    digest: str  # SHA-256 of the content, hexadecimal
    size: int  # bytes of its JSON, about

    def to_document(self, version: int, issued: datetime) -> PolicyDocument:
        """Return the document that a room is sent."""
        return msgspec.structs.replace(
            self.school.document,
            version=version,
            issued=issued,
            room=self.room,
            unblocks=self.unblocks,
            default_group=self.default_group,
        )


def read_school_policy(session: Session, *, with_devices: bool = True) -> SchoolPolicy:
    """Return the school's part as the database has it now.

    Without its devices for who asks what a group gets, and not in which group a device is.
    """
    return build_school_policy(
        session.scalars(select(SchoolRow)).one(),
        profiles.list_profiles(session),
        rules.list_rules(session),
        delegations.list_delegations(session),
        inventory.list_policy_devices(session) if with_devices else (),
        trust=trust_membership.read_kept_document(session),
    )


def build_school_policy(
    school: SchoolRow,
    found: Sequence[ProfileRow],
    school_rules: Iterable[RuleRow],
    delegated: Iterable[DelegationRow],
    devices: Sequence[PolicyDevice] = (),
    *,
    trust: TrustDocument | None = None,
) -> SchoolPolicy:
    """Make the school's part; `found`: its profiles, the default one first; `trust`: what holds from above."""
    default = profiles.default_profile(found).name
    own_rules = tuple(_to_rule(rule) for rule in school_rules)
    fields = school_settings.policy_fields(school)
    if trust is not None:
        locked = (*fields["locked_categories"], *trust.locked_categories)
        fields = fields | {"locked_categories": tuple(dict.fromkeys(locked))}
    made = PolicyDocument(
        version=0,
        default_group=default,
        groups=_build_groups(found, devices),
        profiles=tuple(timetables.to_profile(read_settings(profile), school.school_week) for profile in found),
        rules=trust_policy.rules_with_trust(own_rules, trust),
        trust=trust.trust_name if trust is not None else "",
        trust_categories=trust.locked_categories if trust is not None else (),
        **fields,
        devices=tuple(Device(name=one.name, addresses=one.addresses) for one in devices),
        terms=school_year.to_spans(school.terms),
        holidays=school_year.to_spans(school.holidays),
        delegations=tuple(
            Delegation(
                categories=(one.category,),
                minutes=one.minutes,
                per_day=one.per_day,
                groups=(one.group,) if one.group else (),
            )
            for one in delegated
        ),
    )
    document = without_overreach(made)[0]  # older than the checks on entry; the pages name what is left out
    encoded = _encoder.encode(document)
    return SchoolPolicy(document=document, digest=hashlib.sha256(encoded).hexdigest(), size=len(encoded))


def _to_rule(rule: RuleRow) -> Rule:
    return Rule(
        name=rule.name,
        action=rule.action,  # type: ignore[arg-type]  # the table holds these two words only
        locked=rule.locked,
        note=rule.note,
        subdomains=rule.subdomains,
        groups=tuple(rule.groups),
        category=rule.category,
        safe_search=rule.safe_search,
    )


def _build_groups(found: Sequence[ProfileRow], devices: Iterable[PolicyDevice]) -> tuple[Group, ...]:
    """Return each profile's group, and in it its networks and its devices. Nothing is a member of two."""
    members: dict[str, list[str]] = {profile.name: [] for profile in found}
    known: set[str] = set()
    of_profiles = ((network, profile.name) for profile in found for network in profile.members)
    for member, group in (*of_profiles, *((one.name, one.group) for one in devices)):
        if group in members and member.lower() not in known:  # a group may be gone since
            known.add(member.lower())
            members[group].append(member)
    return tuple(
        Group(
            name=profile.name,
            profile=profile.name,
            members=tuple(members[profile.name]),
            only_from=tuple(profile.only_from),
        )
        for profile in found
    )


def build_room_policy(
    school: SchoolPolicy, room: str, unblocks: Iterable[UnblockRow], default_group: str = ""
) -> RoomPolicy:
    """Make a room's policy from the school's part and what is open in the room, the first to end first.

    `default_group`: the group of the room's devices that have none of their own, where it is not the school's.
    """
    known = {group.name for group in school.document.groups}
    own = PolicyDocument(
        version=0,
        room=room,
        default_group=default_group if default_group in known else school.document.default_group,
        unblocks=tuple(
            Unblock(
                id=str(unblock.id),
                site=unblock.site,
                also=tuple(unblock.also),
                groups=(ONE_DEVICE,) if unblock.device else tuple(unblock.groups),
                device=unblock.device,
                since=unblock.since,
                until=unblock.until,
                by=unblock.by,
                request=unblock.request_id or "",
            )
            for unblock in unblocks
        ),
    )
    own = without_overreach(own)[0]
    encoded = _encoder.encode(own)
    digest = hashlib.sha256(school.digest.encode() + encoded).hexdigest()
    return RoomPolicy(
        school=school,
        room=room,
        unblocks=own.unblocks,
        default_group=own.default_group,
        digest=digest,
        size=school.size + len(encoded),
    )


def latest_publication(session: Session) -> PublicationRow | None:
    """Return the index that rooms should use, or None while there is none."""
    return session.scalar(select(PublicationRow).order_by(PublicationRow.id.desc()).limit(1))
