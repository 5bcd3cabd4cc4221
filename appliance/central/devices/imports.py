"""Devices from a file: looked at first (`plan_import`), then saved whole, or not at all.

A line means the device of that name, or of one of its addresses, where there is one, and a new one otherwise. None
is removed because a file leaves it out. What is saved is planned once more in the transaction that saves it: where
that is another plan than was shown, because somebody changed devices meanwhile, nothing is saved.
"""

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from appliance.central import audit
from appliance.central.devices import csv_file, inventory
from appliance.central.devices.csv_file import CsvRow, LineError
from appliance.central.devices.fields import name_key, parse_addresses, parse_name, parse_note
from appliance.central.devices.inventory import MAX_DEVICES, DeviceFields
from appliance.central.errors import NotFound, NotPossible
from appliance.central.models import DeviceImportRow, DeviceRow, ProfileRow

KEPT_HOURS = 24  # a file that somebody looked at and did not save
_MAX_ERRORS = 200


class PlannedChange(msgspec.Struct, frozen=True):
    """What a file does to one device."""

    line: int
    wanted: DeviceFields
    device_id: int | None = None  # None: it is new
    before: DeviceFields | None = None


class ImportPlan(msgspec.Struct, frozen=True):
    """What a file would do."""

    added: tuple[PlannedChange, ...] = ()
    changed: tuple[PlannedChange, ...] = ()
    unchanged: int = 0
    errors: tuple[LineError, ...] = ()  # where there is one, nothing can be saved

    @property
    def digest(self) -> str:
        """The same for plans that do the same."""
        return hashlib.sha256(msgspec.json.encode((self.added, self.changed, self.errors))).hexdigest()


class _Saved(msgspec.Struct, frozen=True):
    """A device that a file has changed."""

    device_id: int
    edition: int  # that it has since: another one, and somebody has changed it again
    before: DeviceFields | None  # None: it was new


class _Known:
    """The devices that there are, by what a line may name them."""

    def __init__(self, session: Session) -> None:
        devices = inventory.list_devices(session)
        self.by_name = {device.name_key: device for device in devices}
        self.by_address = {address: device for device in devices for address in device.addresses.split()}
        self.groups = set(session.scalars(select(ProfileRow.name)))
        self.count = len(devices)


def plan_import(session: Session, text: str) -> ImportPlan:
    """Return what a file would do. Reads, and changes nothing."""
    rows, errors = csv_file.read_csv(text)
    if not rows and not errors:
        errors = [LineError(0, "the file names no device")]
    known = _Known(session)
    planned: list[PlannedChange] = []
    for row in rows:
        try:
            planned.append(_plan_row(row, known))
        except NotPossible as problem:
            errors.append(LineError(row.line, str(problem)))
    errors += _find_conflicts(planned)
    added = tuple(one for one in planned if one.device_id is None)
    if known.count + len(added) > MAX_DEVICES:
        errors.append(LineError(0, f"these would be more than {MAX_DEVICES} devices"))
    return ImportPlan(
        added=added,
        changed=tuple(one for one in planned if one.before is not None and one.before != one.wanted),
        unchanged=sum(one.before == one.wanted for one in planned),
        errors=tuple(sorted(errors, key=lambda one: one.line)[:_MAX_ERRORS]),
    )


def save_plan(session: Session, now: datetime, plan: ImportPlan, *, by: str) -> "list[_Saved]":
    """Do what a plan, made in this very transaction, says. Raises NotPossible where it has mistakes.

    Returns what takes it back.
    """
    if plan.errors:
        raise NotPossible(f"nothing was saved: {plan.errors[0]}")
    saved: list[tuple[DeviceRow, DeviceFields | None]] = []
    for one in plan.changed:
        device = session.get_one(DeviceRow, one.device_id)
        inventory.write_fields(device, now, one.wanted, by=by)
        saved.append((device, one.before))
    for one in plan.added:
        device = DeviceRow(edition=0, removed_at=None)
        inventory.write_fields(device, now, one.wanted, by=by)
        session.add(device)
        saved.append((device, None))
    session.flush()
    inventory.rename_in_openings(
        session, now, {one.before.name: one.wanted.name for one in plan.changed if one.before is not None}
    )
    if plan.added or plan.changed:
        names = ", ".join(one.wanted.name for one in (*plan.added, *plan.changed)[:20])
        audit.record_audit(
            session, now, by, "devices imported", f"{len(plan.added)} new, {len(plan.changed)} changed: {names}"
        )
    return [_Saved(device.id, device.edition, before) for device, before in saved]


def keep_import(session: Session, now: datetime, content: bytes, *, by: str) -> str:
    """Keep a file that is to be looked at; return its id. Raises NotPossible where it is no text."""
    text = csv_file.decode_csv(content)
    session.execute(delete(DeviceImportRow).where(DeviceImportRow.made_at < now - timedelta(hours=KEPT_HOURS)))
    kept = DeviceImportRow(id=secrets.token_hex(16), content=text, by=by, made_at=now)
    session.add(kept)
    return kept.id


def get_import(session: Session, import_id: str) -> DeviceImportRow:
    """Return a file that was kept. Raises NotFound: it was saved, thrown away, or is a day old."""
    found = session.get(DeviceImportRow, import_id)
    if found is None or found.undo:
        raise NotFound("that file was saved or thrown away already; choose it once more")
    return found


def save_import(session: Session, now: datetime, import_id: str, shown: str, *, by: str) -> ImportPlan:
    """Save a kept file where it still does what was shown (`ImportPlan.digest`). Raises NotFound, NotPossible."""
    kept = get_import(session, import_id)
    plan = plan_import(session, kept.content)
    if plan.digest != shown:
        raise NotPossible(
            "somebody has changed devices in the meantime, so nothing was saved; look at it once more"
        )
    kept.undo = msgspec.json.encode(save_plan(session, now, plan, by=by)).decode()
    kept.content = ""
    return plan


def undo_import(session: Session, now: datetime, import_id: str, *, by: str) -> tuple[int, int]:
    """Take back what a file has done; return how many devices are as before, and how many were changed since.

    Those stay as they are. Raises NotFound: it was taken back already, or is a day old.
    """
    kept = session.get(DeviceImportRow, import_id)
    if kept is None or not kept.undo:
        raise NotFound("that file can no longer be taken back")
    undone, renamed = 0, dict[str, str]()
    changes = msgspec.json.decode(kept.undo, type=list[_Saved])
    known = _Known(session)
    for one in changes:
        device = session.get(DeviceRow, one.device_id)
        if device is None or device.edition != one.edition or (one.before and not _is_free(one, known)):
            continue
        if one.before is None:
            inventory.remove_device(session, now, device.id, by=by)
        else:
            renamed[device.name] = one.before.name
            inventory.write_fields(device, now, inventory.without_lost_group(session, one.before), by=by)
        undone += 1
    inventory.rename_in_openings(session, now, renamed)
    session.delete(kept)
    audit.record_audit(session, now, by, "devices import taken back", f"{undone} of {len(changes)}")
    return undone, len(changes) - undone


def drop_import(session: Session, import_id: str) -> None:
    """Throw a kept file away, if it is still there."""
    session.execute(delete(DeviceImportRow).where(DeviceImportRow.id == import_id))


def _is_free(one: _Saved, known: _Known) -> bool:
    """Tell whether name and addresses of before belong to nobody else by now."""
    if one.before is None:
        return True
    owners = [known.by_name.get(name_key(one.before.name)), *map(known.by_address.get, one.before.addresses)]
    return all(owner is None or owner.id == one.device_id for owner in owners)


def _plan_row(row: CsvRow, known: _Known) -> PlannedChange:
    name, addresses = parse_name(row.name), parse_addresses(row.addresses)
    named = known.by_name.get(name_key(name))
    owners = {known.by_address[one].id: known.by_address[one] for one in addresses if one in known.by_address}
    if named is not None:
        owners[named.id] = named
    if len(owners) > 1:
        raise NotPossible(
            f"{name} and its addresses belong to several devices: {', '.join(one.name for one in owners.values())}"
        )
    device = next(iter(owners.values()), None)
    if device is None and not addresses:
        raise NotPossible("a new device needs a MAC or IP address")
    if row.group and row.group not in known.groups:
        raise NotPossible(f"there is no group {row.group[:64]!r}; there are: {', '.join(sorted(known.groups))}")
    before = inventory.to_fields(device) if device is not None else None
    note = None if row.note is None else parse_note(row.note)
    wanted = DeviceFields(
        name=name,
        addresses=addresses or (before.addresses if before is not None else ()),
        group=row.group if row.group is not None else (before.group if before is not None else ""),
        note=note if note is not None else (before.note if before is not None else ""),
    )
    return PlannedChange(row.line, wanted, device.id if device is not None else None, before)


def _find_conflicts(planned: Iterable[PlannedChange]) -> list[LineError]:
    """Return what lines contradict in each other."""
    errors = []
    lines: dict[tuple[str, str], int] = {}
    for one in planned:
        keys = [("name", name_key(one.wanted.name), one.wanted.name)]
        keys += [("address", address, address) for address in one.wanted.addresses]
        if one.before is not None:
            keys.append(("device", str(one.device_id), one.before.name))
        twice = next(((word, lines[kind, key]) for kind, key, word in keys if (kind, key) in lines), None)
        if twice is not None:
            errors.append(LineError(one.line, f"{twice[0]} stands in line {twice[1]} already"))
        lines |= {(kind, key): one.line for kind, key, _ in keys}
    return errors
