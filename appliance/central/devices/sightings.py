"""What rooms see on their own networks: devices that nobody has named yet, and those that imitate a named one.

A room says which MAC and IP addresses it has heard of lately. That is kept for `KEPT_DAYS`, at most
`MAX_PER_ROOM` devices of a room, so that a device with made-up addresses fills no disk.

Two things cannot be unless somebody imitates a device: an address that belongs to a named device has another MAC
address, and the MAC address of a named device is in two rooms in turn, at two addresses. Each is an incident, once
a day.
"""

import secrets
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session, joinedload

from appliance.central.devices import inventory
from appliance.central.devices.fields import is_mac, parse_address
from appliance.central.errors import NotPossible
from appliance.central.incidents.intake import add_incident
from appliance.central.incidents.kinds import IMITATED_DEVICE
from appliance.central.incidents.tables import IncidentRow
from appliance.central.models import DeviceRow, RoomRow, SeenDeviceRow
from appliance.protocol import SeenDevice, SeenDevices
from dns.policy.devices import is_random_mac

KEPT_DAYS = 7
MAX_PER_ROOM = 500
MAX_ADDRESSES = 8  # that are kept of one device
PAGE_SIZE = 50
_AT_ONCE = 500  # a statement takes only so many values
_IN_TURN = timedelta(minutes=15)  # within which a device that is carried about does not come back twice


class UnknownDevice(msgspec.Struct, frozen=True, kw_only=True):
    """A device that a room has seen, and that nobody has named."""

    mac: str
    addresses: tuple[str, ...]
    room: str
    first_seen: datetime
    last_seen: datetime
    is_random: bool  # it made up its MAC address


class Imitation(msgspec.Struct, frozen=True):
    """A device that uses the address of another one."""

    address: str
    device: str  # whose it is: its name
    words: str
    group: str = ""  # of that device


def receive_seen_devices(session: Session, now: datetime, room: RoomRow, seen: SeenDevices) -> None:
    """Take in what a room sees. Says nothing to anybody, except where somebody imitates a device."""
    found = _by_mac(seen.devices)
    if not found:
        return
    here: dict[str, SeenDeviceRow] = {
        row.mac: row
        for row in session.scalars(
            select(SeenDeviceRow).where(SeenDeviceRow.room_id == room.id, SeenDeviceRow.mac.in_(list(found)))
        )
    }
    elsewhere: dict[str, list[SeenDeviceRow]] = {}
    for other in session.scalars(
        select(SeenDeviceRow).where(SeenDeviceRow.room_id != room.id, SeenDeviceRow.mac.in_(list(found)))
    ):
        elsewhere.setdefault(other.mac, []).append(other)
    new: list[tuple[str, str]] = []
    for mac, devices in found.items():
        last_seen = now - timedelta(seconds=min(one.seconds_ago for one in devices))
        addresses = tuple(dict.fromkeys(one.address for one in devices))[:MAX_ADDRESSES]
        row = here.get(mac)
        if row is None:
            row = SeenDeviceRow(
                room_id=room.id, mac=mac, addresses="", first_seen=last_seen, last_seen=last_seen, returned_at=None
            )
            session.add(row)
        elif _is_in_turn(row, elsewhere.get(mac, ()), addresses, last_seen):
            # A router has one MAC address in every room's network; that is none which the school has named.
            owner = inventory.find_device_by_address(session, mac)
            if owner is not None:
                words = f"{mac} of {owner.name} is in two rooms at once, here at {', '.join(addresses)}"
                _report_imitation(session, now, room, Imitation(mac, owner.name, words, owner.group))
        new += [(address, mac) for address in addresses if f" {address} " not in row.addresses]
        row.addresses = inventory.join_addresses(addresses)
        row.last_seen = max(row.last_seen, last_seen)
    for imitation in _find_imitations(session, new):
        _report_imitation(session, now, room, imitation)
    session.flush()
    _forget_old(session, now, room)


def list_unknown_devices(
    session: Session, page: int = 1, page_size: int | None = PAGE_SIZE
) -> tuple[list[UnknownDevice], int]:
    """Return a page of the devices that rooms have seen and nobody has named, the latest first; and how many.

    `page_size` None: all of them.
    """
    named = {
        address
        for addresses in session.scalars(select(DeviceRow.addresses).where(DeviceRow.removed_at.is_(None)))
        for address in addresses.split()
    }
    unknown: dict[str, int] = {}  # by MAC address, the room that saw it last
    rows = session.execute(  # nothing that is not needed: there may be fifty thousand
        select(SeenDeviceRow.mac, SeenDeviceRow.addresses, SeenDeviceRow.room_id).order_by(
            SeenDeviceRow.last_seen.desc()
        )
    )
    for mac, text, room_id in rows:
        if mac not in named and mac not in unknown and named.isdisjoint(text.split()):
            unknown[mac] = room_id
    start = 0 if page_size is None else (max(1, page) - 1) * page_size
    shown = list(unknown.items())[start : None if page_size is None else start + page_size]
    return _read_unknown(session, shown), len(unknown)


def _read_unknown(session: Session, shown: list[tuple[str, int]]) -> list[UnknownDevice]:
    """Return what is known of some devices, each as one room has seen it."""
    found: dict[tuple[str, int], UnknownDevice] = {}
    for some in (shown[at : at + _AT_ONCE] for at in range(0, len(shown), _AT_ONCE)):
        rows = session.execute(
            select(SeenDeviceRow, RoomRow.name)
            .join(RoomRow, RoomRow.id == SeenDeviceRow.room_id)
            .where(SeenDeviceRow.mac.in_([mac for mac, _ in some]))
        )
        for row, room in rows:
            found[row.mac, row.room_id] = UnknownDevice(
                mac=row.mac, addresses=tuple(row.addresses.split()), room=room, first_seen=row.first_seen,
                last_seen=row.last_seen, is_random=is_random_mac(row.mac),
            )  # fmt: skip
    return [found[one] for one in shown]


def find_last_seen(session: Session, devices: Iterable[DeviceRow]) -> dict[int, tuple[datetime, str]]:
    """Return when devices were seen last, and in which room; of those that any room has seen."""
    owners = {address: one.id for one in devices for address in one.addresses.split() if is_mac(address)}
    found: dict[int, tuple[datetime, str]] = {}
    for row in session.scalars(
        select(SeenDeviceRow)
        .where(SeenDeviceRow.mac.in_(list(owners)))
        .options(joinedload(SeenDeviceRow.room))
        .order_by(SeenDeviceRow.last_seen)
    ):
        found[owners[row.mac]] = (row.last_seen, row.room.name)
    return found


def _by_mac(devices: Iterable[SeenDevice]) -> dict[str, list[SeenDevice]]:
    """Return what is of one device each; what is no address of one device is passed over."""
    found: dict[str, list[SeenDevice]] = {}
    for one in sorted(devices, key=lambda one: one.seconds_ago):
        try:
            mac, address = parse_address(one.mac), parse_address(one.address)
        except NotPossible:
            continue
        if is_mac(mac) and not is_mac(address):
            found.setdefault(mac, []).append(msgspec.structs.replace(one, mac=mac, address=address))
    return found


def _is_in_turn(
    here: SeenDeviceRow, elsewhere: Sequence[SeenDeviceRow], addresses: tuple[str, ...], last_seen: datetime
) -> bool:
    """Note that a device is back from another room; tell whether that room has had it back as well.

    Who carries a tablet from room to room comes back once. Rooms that share a network see the same device at the
    same address.
    """
    for other in elsewhere:
        was_away = here.last_seen < other.last_seen < last_seen and last_seen - here.last_seen < _IN_TURN
        if was_away and not set(addresses) & set(other.addresses.split()):
            here.returned_at = last_seen
            return other.returned_at is not None and last_seen - other.returned_at < _IN_TURN
    return False


def _find_imitations(session: Session, new: Sequence[tuple[str, str]]) -> Iterator[Imitation]:
    """Yield addresses that belong to a named device, and have a MAC address which is none of its own."""
    if not new:
        return
    owners = {address: one for one in inventory.list_policy_devices(session) for address in one.addresses}
    for address, mac in new:
        owner = owners.get(address)
        if owner is not None and mac not in owner.addresses and any(map(is_mac, owner.addresses)):
            words = f"{address} belongs to {owner.name}, and {mac} has it, which is none of its own"
            yield Imitation(address, owner.name, words, owner.group)


def _report_imitation(session: Session, now: datetime, room: RoomRow, imitation: Imitation) -> None:
    today = select(IncidentRow.evidence).where(
        IncidentRow.kind == IMITATED_DEVICE,
        IncidentRow.device == imitation.device,
        IncidentRow.happened_at >= now.replace(hour=0, minute=0, second=0, microsecond=0),
    )
    if any(evidence[0].startswith(f"{imitation.address} ") for evidence in session.scalars(today)):
        return  # once a day
    # Its id is central's own: one that could be foreseen, a room could take for something else, before the time.
    add_incident(
        session, now, room, incident_id=secrets.token_hex(16), kind=IMITATED_DEVICE, happened_at=now,
        device=imitation.device, group=imitation.group, evidence=(imitation.words,),
    )  # fmt: skip


def _forget_old(session: Session, now: datetime, room: RoomRow) -> None:
    session.execute(delete(SeenDeviceRow).where(SeenDeviceRow.last_seen < now - timedelta(days=KEPT_DAYS)))
    of_room = SeenDeviceRow.room_id == room.id
    if (session.scalar(select(func.count()).select_from(SeenDeviceRow).where(of_room)) or 0) > MAX_PER_ROOM:
        newest = (
            select(SeenDeviceRow.mac).where(of_room).order_by(SeenDeviceRow.last_seen.desc()).limit(MAX_PER_ROOM)
        )
        kept = list(session.scalars(newest))
        session.execute(delete(SeenDeviceRow).where(of_room, SeenDeviceRow.mac.not_in(kept)))
