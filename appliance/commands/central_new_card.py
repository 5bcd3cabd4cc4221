"""`hallpass central room new-card`: a lost card ends, and the one in the reader takes its place, in one step."""

from datetime import datetime
from functools import partial
from pathlib import Path

import click
import msgspec
from sqlalchemy.orm import Session

from appliance.card import personalisation
from appliance.card.boot_partition import MountedBootFiles
from appliance.card.personalisation import PersonalisationRequest, PersonalisedCard
from appliance.central import enrolment, room_life, service
from appliance.commands.answers import AnsweringCommand, add_to_answer
from appliance.commands.image_personalise import parse_values, read_template
from appliance.commands.options import BY, config_option
from appliance.errors import HallpassError
from appliance.settings.central import CentralSettings
from appliance.settings.load import load_settings


@click.command(cls=AnsweringCommand)
@click.argument("name")
@click.argument("drive", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--set", "values", metavar="KEY=VALUE", multiple=True, help="A setting, such as address=….")
@config_option("central.toml")
def new_card(name: str, drive: Path, values: tuple[str, ...], config: Path) -> None:
    """Revoke the card of the room NAME, and make the one in the card reader its card.

    DRIVE is where the drive HALLPASS of a flashed card is mounted. Nothing ends before the card is written.
    """
    settings = load_settings(config, CentralSettings)
    boot = MountedBootFiles(drive)
    template, wanted = read_template(boot, drive), parse_values(values)
    central = service.open_central(settings)
    make = partial(enrolment.make_enrolment_file, settings, authority=enrolment.read_authority(central.store))
    try:
        with central.store.write_session() as session:
            room = room_life.require_room(session, name).name
            # What is wrong with the settings is said before a token is made.
            _prepare_card(make(room=room, token=enrolment.PLACEHOLDER_TOKEN), template, wanted)
            token = _change_card(session, central.now(), room)
            _prepare_card(make(room=room, token=token), template, wanted).write_boot_files(boot)
    except OSError as problem:
        raise HallpassError(
            f"{drive}: cannot be written: {problem.strerror}; nothing was changed at central, the old card goes on"
        ) from None
    finally:
        central.store.close()
    add_to_answer(room=room)
    click.echo(
        f"{room}: the old card is revoked, the new one is ready. Eject it, put it into the Pi, and switch that "
        'on: two minutes later "hallpass central room list" says: up to date'
    )


def _change_card(session: Session, now: datetime, room: str) -> str:
    """Revoke a room's card and enrol the room anew; returns the token."""
    row = room_life.require_room(session, room)
    room_life.revoke_room(session, now, room_id=row.id, by=BY)
    return room_life.enrol_room(session, now, name=room, by=BY)


def _prepare_card(made: bytes, template: bytes, values: dict[str, str]) -> PersonalisedCard:
    """Return what goes onto the card. Raises PersonalisationError."""
    [card] = personalisation.prepare_cards(
        [PersonalisationRequest(where="", room="", values=values)], template, present=made
    )
    return msgspec.structs.replace(card, enrolment=made)
