"""`hallpass central devices`: the school's devices, their names and their groups."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click
import msgspec
from sqlalchemy.orm import Session

from appliance.central import service
from appliance.central.devices import csv_file, groups, imports, inventory, sightings
from appliance.central.devices.imports import ImportPlan, PlannedChange
from appliance.central.devices.inventory import DeviceFields
from appliance.commands.answers import AnsweringGroup, add_to_answer
from appliance.commands.options import BY, config_option, json_option, print_json
from appliance.errors import HallpassError
from appliance.settings.central import CentralSettings
from appliance.settings.load import load_settings

_SHOWN = 20  # changes of a file that are listed before "and ... more"


@click.group(cls=AnsweringGroup)
def devices() -> None:
    """Give devices names, and put them into groups: by device, by network, by room."""


@devices.command("list")
@click.option("--search", default="", help="Only those whose name, address or note holds this.")
@click.option("--group", default="", help='Only those of this group; "-": those without one of their own.')
@config_option("central.toml")
@json_option
def list_command(search: str, group: str, config: Path, *, as_json: bool) -> None:
    """List the devices that have a name."""
    with _open(config) as (central, session):
        found = []
        pages = page = 1
        while page <= pages:
            part = inventory.search_devices(session, text=search, group=group, page=page)
            found += [inventory.to_fields(device) for device in part.devices]
            pages, page = part.pages, page + 1
        del central
    if as_json:
        print_json(found)
        return
    for one in found:
        click.echo(f"{one.name}\t{' '.join(one.addresses)}\t{one.group or '-'}\t{one.note}".rstrip())


@devices.command()
@config_option("central.toml")
@json_option
def unknown(config: Path, *, as_json: bool) -> None:
    """List the devices that rooms have seen in the last week, and that have no name."""
    with _open(config) as (_, session):
        found = sightings.list_unknown_devices(session, page_size=None)[0]
    if as_json:
        print_json(found)
        return
    for one in found:
        made_up = "\tmade up by the device" if one.is_random else ""
        click.echo(
            f"{one.mac}\t{' '.join(one.addresses)}\t{one.room}\t{one.last_seen:%Y-%m-%d %H:%M} UTC{made_up}"
        )


@devices.command()
@click.argument("name")
@click.argument("addresses", nargs=-1, required=True)
@click.option("--group", default="", help="The group that it belongs to.")
@click.option("--note", default="", help="What else should be known of it.")
@config_option("central.toml")
def add(name: str, addresses: tuple[str, ...], group: str, note: str, config: Path) -> None:
    """Give the device with these MAC or IP ADDRESSES the name NAME."""
    with _open(config, is_writing=True) as (central, session):
        wanted = inventory.check_fields(session, name=name, addresses=",".join(addresses), group=group, note=note)
        added = inventory.add_device(session, central.now(), wanted, by=BY)
    add_to_answer(device=added.id)
    click.echo(f"added: {inventory.describe(wanted)}")
    for risk in groups.describe_device_risks(wanted):
        click.echo(risk, err=True)


@devices.command()
@click.argument("device")
@click.argument("name")
@config_option("central.toml")
def rename(device: str, name: str, config: Path) -> None:
    """Give DEVICE (its name, or an address of it) another NAME."""
    with _open(config, is_writing=True) as (central, session):
        found = inventory.find_device(session, device)
        before = inventory.to_fields(found)
        wanted = inventory.check_fields(
            session, name=name, addresses=" ".join(before.addresses), group=before.group, note=before.note
        )
        inventory.change_device(session, central.now(), found.id, wanted, by=BY)
    add_to_answer(device=found.id)
    click.echo(f"renamed: {before.name} -> {wanted.name}")


@devices.command()
@click.argument("devices", metavar="DEVICE...", nargs=-1, required=True)
@click.option("--group", required=True, help='The group that they belong to; "" for none of their own.')
@click.option("--preview", is_flag=True, help="Say what they would see more or less, and change nothing.")
@config_option("central.toml")
def move(devices: tuple[str, ...], group: str, config: Path, *, preview: bool) -> None:
    """Put each DEVICE (its name, or an address of it) into a group."""
    with _open(config, is_writing=not preview) as (central, session):
        found = [inventory.find_device(session, one) for one in devices]
        inventory.check_group(session, group)
        effects = groups.preview_moves(session, [(one.group, group) for one in found])
        add_to_answer(effects=effects)
        _print_effects(effects)
        if preview:
            return
        moved = inventory.move_devices(session, central.now(), [one.id for one in found], group, by=BY)
    add_to_answer(moved=moved)
    click.echo(f"moved: {moved}")


@devices.command()
@click.argument("device")
@config_option("central.toml")
def remove(device: str, config: Path) -> None:
    """Forget DEVICE (its name, or an address of it): it is one that nobody has named again."""
    with _open(config, is_writing=True) as (central, session):
        found = inventory.find_device(session, device)
        inventory.remove_device(session, central.now(), found.id, by=BY)
        words = inventory.describe(inventory.to_fields(found))
    add_to_answer(device=found.id)
    click.echo(f"removed: {words}; undo with: hallpass central devices restore {found.id}")


@devices.command()
@click.argument("number", type=click.IntRange(1, 2**31 - 1))
@config_option("central.toml")
def restore(number: int, config: Path) -> None:
    """Put a removed device back, by the NUMBER that `remove` printed, within a month."""
    with _open(config, is_writing=True) as (central, session):
        found = inventory.restore_device(session, central.now(), number, by=BY)
        words = inventory.describe(inventory.to_fields(found))
    add_to_answer(device=number)
    click.echo(f"back: {words}")


@devices.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--preview", is_flag=True, help="Say what the file would do, and save nothing.")
@config_option("central.toml")
@json_option
def import_command(file: Path, config: Path, *, preview: bool, as_json: bool) -> None:
    """Take in the devices in the CSV file FILE: all of them, or where one line is wrong none.

    Its first line names the columns: name, mac, address, group, note. Devices that it does not name stay.
    """
    text = csv_file.decode_csv(file.read_bytes())
    with _open(config, is_writing=not preview) as (central, session):
        plan = imports.plan_import(session, text)
        if not preview and not plan.errors:
            imports.save_plan(session, central.now(), plan, by=BY)
    if as_json:
        print_json({"saved": not preview and not plan.errors, **msgspec.to_builtins(plan)})
    else:
        _print_plan(plan, is_saved=not preview)
    sys.exit(1 if plan.errors else 0)


@devices.command(cls=click.Command)
@config_option("central.toml")
def export(config: Path) -> None:
    """Print all devices as a CSV file, safe to open in a spreadsheet, which `import` reads."""
    with _open(config) as (_, session):
        found = [inventory.to_fields(device) for device in inventory.list_devices(session)]
    click.echo(csv_file.write_csv(found), nl=False)


@devices.command()
@click.argument("name", default="")
@click.option("--networks", help='The networks whose devices belong to it, separated by commas; "": none.')
@click.option("--only-from", help='The networks outside which no device counts as one of it; "": everywhere.')
@click.option(
    "--room", "room", metavar="ROOM", help="The devices of ROOM belong to it, unless they are in another."
)
@click.option("--not-room", metavar="ROOM", help="The devices of ROOM belong to the school's default group again.")
@config_option("central.toml")
@json_option
def group(
    *,
    name: str,
    networks: str | None,
    only_from: str | None,
    room: str | None,
    not_room: str | None,
    config: Path,
    as_json: bool,
) -> None:
    """Show the groups, or say which networks and rooms belong to the group NAME."""
    is_writing = any(option is not None for option in (networks, only_from, room, not_room))
    if is_writing and not name:
        raise click.UsageError("which group?")
    with _open(config, is_writing=is_writing) as (central, session):
        if networks is not None or only_from is not None:
            found = next((one for one in groups.list_groups(session) if one.name == name), None)
            if found is None:
                raise HallpassError(f"there is no group {name[:64]!r}")
            groups.set_networks(
                session, central.now(), name, by=BY,
                networks=",".join(found.networks) if networks is None else networks,
                only_from=",".join(found.only_from) if only_from is None else only_from,
            )  # fmt: skip
        if room is not None:
            groups.set_room_group(session, central.now(), room, name, by=BY)
        if not_room is not None:
            groups.set_room_group(session, central.now(), not_room, "", by=BY)
        session.flush()
        shown = [one for one in groups.list_groups(session) if name in ("", one.name)]
    if not shown:
        raise HallpassError(f"there is no group {name[:64]!r}")
    if as_json:
        print_json(shown)
        return
    for one in shown:
        _print_group(one)


@contextmanager
def _open(config: Path, *, is_writing: bool = False) -> Iterator[tuple[service.Central, Session]]:
    central = service.open_central(load_settings(config, CentralSettings))
    try:
        with central.store.write_session() if is_writing else central.store.read_session() as session:
            yield central, session
    finally:
        central.store.close()


def _print_plan(plan: ImportPlan, *, is_saved: bool) -> None:
    for error in plan.errors:
        click.echo(str(error), err=True)
    if plan.errors:
        click.echo("nothing was saved", err=True)
        return
    for words, changes in (("new", plan.added), ("changed", plan.changed)):
        for change in changes[:_SHOWN]:
            click.echo(f"{words}: {_describe_change(change)}")
        if len(changes) > _SHOWN:
            click.echo(f"{words}: and {len(changes) - _SHOWN} more")
    click.echo(
        f"{'saved' if is_saved else 'preview'}: {len(plan.added)} new, {len(plan.changed)} changed, "
        f"{plan.unchanged} as before"
    )


def _describe_change(change: PlannedChange) -> str:
    before: DeviceFields | None = change.before
    said = inventory.describe(change.wanted)
    return f"{inventory.describe(before)} -> {said}" if before is not None else said


def _print_effects(effects: Sequence[groups.GroupEffect]) -> None:
    for one in effects:
        click.echo(f"{one.devices} from {one.before} to {one.after}")
        for label, what in (("opens", one.opens), ("closes", one.closes), ("besides", one.other)):
            if what:
                click.echo(f"  {label}: {', '.join(what)}")


def _print_group(one: groups.GroupSummary) -> None:
    click.echo(f"{one.name}{' (the default)' if one.is_default else ''}: {one.devices} devices")
    for label, texts in (("networks", one.networks), ("only from", one.only_from), ("rooms", one.rooms)):
        if texts:
            click.echo(f"  {label}: {', '.join(texts)}")
    for risk in one.risks:
        click.echo(f"  {risk}")
