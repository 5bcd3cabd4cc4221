"""The devices that the school knows by name: which they are, and which group each belongs to.

A name and an address belong to one device. Whoever changes one says which edition of it they looked at, so that of
two people who edit the same device at once the later one is told. A device that is removed is kept for
`KEPT_DAYS`, so that it can be put back.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import ColumnElement, Select, delete, func, or_, select
from sqlalchemy.orm import Session

from appliance.central import audit
from appliance.central.devices import fields
from appliance.central.errors import NotFound, NotPossible
from appliance.central.models import DeviceRow, ProfileRow, UnblockRow
from appliance.central.page_number import find_page

MAX_DEVICES = 20_000
KEPT_DAYS = 30
PAGE_SIZE = 50
NO_GROUP = "-"  # in a search: those without a group of their own


class DeviceFields(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody says of a device, checked (`check_fields`)."""

    name: str
    addresses: tuple[str, ...] = ()
    group: str = ""  # "": none of its own; networks, rooms and the school's default decide
    note: str = ""


class KnownDevice(msgspec.Struct, frozen=True, gc=False):
    """A device as its row has it, of thousands that are read at once."""

    id: int
    name: str
    name_key: str
    addresses: str  # each between two blanks
    group: str
    note: str


class PolicyDevice(msgspec.Struct, frozen=True):
    """What of a device rooms are told."""

    name: str
    addresses: tuple[str, ...]
    group: str


class DevicePage(msgspec.Struct, frozen=True):
    """Some of the devices that were searched for."""

    devices: list[DeviceRow]
    total: int
    page: int  # from 1
    pages: int


def check_fields(session: Session, *, name: str, addresses: str, group: str = "", note: str = "") -> DeviceFields:
    """Return what was typed, as it is kept. Raises NotPossible."""
    checked = DeviceFields(
        name=fields.parse_name(name),
        addresses=fields.parse_addresses(addresses),
        group=group.strip(),
        note=fields.parse_note(note),
    )
    if not checked.addresses:
        raise NotPossible("a device needs a MAC or IP address: by it rooms know it")
    check_group(session, checked.group)
    return checked


def check_group(session: Session, group: str) -> None:
    """Raise NotPossible where there is no such group ("" stands for none)."""
    if group and session.get(ProfileRow, group) is None:
        names = ", ".join(session.scalars(select(ProfileRow.name).order_by(ProfileRow.name)))
        raise NotPossible(f"there is no group {group[:64]!r}; there are: {names}")


def join_addresses(addresses: Iterable[str]) -> str:
    """Return addresses as the table keeps them: each between two blanks, so that one can be looked for."""
    return f" {' '.join(addresses)} " if addresses else ""


def list_policy_devices(session: Session) -> list[PolicyDevice]:
    """Return what of each device rooms are told, by name."""
    found = session.execute(
        select(DeviceRow.name, DeviceRow.addresses, DeviceRow.group)
        .where(DeviceRow.removed_at.is_(None))
        .order_by(DeviceRow.name_key, DeviceRow.id)
    )
    return [PolicyDevice(name, tuple(addresses.split()), group) for name, addresses, group in found]


def list_devices(session: Session) -> list[KnownDevice]:
    """Return every device, by name. Columns, not rows: ten thousand of those take five times as long."""
    found = session.execute(
        select(
            DeviceRow.id, DeviceRow.name, DeviceRow.name_key, DeviceRow.addresses, DeviceRow.group, DeviceRow.note
        )
        .where(DeviceRow.removed_at.is_(None))
        .order_by(DeviceRow.name_key, DeviceRow.id)
    )
    return [KnownDevice(*one) for one in found]


def search_devices(session: Session, *, text: str = "", group: str = "", page: int = 1) -> DevicePage:
    """Return a page of the devices whose name, address or note holds a text, by name; those of a group alone."""
    conditions = [DeviceRow.removed_at.is_(None), *_search_conditions(text)]
    if group:
        conditions.append(DeviceRow.group == ("" if group == NO_GROUP else group))
    total = session.scalar(select(func.count()).select_from(DeviceRow).where(*conditions)) or 0
    page, pages = find_page(page, total, PAGE_SIZE)
    wanted = (
        select(DeviceRow)
        .where(*conditions)
        .order_by(DeviceRow.name_key, DeviceRow.id)
        .offset((page - 1) * PAGE_SIZE)
        .limit(PAGE_SIZE)
    )
    return DevicePage(list(session.scalars(wanted)), total, page, pages)


def count_devices_by_group(session: Session) -> dict[str, int]:
    """Return how many devices each group has; "" for those without one."""
    found = session.execute(
        select(DeviceRow.group, func.count()).where(DeviceRow.removed_at.is_(None)).group_by(DeviceRow.group)
    )
    return {group: count for group, count in found}  # noqa: C416 (rows are no pairs to mypy)


def get_device(session: Session, device_id: int) -> DeviceRow:
    """Return a device. Raises NotFound."""
    device = session.get(DeviceRow, device_id)
    if device is None:
        raise NotFound("there is no such device")
    return device


def find_device(session: Session, wanted: str) -> DeviceRow:
    """Return the device with a name, or with an address. Raises NotFound."""
    found = session.scalar(_known().where(DeviceRow.name_key == fields.name_key(wanted)))
    if found is None:
        try:
            address = fields.parse_address(wanted.strip())
        except NotPossible:
            address = ""
        found = find_device_by_address(session, address) if address else None
    if found is None:
        raise NotFound(f"there is no device {wanted[:64]!r}")
    return found


def name_of_one_device(session: Session, written: str) -> str:
    """Return how a policy names the one device that somebody means: by the name that it has, or an address.

    Raises NotFound for what is neither: nothing would be meant for it.
    """
    try:
        return fields.parse_address(written.strip())
    except NotPossible:
        return find_device(session, written).name


def find_device_by_address(session: Session, address: str) -> DeviceRow | None:
    """Return the device that has an address (in its one spelling), or None."""
    return session.scalar(_known().where(DeviceRow.addresses.contains(f" {address} ")))


def add_device(session: Session, now: datetime, wanted: DeviceFields, *, by: str) -> DeviceRow:
    """Give a device its name. Raises NotPossible where name or address belong to another one."""
    _check_free(session, wanted, None)
    count = session.scalar(select(func.count()).select_from(DeviceRow).where(DeviceRow.removed_at.is_(None))) or 0
    if count >= MAX_DEVICES:
        raise NotPossible(f"there are {MAX_DEVICES} devices already, and no more can be kept")
    _forget_removed(session, now)
    device = DeviceRow(edition=1, removed_at=None)
    write_fields(device, now, wanted, by=by)
    session.add(device)
    audit.record_audit(session, now, by, "device added", describe(wanted))
    return device


def change_device(
    session: Session, now: datetime, device_id: int, wanted: DeviceFields, *, by: str, edition: int | None = None
) -> DeviceFields:
    """Change what is known of a device; return what was before.

    Raises NotFound, or NotPossible: name or address belong to another one, or somebody changed the device since
    the `edition` that was looked at.
    """
    device = get_device(session, device_id)
    if device.removed_at is not None:
        raise NotPossible(f"{device.name} was removed by {device.changed_by} in the meantime")
    if edition is not None and edition != device.edition:
        raise NotPossible(
            f"{device.changed_by} has changed {device.name} in the meantime; look at it once more before you save"
        )
    _check_free(session, wanted, device.id)
    before = to_fields(device)
    if before != wanted:
        write_fields(device, now, wanted, by=by)
        rename_in_openings(session, now, {before.name: wanted.name})
        audit.record_audit(session, now, by, "device changed", f"{describe(before)} -> {describe(wanted)}")
    return before


def move_devices(
    session: Session, now: datetime, device_ids: Sequence[int], group: str, *, by: str, out_of: str | None = None
) -> int:
    """Put devices into a group ("": into none); return how many were moved. Raises NotPossible or NotFound.

    `out_of`: those alone that are in this group; None: whichever they are in.
    """
    check_group(session, group)
    moved = []
    for device_id in dict.fromkeys(device_ids):
        device = get_device(session, device_id)
        if device.removed_at is None and device.group != group and out_of in (None, device.group):
            write_fields(device, now, msgspec.structs.replace(to_fields(device), group=group), by=by)
            moved.append(device.name)
    if moved:
        audit.record_audit(
            session, now, by, "devices moved", f"{len(moved)} to {group or 'no group'}: {', '.join(moved[:20])}"
        )
    return len(moved)


def remove_device(session: Session, now: datetime, device_id: int, *, by: str) -> DeviceRow:
    """Forget a device, so that it is one that nobody has named. Raises NotFound."""
    device = get_device(session, device_id)
    if device.removed_at is None:
        device.removed_at = device.changed_at = now
        device.changed_by = by
        device.edition += 1
        audit.record_audit(session, now, by, "device removed", describe(to_fields(device)))
    return device


def restore_device(session: Session, now: datetime, device_id: int, *, by: str) -> DeviceRow:
    """Put a removed device back. Raises NotFound, or NotPossible: its name or address were given away since."""
    device = get_device(session, device_id)
    if device.removed_at is not None:
        wanted = to_fields(device)
        _check_free(session, wanted, device.id)
        wanted = without_lost_group(session, wanted)
        device.removed_at = None
        write_fields(device, now, wanted, by=by)
        audit.record_audit(session, now, by, "device put back", describe(wanted))
    return device


def without_lost_group(session: Session, wanted: DeviceFields) -> DeviceFields:
    """Return what a device was before, without a group where that is gone by now."""
    is_there = not wanted.group or session.get(ProfileRow, wanted.group) is not None
    return wanted if is_there else msgspec.structs.replace(wanted, group="")


def to_fields(device: DeviceRow | KnownDevice) -> DeviceFields:
    """Return what is known of a device."""
    return DeviceFields(
        name=device.name, addresses=tuple(device.addresses.split()), group=device.group, note=device.note
    )


def write_fields(device: DeviceRow, now: datetime, wanted: DeviceFields, *, by: str) -> None:
    """Put checked fields into a row, as another edition of it."""
    device.edition = (device.edition or 0) + 1
    device.name, device.name_key = wanted.name, fields.name_key(wanted.name)
    device.addresses = join_addresses(wanted.addresses)
    device.group, device.note = wanted.group, wanted.note
    device.changed_by, device.changed_at = by, now


def rename_in_openings(session: Session, now: datetime, renamed: Mapping[str, str]) -> None:
    """Let what is open for a device go with its name; `renamed`: names before, and by now."""
    for opening in session.scalars(select(UnblockRow).where(UnblockRow.until > now, UnblockRow.device != "")):
        opening.device = renamed.get(opening.device, opening.device)


def describe(device: DeviceFields) -> str:
    """Return a device in one line, for the audit."""
    return f"{device.name} ({', '.join(device.addresses)}; {device.group or 'no group'})"


def _known() -> Select[DeviceRow]:
    return select(DeviceRow).where(DeviceRow.removed_at.is_(None))


def _check_free(session: Session, wanted: DeviceFields, own_id: int | None) -> None:
    others = _known().where(DeviceRow.id != own_id) if own_id is not None else _known()
    same_name = session.scalar(others.where(DeviceRow.name_key == fields.name_key(wanted.name)))
    if same_name is not None:
        raise NotPossible(f"there is a device {same_name.name} already")
    for address in wanted.addresses:
        other = session.scalar(others.where(DeviceRow.addresses.contains(f" {address} ")))
        if other is not None:
            raise NotPossible(f"{address} belongs to {other.name} already")


def _search_conditions(text: str) -> list[ColumnElement[bool]]:
    wanted = " ".join(text.split())
    if not wanted:
        return []
    try:
        spelled = fields.parse_address(wanted)
    except NotPossible:
        spelled = wanted.lower()
    return [
        or_(
            DeviceRow.name_key.contains(fields.name_key(wanted), autoescape=True),
            DeviceRow.addresses.contains(spelled, autoescape=True),
            DeviceRow.note.icontains(wanted, autoescape=True),
        )
    ]


def _forget_removed(session: Session, now: datetime) -> None:
    session.execute(delete(DeviceRow).where(DeviceRow.removed_at < now - timedelta(days=KEPT_DAYS)))
