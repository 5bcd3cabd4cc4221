"""`hallpass central incidents`: what the safeguarding lead sees on the page, for a school's own programs.

Whoever reads central's settings and database has every right; `--staff` asks for the incidents of staff's devices.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import reduce
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec
from sqlalchemy.orm import Session

from appliance.central import service
from appliance.central.incidents import export, states
from appliance.central.incidents.kinds import AUTHORITIES, STATE_WORDS, Whose, kind_of
from appliance.central.incidents.search import (
    SHOWN,
    IncidentDetails,
    IncidentFilter,
    Shown,
    list_groups,
    read_details,
)
from appliance.central.incidents.states import StateChange
from appliance.central.incidents.tables import IncidentGroupRow
from appliance.commands.answers import AnsweringGroup, add_to_answer
from appliance.commands.options import BY, config_option, json_option, print_json
from appliance.settings.central import CentralSettings
from appliance.settings.load import load_settings

F = TypeVar("F", bound=Callable[..., object])

staff_option = click.option("--staff", is_flag=True, help="Of staff's devices, instead of pupils'.")


class ShownGroup(msgspec.Struct, frozen=True, kw_only=True):
    """A group of incidents as programs see it."""

    id: str
    room: str
    kind: str
    device: str
    first: datetime
    last: datetime
    count: int
    unseen: int
    state: str
    due: datetime
    assigned_to: str
    referred_to: str
    referred_on: str
    outcome: str
    held_by: str
    changed_by: str

    @classmethod
    def from_row(cls, row: IncidentGroupRow) -> "ShownGroup":
        """Return what a row says."""
        return cls(
            id=row.id, room=row.room.name, kind=row.kind, device=row.device, first=row.first_at, last=row.last_at,
            count=row.count, unseen=row.unseen, state=row.state, due=row.due_at, assigned_to=row.assigned_to,
            referred_to=row.referred_to, referred_on=row.referred_on.isoformat() if row.referred_on else "",
            outcome=row.outcome, held_by=row.held_by, changed_by=row.changed_by,
        )  # fmt: skip


@contextmanager
def _session(config: Path) -> Iterator[tuple[Session, datetime]]:
    central = service.open_central(load_settings(config, CentralSettings))
    try:
        with central.store.write_session() as session:
            yield session, central.now()
    finally:
        central.store.close()


def _of_one(function: F) -> F:
    """Add what every command about one group takes."""
    options = (click.argument("group_id", metavar="ID"), staff_option, config_option("central.toml"))
    return reduce(lambda made, option: option(made), reversed(options), function)


def _whose(*, staff: bool) -> Whose:
    return "staff" if staff else "pupils"


@click.group(cls=AnsweringGroup)
def incidents() -> None:
    """See incidents, and say what becomes of them."""


@incidents.command("list")
@click.option("--state", "shown", type=click.Choice(SHOWN), default="open", show_default=True, help="Which ones.")
@click.option("--search", default="", help="Words of the room, device, evidence or kind.")
@click.option("--page", default=1, show_default=True, help="There are 25 on each.")
@staff_option
@config_option("central.toml")
@json_option
def show_list(shown: Shown, search: str, page: int, config: Path, *, staff: bool, as_json: bool) -> None:
    """Print incidents: what nobody has looked at first."""
    wanted = IncidentFilter(whose=_whose(staff=staff), shown=shown, search=search)
    with _session(config) as (session, _):
        found = list_groups(session, wanted, page=page)
        groups = [ShownGroup.from_row(one) for one in found.groups]
    if as_json:
        print_json({"total": found.total, "page": found.page, "pages": found.pages, "incidents": groups})
        return
    for one in groups:
        times = f" ({one.count} times)" if one.count > 1 else ""
        click.echo(
            f"{one.id} {one.last:%Y-%m-%d %H:%M} {one.state:8} {one.room}: {kind_of(one.kind).words}{times}"
        )
    click.echo(f"{found.total} in all; page {found.page} of {found.pages}")


@incidents.command()
@_of_one
@json_option
def show(group_id: str, config: Path, *, staff: bool, as_json: bool) -> None:
    """Print one with its evidence and history."""
    with _session(config) as (session, _):
        found = read_details(session, group_id, _whose(staff=staff))
        described = _describe(found)
    if as_json:
        print_json(described)
        return
    group: ShownGroup = described["incident"]
    click.echo(f"{group.room}: {kind_of(group.kind).words}; {STATE_WORDS[group.state]}")
    for one in described["evidence"]:
        click.echo(f"{one['time']:%Y-%m-%d %H:%M:%S} {one['device']} {'; '.join(one['evidence'])}")
    for line in described["history"]:
        click.echo(f"{line['time']:%Y-%m-%d %H:%M} {line['who']}: {line['text']}")


def _describe(found: IncidentDetails) -> dict[str, Any]:
    return {
        "incident": ShownGroup.from_row(found.group),
        "evidence": [
            {"id": one.id, "time": one.happened_at, "device": one.device, "evidence": one.evidence}
            for one in found.incidents
        ],
        "history": [
            {"time": one.at, "who": one.who, "text": one.text, "is_change": one.is_change} for one in found.history
        ],
    }


def _answer_with(session: Session, group_id: str, *, staff: bool) -> None:
    add_to_answer(incident=ShownGroup.from_row(read_details(session, group_id, _whose(staff=staff)).group))


def _change(config: Path, group_id: str, change: StateChange, *, staff: bool) -> None:
    with _session(config) as (session, now):
        states.change_state(session, now, group_id=group_id, whose=_whose(staff=staff), change=change, by=BY)
        _answer_with(session, group_id, staff=staff)


@incidents.command()
@_of_one
def seen(group_id: str, config: Path, *, staff: bool) -> None:
    """Say that somebody has looked."""
    _change(config, group_id, StateChange(state="seen"), staff=staff)


@incidents.command()
@_of_one
@click.option("--to", "assigned_to", required=True, help="With whom it is.")
def assign(group_id: str, assigned_to: str, config: Path, *, staff: bool) -> None:
    """Say who deals with it."""
    _change(config, group_id, StateChange(state="assigned", assigned_to=assigned_to), staff=staff)


@incidents.command()
@_of_one
@click.option("--to", "referred_to", type=click.Choice(AUTHORITIES), required=True, help="To whom it was passed.")
@click.option("--on", "day", type=click.DateTime(["%Y-%m-%d"]), required=True, help="On which day.")
def refer(group_id: str, referred_to: str, day: datetime, config: Path, *, staff: bool) -> None:
    """Say that it was passed to somebody outside the school."""
    change = StateChange(state="referred", referred_to=referred_to, referred_on=day.date())
    _change(config, group_id, change, staff=staff)


@incidents.command()
@_of_one
@click.option("--why", required=True, help="What came of it.")
def close(group_id: str, why: str, config: Path, *, staff: bool) -> None:
    """Close it."""
    _change(config, group_id, StateChange(state="closed", outcome=why), staff=staff)


@incidents.command()
@_of_one
def undo(group_id: str, config: Path, *, staff: bool) -> None:
    """Take back the last change of its state."""
    with _session(config) as (session, now):
        states.undo_change(session, now, group_id=group_id, whose=_whose(staff=staff), by=BY)
        _answer_with(session, group_id, staff=staff)


@incidents.command()
@_of_one
@click.argument("text")
def note(group_id: str, text: str, config: Path, *, staff: bool) -> None:
    """Add the note TEXT, which nobody can change afterwards."""
    with _session(config) as (session, now):
        states.add_note(session, now, group_id=group_id, whose=_whose(staff=staff), text=text, by=BY)
        _answer_with(session, group_id, staff=staff)


@incidents.command()
@_of_one
@click.option("--reason", required=True, help="Why it must not be deleted.")
def hold(group_id: str, reason: str, config: Path, *, staff: bool) -> None:
    """Keep it beyond its time."""
    with _session(config) as (session, now):
        states.hold_group(session, now, group_id=group_id, whose=_whose(staff=staff), reason=reason, by=BY)
        _answer_with(session, group_id, staff=staff)


@incidents.command()
@_of_one
def release(group_id: str, config: Path, *, staff: bool) -> None:
    """Let it go when its time has come."""
    with _session(config) as (session, now):
        states.release_group(session, now, group_id=group_id, whose=_whose(staff=staff), by=BY)
        _answer_with(session, group_id, staff=staff)


@incidents.command("export", cls=click.Command)
@click.option("--state", "shown", type=click.Choice(SHOWN), default="all", show_default=True, help="Which ones.")
@click.option("--search", default="", help="Words of the room, device, evidence or kind.")
@staff_option
@config_option("central.toml")
def export_csv(shown: Shown, search: str, config: Path, *, staff: bool) -> None:
    """Print incidents as CSV, safe for spreadsheets. Stands in the audit."""
    wanted = IncidentFilter(whose=_whose(staff=staff), shown=shown, search=search)
    with _session(config) as (session, now):
        table = export.export_groups(session, now, wanted, BY)
    click.echo(table, nl=False)
