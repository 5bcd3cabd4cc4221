"""Groups of devices: by name, by network, by room. Each profile has the group of the same name.

Who is in no group, and in no network of one, belongs to the room's group or to the school's default. A MAC address
can be imitated by anybody: a group that may see more than the default is bound to networks (`only_from`), or
`describe_risks` says what that means. Devices that nobody has named, phones with made-up MAC addresses among them,
should get the strictest profile of the school; where the default is another, that is said too.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable
from datetime import datetime

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from appliance.central import audit
from appliance.central.devices import fields, inventory
from appliance.central.devices.inventory import DeviceFields
from appliance.central.errors import NotFound, NotPossible
from appliance.central.models import ProfileRow, RoomRow
from appliance.central.profiles import list_profiles
from appliance.central.room_life import require_room
from dns.policy.devices import canonical_mac, is_random_mac, parse_networks


class GroupSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A group, and who is in it."""

    name: str
    devices: int
    networks: tuple[str, ...]
    only_from: tuple[str, ...]
    rooms: tuple[str, ...]  # whose devices belong to it unless they are in another
    is_default: bool
    opens: tuple[str, ...]  # categories that are open to it, and closed to the default group
    risks: tuple[str, ...]  # in words


class GroupEffect(msgspec.Struct, frozen=True, kw_only=True):
    """What devices may see more or less when they come from one group into another."""

    devices: int  # 0: nobody knows how many, for they are those of a network or a room
    before: str
    after: str
    opens: tuple[str, ...]  # categories
    closes: tuple[str, ...]
    other: tuple[str, ...]  # in words


def preview_moves(session: Session, moves: Iterable[tuple[str, str]]) -> list[GroupEffect]:
    """Return what devices would see more or less; `moves`: of each device its group before and after ("": none).

    A device without a group of its own is taken for one of the default group: networks and rooms do not count.
    """
    found = list_profiles(session)
    default = next((one for one in found if one.is_default), found[0])
    by_name = {one.name: one for one in found}
    counts = Counter(moves)
    effects = []
    for (before, after), devices in sorted(counts.items()):
        old, new = by_name.get(before, default), by_name.get(after, default)
        effect = GroupEffect(
            devices=devices, before=old.name, after=new.name, opens=opened_categories(new, old),
            closes=opened_categories(old, new), other=_other_differences(old, new),
        )  # fmt: skip
        if effect.opens or effect.closes or effect.other:
            effects.append(effect)
    return effects


def preview_place(session: Session, before: str, after: str) -> list[GroupEffect]:
    """Return what devices of a network or a room would see more or less when it goes from one group to another."""
    return [msgspec.structs.replace(one, devices=0) for one in preview_moves(session, [(before, after)])]


def preview_networks(session: Session, group: str, networks: str) -> list[GroupEffect]:
    """Return what it changes when just these networks belong to a group. Raises NotPossible or NotFound."""
    found = session.get(ProfileRow, group)
    if found is None:
        raise NotFound(f"there is no group {group[:64]!r}")
    wanted, known = set(fields.parse_network_list(networks)), set(found.members)
    coming = preview_place(session, "", group) if wanted - known else []
    going = preview_place(session, group, "") if known - wanted else []
    return coming + going


def _other_differences(old: ProfileRow, new: ProfileRow) -> tuple[str, ...]:
    differences = (
        (old.safe_search, new.safe_search, "safe search"),
        (old.keywords, new.keywords, "closing by words in names"),
    )
    return tuple(
        f"{words} {'begins' if after else 'ends'}" for before, after, words in differences if before != after
    )


def list_groups(session: Session) -> list[GroupSummary]:
    """Return every group, the default one first."""
    found = list_profiles(session)
    counts = inventory.count_devices_by_group(session)
    default = next((one for one in found if one.is_default), found[0])
    rooms: dict[str, list[str]] = {}
    for name, group in session.execute(
        select(RoomRow.name, RoomRow.default_group).where(RoomRow.default_group != "").order_by(RoomRow.name)
    ):
        rooms.setdefault(group, []).append(name)
    strictest = find_strictest(found)
    return [
        GroupSummary(
            name=one.name,
            devices=counts.get(one.name, 0),
            networks=tuple(one.members),
            only_from=tuple(one.only_from),
            rooms=tuple(rooms.get(one.name, ())),
            is_default=one is default,
            opens=opened_categories(one, default),
            risks=describe_risks(one, default, strictest, has_devices=bool(counts.get(one.name))),
        )
        for one in found
    ]


def find_strictest(found: Iterable[ProfileRow]) -> ProfileRow:
    """Return the profile that closes most; the default one where several close as much."""
    return max(found, key=lambda one: (len(one.closed), one.safe_search, one.keywords, one.is_default))


def opened_categories(profile: ProfileRow, default: ProfileRow) -> tuple[str, ...]:
    """Return the categories that are open to a group, and closed to the default one."""
    return tuple(sorted(set(default.closed) - set(profile.closed)))


def has_more_rights(profile: ProfileRow, default: ProfileRow) -> bool:
    """Tell whether a group may see anything that the default one may not."""
    is_laxer = (default.safe_search and not profile.safe_search) or (default.keywords and not profile.keywords)
    return bool(opened_categories(profile, default)) or is_laxer


def describe_risks(
    profile: ProfileRow, default: ProfileRow, strictest: ProfileRow, *, has_devices: bool
) -> tuple[str, ...]:
    """Return what the school should know of a group."""
    risks = []
    if has_devices and not profile.only_from and has_more_rights(profile, default):
        risks.append(
            "These devices may see more than others, and are known by their address alone, which can be imitated. "
            "Say on which network they are, and they count only there."
        )
    if profile is default and strictest is not default and has_more_rights(default, strictest):
        risks.append(
            f"Devices that nobody has named belong here, and {strictest.name} closes more. The safest default is "
            "the group that closes most."
        )
    return tuple(risks)


def describe_device_risks(device: DeviceFields) -> tuple[str, ...]:
    """Return what the school should know of a device."""
    random = [one for one in device.addresses if canonical_mac(one) and is_random_mac(one)]
    if not random:
        return ()
    words = (
        f"{random[0]} is an address that the device made up itself, as phones do on each network; when it makes "
        "up another, the device is unknown again. Switch off its “private address” for the school's network."
    )
    return (words,)


def networks_revision(networks: Iterable[str], only_from: Iterable[str]) -> str:
    """Return what names the networks of a group: another one after every change."""
    return hashlib.sha256(msgspec.json.encode((list(networks), list(only_from)))).hexdigest()[:16]


def get_revision(session: Session, group: str) -> str:
    """Return what names the networks that a group has now; "" where there is none."""
    found = session.get(ProfileRow, group)
    return networks_revision(found.members, found.only_from) if found is not None else ""


def set_networks(
    session: Session, now: datetime, group: str, *, networks: str, only_from: str, by: str, revision: str = ""
) -> tuple[str, str]:
    """Say which networks belong to a group, and on which alone its devices count. Returns what was before.

    `revision`: of the networks that the caller started from; "" where none were looked at. Raises NotFound, or
    NotPossible: no network, one of another group, or somebody changed them meanwhile.
    """
    found = session.get(ProfileRow, group)
    if found is None:
        raise NotFound(f"there is no group {group[:64]!r}")
    members, bounds = fields.parse_network_list(networks), fields.parse_network_list(only_from)
    for network in members:
        _check_network(session, network, group)
    before = ("\n".join(found.members), "\n".join(found.only_from))
    if (members, bounds) != (tuple(found.members), tuple(found.only_from)):
        if revision and revision != networks_revision(found.members, found.only_from):
            raise NotPossible(f"nothing was saved: somebody has changed the networks of {group} in the meantime")
        found.members, found.only_from = list(members), list(bounds)
        where = f"on {', '.join(bounds)}" if bounds else "everywhere"
        said = f"{', '.join(members) or 'none'}; devices count {where}"
        audit.record_audit(session, now, by, f"networks of {group}", said)
    return before


def get_room_group(session: Session, room: str) -> str:
    """Return the group that a room's devices belong to ("": the school's default). Raises NotFound."""
    return require_room(session, room).default_group


def set_room_group(
    session: Session, now: datetime, room: str, group: str, *, by: str, instead_of: str | None = None
) -> str:
    """Say to which group the devices of a room belong unless they are in another ("": the school's default).

    Returns what was before. `instead_of`: what the caller saw there; None where nothing was looked at. Raises
    NotFound or NotPossible.
    """
    found = require_room(session, room)
    inventory.check_group(session, group)
    before = found.default_group
    if before != group:
        if instead_of is not None and before != instead_of:
            where = before or "the default group"
            raise NotPossible(f"nothing was saved: {room} belongs to {where} by now, somebody has put it there")
        found.default_group = group
        audit.record_audit(session, now, by, "group of a room", f"{found.name}: {group or 'the default'}")
    return before


def list_empty_groups(session: Session) -> frozenset[str]:
    """Return the groups in which no device can be: none is named, no network, no room, and not the default."""
    return frozenset(
        one.name
        for one in list_groups(session)
        if not (one.devices or one.networks or one.rooms or one.is_default)
    )


def _check_network(session: Session, network: str, group: str) -> None:
    if parse_networks(network)[0].prefixlen == 0:
        raise NotPossible(f"{network} is every address that there is")
    for other in session.scalars(select(ProfileRow).where(ProfileRow.name != group)):
        if network in other.members:
            raise NotPossible(f"{network} belongs to {other.name} already")
