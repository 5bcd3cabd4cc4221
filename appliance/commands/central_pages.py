"""`hallpass central pages`: certificates for the pages, from an authority of the school's own."""

import contextlib
import shlex
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import click
import msgspec
from sqlalchemy.orm import Session

from appliance.central import page_certificates, room_life
from appliance.central.acme_renewal import AcmeRenewal, refuse_beside_acme
from appliance.central.errors import NotPossible
from appliance.central.models import RoomRow
from appliance.central.page_certificates import AUTHORITY_FOLDER, MAX_FILE_BYTES
from appliance.central.page_keys_left import list_left_keys
from appliance.central.rooms import list_rooms
from appliance.central.service import Central, open_central, utc_now
from appliance.commands.answers import AnsweringGroup
from appliance.commands.options import BY, config_option, json_option, print_json
from appliance.errors import HallpassError
from appliance.files import read_regular_file
from appliance.settings.central import CentralSettings
from appliance.settings.load import load_settings


@click.group("pages", cls=AnsweringGroup)
def command() -> None:
    """Certificates for central's and the rooms' pages, for devices that the school manages (docs/https.md)."""


@command.command()
@click.option(
    "--suffix", "suffixes", multiple=True, required=True, help="The school's names are below it; several."
)
@click.option(
    "--network", "networks", multiple=True, help="Of its addresses; several. Left out: every private one."
)
@config_option("central.toml")
@json_option
def authority(suffixes: tuple[str, ...], networks: tuple[str, ...], config: Path, *, as_json: bool) -> None:
    """Make the authority, once. It can sign for the school's own names and private addresses, and for no other."""
    from appliance.central.page_authority import KEY_FILE, make_authority  # noqa: PLC0415 (nine megabytes)

    central = open_central(load_settings(config, CentralSettings))
    folder, school = central.settings.central.data / AUTHORITY_FOLDER, central.identity.current().name
    central.store.close()
    with _in_words():
        file = make_authority(folder, utc_now(), school=school, suffixes=suffixes, networks=networks)
    if as_json:
        print_json({"certificate": str(file), "key": str(folder / KEY_FILE)})
    else:
        click.echo(f"{file}: give this one to the devices (docs/https.md).")
        click.echo(f"{folder / KEY_FILE}: keep this one to yourself.")


@command.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--output", type=click.Path(path_type=Path), default=Path(), help="The folder for both files.")
@click.option("--days", type=click.IntRange(1, 825), default=397, show_default=True, help="How long it holds.")
@config_option("central.toml")
@json_option
def issue(names: tuple[str, ...], output: Path, days: int, config: Path, *, as_json: bool) -> None:
    """Make a certificate and its key for names and addresses of the school's pages."""
    from appliance.central.page_authority import issue_certificate  # noqa: PLC0415 (nine megabytes)

    folder = load_settings(config, CentralSettings).central.data / AUTHORITY_FOLDER
    with _in_words():
        certificate, key = issue_certificate(folder, utc_now(), names=names, output=output, days=days)
    if as_json:
        print_json({"certificate": str(certificate), "key": str(key)})
    else:
        click.echo(f"{certificate} and {key}: for {', '.join(names)}, for {days} days.")


class PageOfRoom(msgspec.Struct, frozen=True):
    """What the pages of a room get from central, for programs."""

    room: str
    name: str  # "": it gets none
    ends: datetime | None  # None: signed when the room asks, or none


@command.command("hand-in")
@click.argument("certificate", type=click.Path(path_type=Path), metavar="CERT")
@click.argument("key", type=click.Path(path_type=Path))
@click.option("--room", "room_name", help="For this room's pages alone; left out: a wildcard's, for every room.")
@click.option(
    "--publicly-trusted", is_flag=True, help="Every browser trusts it: they are told to insist on HTTPS."
)
@config_option("central.toml")
def hand_in(certificate: Path, key: Path, room_name: str | None, config: Path, *, publicly_trusted: bool) -> None:
    """Hand in a certificate (CERT, PEM: with whatever signed it) and its KEY: rooms serve their pages with it.

    What is handed in again replaces the one before, in rooms too.
    """
    from appliance.central.page_files import read_handed_in  # noqa: PLC0415 (nine megabytes)

    with _in_words():
        contents = []
        for path in (certificate, key):
            if path.stat().st_size > MAX_FILE_BYTES:
                raise NotPossible(f"{path} is too large: {MAX_FILE_BYTES // 1024} KiB at most")
            contents.append(read_regular_file(path, MAX_FILE_BYTES))
    with _changing(config) as (central, session):
        if room_name is None:
            refuse_beside_acme(central.settings)
        handed = read_handed_in(contents[0], contents[1], central.now())
        row = page_certificates.hand_in(
            session, central.keys, central.now(), handed=handed, room=_find_room(session, room_name),
            publicly_trusted=publicly_trusted, by=BY,
        )  # fmt: skip
        whose = f"every room, below {row.name}" if room_name is None else f"{room_name}: {row.name}"
        click.echo(f"For {whose}, until {handed.ends:%Y-%m-%d}.")


@command.command("issue-to-rooms")
@click.argument("suffix")
@config_option("central.toml")
def issue_to_rooms(suffix: str, config: Path) -> None:
    """Have the authority sign for each room by itself, below SUFFIX; each room makes its own key."""
    from appliance.central.page_authority import require_permitted_name  # noqa: PLC0415 (nine megabytes)

    suffix = suffix.lower().strip(".")
    with _changing(config) as (central, session):
        refuse_beside_acme(central.settings)
        require_permitted_name(central.settings.central.data / AUTHORITY_FOLDER, f"room.{suffix}")
        page_certificates.begin_issuing(session, central.now(), suffix=suffix, by=BY)
        click.echo(f"Every room gets a certificate for its name below {suffix}, and another one in time.")


@command.command()
@config_option("central.toml")
def renew(config: Path) -> None:
    """Order the rooms' certificate by ACME now, as [central.acme] says; central does it by itself in time."""
    central = open_central(load_settings(config, CentralSettings))
    try:
        with _in_words():
            AcmeRenewal.from_settings(config.absolute(), central.settings, central.store, central.now).renew()
    finally:
        central.store.close()


of_room_option = click.option(
    "--room", "room_name", help="The one of this room's pages alone; left out: the one of every room."
)


@command.command("take-back")
@of_room_option
@click.option("--dry-run", is_flag=True, help="Only say what would become of the rooms' pages.")
@config_option("central.toml")
def take_back(room_name: str | None, config: Path, *, dry_run: bool) -> None:
    """Give rooms no certificate any more: they let go of the one that they have. give-back undoes it.

    A room whose own one is taken back has that of every room, where there is one; otherwise its pages have what
    stands in its own settings, or none.
    """
    with _changing(config) as (central, session):
        room = _find_room(session, room_name)
        if room is None:
            refuse_beside_acme(central.settings)
        row = page_certificates.require_page_row(session, room)
        losses = page_certificates.list_losses(session, list_rooms(session), row)
        for one in losses:
            click.echo(f"{one.room}: {one.name} -> {one.instead or 'no certificate from here'}")
        if row.publicly_trusted and losses:
            click.echo(
                "Browsers insist on HTTPS for these names, for up to 30 days: pages without it do not open there."
            )
        if dry_run:
            click.echo("Nothing was changed.")
            return
        page_certificates.take_back(session, central.now(), room=room, by=BY)
    of_room = "" if room_name is None else f" --room {shlex.quote(room_name)}"
    click.echo(f"Taken back; for a month, undo with: hallpass central pages give-back{of_room}")


@command.command("give-back")
@of_room_option
@config_option("central.toml")
def give_back(room_name: str | None, config: Path) -> None:
    """Let rooms have again what take-back took from them, within a month."""
    with _changing(config) as (central, session):
        if room_name is None:
            refuse_beside_acme(central.settings)
        row = page_certificates.give_back(session, central.now(), room=_find_room(session, room_name), by=BY)
        click.echo(f"For {'every room, below' if room_name is None else f'{room_name}:'} {row.name}, as before.")


@command.command("list")
@json_option
@config_option("central.toml")
def list_pages(config: Path, *, as_json: bool) -> None:
    """List which names the pages of rooms have, and until when their certificates hold."""
    central = open_central(load_settings(config, CentralSettings))
    with central.store.read_session() as session:
        pages, left_keys, found = page_certificates.read_pages(session), list_left_keys(session), []
        for room in list_rooms(session):
            page = pages.find_page(room)
            found.append(PageOfRoom(room.name, page.name if page else "", page.row.ends if page else None))
    central.store.close()
    if as_json:
        print_json(found)
        return
    for one in found:
        until = f", until {one.ends:%Y-%m-%d}" if one.ends else ""
        click.echo(f"{one.room}: {one.name or 'no certificate from here'}{until}")
    for left in left_keys:
        click.echo(
            f"The card of {left.room} ({left.state}) still has the key of the certificate for {left.pages}: "
            "hand in one with another key.",
            err=True,
        )


@contextlib.contextmanager
def _changing(config: Path) -> Iterator[tuple[Central, Session]]:
    central = open_central(load_settings(config, CentralSettings))
    try:
        with central.store.write_session() as session:
            yield central, session
    finally:
        central.store.close()


def _find_room(session: Session, name: str | None) -> RoomRow | None:
    return None if name is None else room_life.require_room(session, name)


@contextlib.contextmanager
def _in_words() -> Iterator[None]:
    """Say in one line what the disk refuses."""
    try:
        yield
    except OSError as problem:
        raise HallpassError(f"{problem.filename}: {problem.strerror}") from None
