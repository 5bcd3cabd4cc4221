"""`hallpass central enrol` and `hallpass central room`: what becomes of rooms, from the command line."""

import contextlib
import os
import shlex
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TextIO

import click
import msgspec
from sqlalchemy.orm import Session

from appliance.card.personalisation import read_request_csv
from appliance.central import enrolment, policies, room_copies, room_life, rooms, service
from appliance.central.ended_cards import EndedCard, find_ended_cards
from appliance.central.errors import NotPossible
from appliance.central.models import RoomRow
from appliance.central.room_life import RoomLives
from appliance.central.room_names import normalize_room_name, room_name_key
from appliance.commands.answers import AnsweringCommand, AnsweringGroup, add_to_answer
from appliance.commands.central_new_card import new_card
from appliance.commands.options import BY, config_option, json_option, print_json
from appliance.errors import HallpassError
from appliance.settings.central import CentralSettings
from appliance.settings.load import load_settings


class EnrolledRoom(msgspec.Struct, frozen=True):
    """A room of central's, for programs."""

    name: str
    state: str
    enrolled_at: datetime
    last_seen: datetime | None
    board: str
    two_cards_since: datetime | None
    own_key_since: datetime | None  # it calls with a certificate; None: with its token alone
    certificate_ends: datetime | None
    waits_for_card: bool  # its newest card has never been here
    in_step: bool  # it has the policy and the lists that it should have
    card_before: EndedCard | None = None  # the one that ended for the one that it has now; None: there was none


@click.command(cls=AnsweringCommand)
@click.argument("name", required=False)
@click.option(
    "--csv",
    "table",
    type=click.Path(path_type=Path),
    help="Many rooms: columns room and bundle (left out: named as the room), as for image personalise.",
)
@click.option("--folder", type=click.Path(path_type=Path), default=Path(), help="With --csv: where bundles go.")
@click.option("--output", type=click.Path(path_type=Path), help="Where the token is written; left out: printed.")
@click.option("--bundle", type=click.Path(path_type=Path), help="Where the bundle for the room's card is written.")
@click.option("--replace", is_flag=True, help="Also where a room of this name is in use: its card stops at once.")
@config_option("central.toml")
def enrol(name: str | None, config: Path, *, replace: bool, **options: Path | None) -> None:
    """Enrol the room NAME, or every room of a table, or give one a new card (--replace).

    The token is shown once, or stands in the bundle alone.
    """
    output, bundle, table = options["output"], options["bundle"], options["table"]
    _check_options(name, output=output, bundle=bundle, table=table)
    settings = load_settings(config, CentralSettings)
    folder = options["folder"] or Path()
    targets = _read_targets(table, folder) if table is not None else {name or "": output or bundle}
    as_bundle = bundle is not None or table is not None
    if as_bundle:  # what is missing is said before anything ends
        for one in targets:
            enrolment.make_enrolment_file(settings, room=one, token=enrolment.PLACEHOLDER_TOKEN)
    central = service.open_central(settings)
    make_bundle = partial(
        enrolment.make_enrolment_file, settings, authority=enrolment.read_authority(central.store)
    )
    try:
        with _new_secret_files(targets) as files, central.store.write_session() as session:
            room_life.require_unused(session, targets, replace=replace)
            for one, file in files.items():
                token = room_life.enrol_room(session, central.now(), name=one, by=BY, replace=replace)
                made = make_bundle(room=one, token=token) if as_bundle else b""
                if not as_bundle and file is None:
                    add_to_answer(token=token)
                (file or sys.stdout).write(made.decode() or f"{token}\n")
    except RoomLives as problem:
        raise NotPossible(f"{problem}; --replace does it all the same") from None
    finally:
        central.store.close()
    add_to_answer(rooms=list(targets), files=[str(path) for path in targets.values() if path is not None])
    if table is not None:
        for one, path in targets.items():
            click.echo(f"{path}: {one}")
    elif bundle is not None:
        click.echo(
            f"{bundle}: for the card of {name}. Move it onto the card's drive HALLPASS as hallpass.bundle, and "
            "leave no copy: it is as secret as a password."
        )


def _check_options(name: str | None, *, output: Path | None, bundle: Path | None, table: Path | None) -> None:
    if output is not None and bundle is not None:
        raise click.UsageError("--output and --bundle exclude each other: the bundle holds the token.")
    if (name is None) == (table is None):
        raise click.UsageError("name a room, or a table of rooms (--csv).")
    if table is not None and (output is not None or bundle is not None):
        raise click.UsageError("--csv names the bundles itself; leave --output and --bundle out.")


@click.group(cls=AnsweringGroup)
def room() -> None:
    """See the rooms; rename, retire, put back or revoke one, or give it a new card."""


room.add_command(new_card)


@room.command("list")
@json_option
@config_option("central.toml")
def list_rooms(config: Path, *, as_json: bool) -> None:
    """List every room, those out of use too."""
    central = service.open_central(load_settings(config, CentralSettings))
    with central.store.read_session() as session:
        published = policies.latest_publication(session)
        rows = [*rooms.list_rooms(session), *rooms.list_ended_rooms(session)]
        ended = find_ended_cards(session, rows)
    central.store.close()
    listed = [_describe(row, published.hash if published else "", ended.get(row.id)) for row in rows]
    if as_json:
        print_json(listed)
        return
    for one in listed:
        click.echo(_describe_in_words(one))


@room.command()
@click.argument("name")
@click.argument("new_name")
@config_option("central.toml")
def rename(name: str, new_name: str, config: Path) -> None:
    """Call the room NAME NEW_NAME. Its card keeps working."""
    _change(config, name, lambda session, now, row: room_life.rename_room(
        session, now, room_id=row.id, name=new_name, by=BY))  # fmt: skip


@room.command()
@click.argument("name")
@config_option("central.toml")
def retire(name: str, config: Path) -> None:
    """Take a room out of use; put-back undoes it."""
    _change(config, name, lambda session, now, row: room_life.retire_room(session, now, room_id=row.id, by=BY))


@room.command("put-back")
@click.argument("name")
@config_option("central.toml")
def put_back(name: str, config: Path) -> None:
    """Take a retired room into use again, with the card that it had."""
    _change(config, name, lambda session, now, row: room_life.put_back_room(session, now, room_id=row.id, by=BY))


@room.command()
@click.argument("name")
@config_option("central.toml")
def revoke(name: str, config: Path) -> None:
    """End a room's card for good: it is lost, or somebody else's. enrol makes another one."""
    revoked = _change(
        config, name, lambda session, now, row: room_life.revoke_room(session, now, room_id=row.id, by=BY)
    )
    click.echo(
        f"{revoked}: its card is revoked; what is on it opens nothing any more. A new one, in a card reader: "
        f"hallpass central room new-card {shlex.quote(revoked)} /media/$USER/HALLPASS"
    )


@room.command("keep-running")
@click.argument("name")
@config_option("central.toml")
def keep_running(name: str, config: Path) -> None:
    """Where two cards work as a room: the one that works is right, the other stays stopped."""
    _change(config, name, lambda session, now, row: room_copies.keep_running(session, now, room_id=row.id, by=BY))


@room.command("admit-stopped")
@click.argument("name")
@config_option("central.toml")
def admit_stopped(name: str, config: Path) -> None:
    """Where two cards work as a room: the stopped one is right and takes over, the other is stopped."""
    _change(config, name, lambda session, now, row: room_copies.admit_stopped(session, now, room_id=row.id, by=BY))


def _describe(row: RoomRow, index: str, before: EndedCard | None) -> EnrolledRoom:
    return EnrolledRoom(
        row.name, row.state, row.enrolled_at, row.last_seen, row.board, row.copy_seen_at,
        row.key_confirmed_at, row.certificate_ends, room_life.waits_for_card(row), rooms.is_in_step(row, index),
        before,
    )  # fmt: skip


def _describe_in_words(room: EnrolledRoom) -> str:
    before = _describe_card_before(room)
    if room.waits_for_card:
        return f"{room.name}: {room.state}, waits for its {'new ' if room.last_seen else ''}card{before}"
    heard = f"last seen {room.last_seen:%Y-%m-%d %H:%M} UTC" if room.last_seen else "never seen"
    step = f", {'up to date' if room.in_step else 'catching up'}" if room.state == room_life.ENROLLED else ""
    twice = "; two cards work as it: keep-running or admit-stopped" if room.two_cards_since else ""
    by_token = "; by its token alone" if room.own_key_since is None and room.last_seen else ""
    return f"{room.name}: {room.state}, {heard}{step}{twice}{by_token}{before}"


def _describe_card_before(room: EnrolledRoom) -> str:
    before = room.card_before
    if before is None or room.state != room_life.ENROLLED:
        return ""
    return f"; the card before this one was {before.how} {before.at:%Y-%m-%d %H:%M} UTC by {before.by}"


def _change(config: Path, name: str, change: Callable[[Session, datetime, RoomRow], object]) -> str:
    """Change a room, and return its name as central writes it."""
    central = service.open_central(load_settings(config, CentralSettings))
    try:
        with central.store.write_session() as session:
            row = room_life.require_room(session, name)
            change(session, central.now(), row)
            add_to_answer(room=row.name, state=row.state)
            return row.name
    finally:
        central.store.close()


def _read_targets(table: Path, folder: Path) -> dict[str, Path | None]:
    """Return where the bundle of each room of a table goes. Raises HallpassError with every mistake."""
    targets: dict[str, Path | None] = {}
    seen: dict[str, str] = {}
    mistakes = []
    for request in read_request_csv(table):
        try:
            name = normalize_room_name(request.room)
        except NotPossible as problem:
            mistakes.append(f"{request.where}: {problem}")
            continue
        if (key := room_name_key(name)) in seen:
            mistakes.append(f"{request.where}: {name} stands there already, as {seen[key]}")
        seen[key] = name
        taken = [path.name for path in targets.values() if path is not None]
        targets[name] = request.enrolment or folder / enrolment.enrolment_file_name(name, taken)
    if mistakes:
        raise HallpassError("\n".join(mistakes))
    return targets


@contextlib.contextmanager
def _new_secret_files(targets: dict[str, Path | None]) -> Iterator[dict[str, TextIO | None]]:
    """Make files that their owner alone reads, before a token ends; where the block fails they are gone again."""
    made: dict[str, TextIO | None] = {}
    try:
        for name, path in targets.items():
            made[name] = None if path is None else _new_secret_file(path)
        yield made
        for file in made.values():
            if file is not None:
                file.close()
    except BaseException:
        for name, file in made.items():
            if file is not None:
                file.close()
                (targets[name] or Path()).unlink(missing_ok=True)
        raise


def _new_secret_file(path: Path) -> TextIO:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise HallpassError(f"{path} exists already; remove it, or name another file") from None
    return os.fdopen(handle, "w")
