"""What is wrong with a policy document: everything at once, each with its place, in words for a coordinator."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dns.errors import InvalidName
from dns.policy.devices import Devices, parse_networks
from dns.policy.document import PolicyDocument, Profile, timed_items
from dns.policy.lookups import canonical
from dns.policy.setting_limits import limit_errors

_CLOCK = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]")


def validation_errors(document: PolicyDocument) -> tuple[str, ...]:
    """Return every mistake in a document, each as one sentence; empty where it can be used."""
    return (
        *_timezone_errors(document),
        *_group_errors(document),
        *_profile_errors(document),
        *_all_name_errors(document),
        *_time_errors(document),
        *limit_errors(document),
    )


def _timezone_errors(document: PolicyDocument) -> Iterator[str]:
    try:
        ZoneInfo(document.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        yield f"timezone: {document.timezone!r} is no time zone"


def _group_errors(document: PolicyDocument) -> Iterator[str]:
    profiles = {profile.name for profile in document.profiles}
    devices = Devices(document.devices)
    yield from _duplicate_errors("groups", (group.name for group in document.groups))
    yield from _duplicate_errors("devices", (device.name.lower() for device in document.devices))
    members = [member.strip().lower() for group in document.groups for member in group.members]
    yield from _duplicate_errors("members of groups", members)
    for group in document.groups:
        if group.profile not in profiles:
            yield f"groups: {group.name!r} has the profile {group.profile!r}, which there is not"
        for bound in group.only_from:
            if not parse_networks(bound):
                yield f"groups: {group.name!r} is bound to {bound!r}, which is no address and no network"
    for device in document.devices:
        for address in device.addresses:
            if not any(Devices(()).resolve_member(address)):
                yield f"devices: {device.name!r} has {address!r}, which is neither an IP nor a MAC address"
    for suspension in document.suspensions:
        if not any(devices.resolve_member(suspension.device)) and not devices.has_device(suspension.device):
            yield f"suspensions: nothing is known of a device {suspension.device!r}"


def _profile_errors(document: PolicyDocument) -> Iterator[str]:
    yield from _duplicate_errors("profiles", (profile.name for profile in document.profiles))
    for profile in document.profiles:
        yield from _period_errors(profile)
    for span in (*document.terms, *document.holidays):
        if span.last < span.first:
            yield f"terms and holidays: {span.name!r} ends on {span.last} before it starts on {span.first}"


def _period_errors(profile: Profile) -> Iterator[str]:
    for period in profile.timetable:
        where = f"profiles: {profile.name!r}: the period {period.name!r}"
        if not _CLOCK.fullmatch(period.start):
            yield f"{where} starts at {period.start!r}, which no clock shows"
        if period.end != "24:00" and not _CLOCK.fullmatch(period.end):
            yield f"{where} ends at {period.end!r}, which no clock shows"


def _all_name_errors(document: PolicyDocument) -> Iterator[str]:
    for rule in document.rules:
        yield from _name_errors("rules", rule.name)
        if rule.locked and rule.action != "block":
            yield f"rules: {rule.name!r} is locked and allows; only a block can be locked"
    for unblock in document.unblocks:
        yield from _names_errors("unblocks", (unblock.site, *unblock.also))
    for lesson in document.lessons:
        yield from _names_errors("lessons", (*lesson.sites, *lesson.also))
    for bundle in document.bundles:
        yield from _names_errors("bundles", (bundle.site, *bundle.names))
    yield from _names_errors("appliance_names", document.appliance_names)
    yield from _names_errors("private_names", document.private_names)
    for closed in document.closed_addresses:
        if not parse_networks(closed.network):
            yield f"closed addresses: {closed.network!r} is no address and no network"


def _time_errors(document: PolicyDocument) -> Iterator[str]:
    for thing in timed_items(document):
        where = f"{type(thing).__name__.lower()} {thing.id!r}"
        yield from _missing_zone(where, thing.since)
        yield from _missing_zone(where, thing.until)
    yield from _missing_zone("issued", document.issued)


def _missing_zone(where: str, moment: datetime | None) -> Iterator[str]:
    if moment is not None and moment.tzinfo is None:
        yield f"{where}: {moment.isoformat()} has no time zone"


def _names_errors(where: str, texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        yield from _name_errors(where, text)


def _name_errors(where: str, text: str) -> Iterator[str]:
    try:
        canonical(text)
    except InvalidName as problem:
        yield f"{where}: {problem}"


def _duplicate_errors(where: str, values: Iterable[str]) -> Iterator[str]:
    for value, count in Counter(values).items():
        if count > 1:
            yield f"{where}: {value!r} stands there {count} times"
