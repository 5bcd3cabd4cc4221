"""`hallpass central lookups`: ask a room what one of its devices asked for, with a reason."""

import sys
from datetime import datetime
from pathlib import Path

import click

from appliance.central import lookups, service
from appliance.central.incidents.kinds import Whose
from appliance.central.models import LookupRow
from appliance.central.room_life import require_room
from appliance.commands.answers import AnsweringGroup, add_to_answer
from appliance.commands.central_requests import school_time
from appliance.commands.options import BY, config_option, json_option, print_json
from appliance.settings.central import CentralSettings
from appliance.settings.load import load_settings

staff_option = click.option("--staff", is_flag=True, help="About staff's devices, instead of pupils'.")


def _whose(*, staff: bool) -> Whose:
    return "staff" if staff else "pupils"


def _moment(typed: str) -> datetime:
    """Return a time; one without a zone is by the school's clock, which is asked for later."""
    try:
        return datetime.fromisoformat(typed)
    except ValueError:
        raise click.BadParameter(f"{typed!r} is no time, such as 2026-11-24T10:30") from None


def _by_school(central: service.Central, moment: datetime) -> datetime:
    return school_time(central, moment) or moment if moment.tzinfo is None else moment


@click.group("lookups", cls=AnsweringGroup)
def command() -> None:
    """Ask a room what one of its devices asked for."""


@command.command()
@click.argument("room")
@click.argument("device")
@click.option("--since", required=True, help="From when on, such as 2026-11-24T10:30, by the school's clock.")
@click.option("--until", required=True, help="Until when; a day later at most.")
@click.option("--reason", required=True, help="Why; it stands in the audit, here and in the room.")
@staff_option
@config_option("central.toml")
def ask(room: str, device: str, config: Path, *, since: str, until: str, reason: str, staff: bool) -> None:
    """Ask ROOM about DEVICE, and print the number of the question."""
    first, last = _moment(since), _moment(until)
    central = service.open_central(load_settings(config, CentralSettings))
    try:
        with central.store.write_session() as session:
            asked = lookups.ask_room(
                session, central.now(), room_id=require_room(session, room).id, device=device,
                since=_by_school(central, first), until=_by_school(central, last), reason=reason,
                by=BY, whose=_whose(staff=staff),
            )  # fmt: skip
            lookup_id = asked.id
    finally:
        central.store.close()
    add_to_answer(lookup=lookup_id)
    click.echo(lookup_id)


@command.command("list")
@staff_option
@config_option("central.toml")
@json_option
def show_list(config: Path, *, staff: bool, as_json: bool) -> None:
    """Print what was asked, the newest first."""
    central = service.open_central(load_settings(config, CentralSettings))
    with central.store.read_session() as session:
        asked = [_describe(one) for one in lookups.list_lookups(session, _whose(staff=staff))]
    central.store.close()
    if as_json:
        print_json(asked)
        return
    for one in asked:
        click.echo(f"{one['id']} {one['state']:8} {one['room']} {one['device']} {one['by']}: {one['reason']}")


@command.command()
@click.argument("lookup_id", metavar="ID")
@staff_option
@config_option("central.toml")
@json_option
def show(lookup_id: str, config: Path, *, staff: bool, as_json: bool) -> None:
    """Print what the room said; ends with 1 while it has said nothing."""
    central = service.open_central(load_settings(config, CentralSettings))
    try:
        with central.store.read_session() as session:
            row = lookups.get_lookup(session, lookup_id, _whose(staff=staff))
            described, answer = _describe(row), lookups.open_answer(central.keys, row)
            zone = central.identity.current().zone
    finally:
        central.store.close()
    if as_json:
        print_json(described | {"answer": answer})
    elif answer is None:
        click.echo(f"{described['state']}{': ' if row.error else ''}{row.error}")
    for line in answer.entries if answer is not None and not as_json else ():
        at = datetime.fromtimestamp(line.second, zone)
        click.echo(
            f"{at:%Y-%m-%d %H:%M:%S} {line.verdict:9} {line.type:5} {line.name} {line.category} ({line.count})"
        )
    sys.exit(0 if answer is not None else 1)


@command.command()
@click.argument("lookup_id", metavar="ID")
@staff_option
@config_option("central.toml")
def delete(lookup_id: str, config: Path, *, staff: bool) -> None:
    """Forget what the room said, or take the question back."""
    central = service.open_central(load_settings(config, CentralSettings))
    try:
        with central.store.write_session() as session:
            lookups.delete_answer(session, central.now(), lookup_id=lookup_id, by=BY, whose=_whose(staff=staff))
    finally:
        central.store.close()


def _describe(row: LookupRow) -> dict[str, object]:
    return {
        "id": row.id, "room": row.room.name, "device": row.device, "since": row.since, "until": row.until,
        "reason": row.reason, "by": row.by, "asked": row.asked_at, "state": row.state, "error": row.error,
    }  # fmt: skip
