"""`hallpass central authority`: who signs the rooms' certificates, and how another one takes over."""

from datetime import datetime
from pathlib import Path

import click
import msgspec
from sqlalchemy import select

from appliance.central import service
from appliance.central.errors import NotPossible
from appliance.central.models import RoomAuthorityRow, RoomRow
from appliance.central.room_keys import find_authority
from appliance.central.room_life import ENROLLED
from appliance.central.service import Central
from appliance.commands.answers import AnsweringGroup, add_to_answer
from appliance.commands.options import BY, config_option, json_option, print_json
from appliance.settings.central import CentralSettings
from appliance.settings.load import load_settings


class AuthorityState(msgspec.Struct, frozen=True):
    """An authority of central's, for programs."""

    id: str
    state: str  # "signs", "trusted" or "ended"
    made_at: datetime
    rooms: tuple[str, ...]  # in use, whose certificate is of it


@click.group("authority", cls=AnsweringGroup)
def command() -> None:
    """See who signs the rooms' certificates, and let another authority take over."""


@command.command()
@json_option
@config_option("central.toml")
def show(config: Path, *, as_json: bool) -> None:
    """List the authorities, the newest first, and how many rooms have a certificate of each."""
    central = service.open_central(load_settings(config, CentralSettings))
    states = _read_states(central)
    central.store.close()
    if as_json:
        print_json(states)
        return
    for one in states:
        click.echo(f"{one.id}: {one.state}, made {one.made_at:%Y-%m-%d}, rooms: {len(one.rooms)}")
    if not states:
        click.echo("There is none yet: it is made when central starts.")


@command.command("roll-over")
@config_option("central.toml")
def roll_over(config: Path) -> None:
    """Make a new authority, which signs from now on. The one before stays trusted until `end`.

    Rooms that are there have their keys signed anew at once, the others when they are back. Central may run.
    """
    central = service.open_central(load_settings(config, CentralSettings))
    from appliance.central.rooms_authority import add_authority  # noqa: PLC0415 (nine megabytes)

    with central.store.write_session() as session:
        made = add_authority(session, central.keys, central.now(), by=BY).id
    central.rooms_tls.refresh()
    central.store.close()
    add_to_answer(authority=made)
    click.echo(
        f"The authority {made} signs from now on; rooms learn of it by themselves.\n"
        "Make a backup now (hallpass central backup), and end the one before when\n"
        "`hallpass central authority show` counts no room for it."
    )


@command.command()
@click.argument("authority_id")
@click.option("--force", is_flag=True, help="Also where rooms know no other: each of them needs a new card then.")
@config_option("central.toml")
def end(authority_id: str, config: Path, *, force: bool) -> None:
    """Trust the authority AUTHORITY_ID no more."""
    central = service.open_central(load_settings(config, CentralSettings))
    try:
        left = [name for one in _read_states(central) if one.id == authority_id for name in one.rooms]
        if left and not force:
            raise NotPossible(
                f"{', '.join(left)} would be cut off, and need new cards: they have not been back since the "
                "roll-over; --force does it all the same"
            )
        from appliance.central.rooms_authority import end_authority  # noqa: PLC0415 (nine megabytes)

        with central.store.write_session() as session:
            end_authority(session, central.now(), authority_id=authority_id, by=BY)
        central.rooms_tls.refresh()
    finally:
        central.store.close()
    click.echo(f"The authority {authority_id} is trusted no more.")


def _read_states(central: Central) -> list[AuthorityState]:
    with central.store.read_session() as session:
        current = find_authority(session)
        rooms = list(session.scalars(select(RoomRow).where(RoomRow.state == ENROLLED).order_by(RoomRow.name)))
        return [
            AuthorityState(
                row.id,
                "ended" if row.ended_at else "signs" if current and row.id == current.id else "trusted",
                row.made_at,
                tuple(room.name for room in rooms if room.authority_id == row.id),
            )
            for row in session.scalars(select(RoomAuthorityRow).order_by(RoomAuthorityRow.made_at.desc()))
        ]
