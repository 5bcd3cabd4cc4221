"""Devices and their groups."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from appliance.central.devices import csv_file, groups, imports, inventory, sightings
from appliance.central.devices.inventory import DeviceFields
from appliance.central.errors import NotFound, NotPossible
from appliance.central.models import DeviceRow
from appliance.script_interface import devices
from webui.api.school.call import SchoolCall, Shaped


def list_school_devices(call: SchoolCall, *, search: str, group: str, page: int) -> Any:
    """Return a page of devices."""
    found = inventory.search_devices(call.session, text=search, group=group, page=page or 1)
    return Shaped(found, devices=_devices(call.session, found.devices))


def list_unnamed_devices(call: SchoolCall, *, page: int) -> Any:
    """Return a page of devices that nobody has named."""
    found, total = sightings.list_unknown_devices(call.session, page or 1)
    return {"devices": found, "total": total, "page": page or 1}


def add_school_device(call: SchoolCall, message: devices.SentDevice) -> Any:
    """Give a device a name."""
    wanted = _checked(call.session, message)
    if call.is_preview:
        return _effects(call.session, [("", wanted.group)])
    row = inventory.add_device(call.session, call.now, wanted, by=call.by)
    call.session.flush()
    return _device(row)


def change_school_device(call: SchoolCall, message: devices.ChangedDevice, device_id: int) -> Any:
    """Set what is known of a device."""
    wanted, row = _checked(call.session, message), inventory.get_device(call.session, device_id)
    if call.is_preview:
        return _effects(call.session, [(row.group, wanted.group)])
    edition = message.edition or None
    inventory.change_device(call.session, call.now, device_id, wanted, by=call.by, edition=edition)
    return _device(row)


def remove_school_device(call: SchoolCall, *, device_id: int) -> None:
    """Forget a device."""
    inventory.remove_device(call.session, call.now, device_id, by=call.by)


def restore_school_device(call: SchoolCall, *, device_id: int) -> Any:
    """Put a removed device back."""
    return _device(inventory.restore_device(call.session, call.now, device_id, by=call.by))


def move_school_devices(call: SchoolCall, message: devices.MovedDevices) -> Any:
    """Put devices into a group."""
    inventory.check_group(call.session, message.group)
    ids = list(dict.fromkeys(message.devices))
    before = [inventory.get_device(call.session, one).group for one in ids]
    if call.is_preview:
        return _effects(call.session, [(one, message.group) for one in before])
    return {"moved": inventory.move_devices(call.session, call.now, ids, message.group, by=call.by)}


def send_school_devices(call: SchoolCall, message: devices.SentDevices) -> Any:
    """Add and change many devices, as a file of them would."""
    sent = [
        DeviceFields(name=one.name, addresses=one.addresses, group=one.group, note=one.note)
        for one in message.devices
    ]
    plan = imports.plan_import(call.session, csv_file.write_csv(sent))
    moves = [(one.before.group if one.before else "", one.wanted.group) for one in (*plan.added, *plan.changed)]
    effects = groups.preview_moves(call.session, moves)
    errors = [str(one) for one in plan.errors]
    if errors and not call.is_preview:
        raise NotPossible(f"nothing was saved: {'; '.join(errors)}")
    if not call.is_preview:
        imports.save_plan(call.session, call.now, plan, by=call.by)
    return {
        "added": len(plan.added),
        "changed": len(plan.changed),
        "unchanged": plan.unchanged,
        "errors": errors,
        "effects": effects,
    }


def list_school_groups(call: SchoolCall) -> Any:
    """Return the groups."""
    return [_group(one) for one in groups.list_groups(call.session)]


def set_group_networks(call: SchoolCall, message: devices.GroupNetworks) -> Any:
    """Say which networks belong to a group."""
    networks, only_from = ",".join(message.networks), ",".join(message.only_from)
    if call.is_preview:
        return {"effects": groups.preview_networks(call.session, message.group, networks)}
    groups.set_networks(
        call.session, call.now, message.group, networks=networks, only_from=only_from, by=call.by,
        revision=message.revision,
    )  # fmt: skip
    call.session.flush()
    found = next((one for one in groups.list_groups(call.session) if one.name == message.group), None)
    if found is None:
        raise NotFound(f"there is no group {message.group!r}")
    return _group(found)


def set_group_of_room(call: SchoolCall, message: devices.GroupOfRoom) -> Any:
    """Say to which group a room's devices belong."""
    before = groups.get_room_group(call.session, message.room)
    if call.is_preview:
        inventory.check_group(call.session, message.group)
        return {"effects": groups.preview_place(call.session, before, message.group)}
    groups.set_room_group(
        call.session, call.now, message.room, message.group, by=call.by, instead_of=message.instead_of
    )
    return {"change": "", "words": [f"it was {before or 'the default'} before"]}


def _checked(session: Session, message: devices.SentDevice) -> DeviceFields:
    return inventory.check_fields(
        session, name=message.name, addresses=",".join(message.addresses), group=message.group, note=message.note
    )


def _effects(session: Session, moves: Iterable[tuple[str, str]]) -> Any:
    return {"effects": groups.preview_moves(session, moves)}


def _group(one: groups.GroupSummary) -> Shaped:
    return Shaped(one, revision=groups.networks_revision(one.networks, one.only_from))


def _devices(session: Session, found: list[DeviceRow]) -> list[Shaped]:
    seen = sightings.find_last_seen(session, found)
    return [_device(one, seen) for one in found]


def _device(row: DeviceRow, seen: Mapping[int, tuple[datetime, str]] | None = None) -> Shaped:
    last_seen, last_room = (seen or {}).get(row.id, (None, ""))
    risks = groups.describe_device_risks(inventory.to_fields(row))
    return Shaped(row, addresses=row.addresses.split(), last_seen=last_seen, last_room=last_room, risks=risks)
