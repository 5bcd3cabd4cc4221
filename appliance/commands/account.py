"""`hallpass account`: who may sign in at central."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, time
from pathlib import Path

import click
from sqlalchemy.orm import Session

from appliance.central import account_links, account_management, accounts, openid_accounts, service
from appliance.central.models import UserRow
from appliance.central.room_life import require_room_ids
from appliance.commands import account_second_factor
from appliance.commands.answers import AnsweringGroup, add_to_answer
from appliance.commands.options import BY, config_option, json_option, print_json
from appliance.protocol import normalize_username
from appliance.rights import ROLES, Role
from appliance.settings.central import CentralSettings
from appliance.settings.load import load_settings

_username = click.argument("username", callback=lambda _context, _parameter, value: normalize_username(value))
_ends = click.option("--ends", type=click.DateTime(["%Y-%m-%d"]), help="The account's last day.")
_rooms = click.option("--room", "rooms", multiple=True, help="Only in this room; may be given several times.")
_generate = click.option(
    "--generate", is_flag=True, help="Make a password and print it, instead of asking for one."
)


@click.group(cls=AnsweringGroup)
def command() -> None:
    """Say who may sign in: at central, and through it in every room."""


@command.command()
@_username
@click.option(
    "--role",
    "roles",
    type=click.Choice(ROLES),
    required=True,
    multiple=True,
    help="What they do here; may be given several times.",
)
@click.option("--name", default="", help="How they are called.")
@_ends
@_rooms
@_generate
@click.option("--link", is_flag=True, help="Print a link by which its owner sets a password, instead.")
@config_option("central.toml")
@json_option
def add(
    username: str, *, roles: tuple[Role, ...], name: str, ends: datetime | None, rooms: tuple[str, ...],
    config: Path, generate: bool, link: bool, as_json: bool,
) -> None:  # fmt: skip
    """Add an account. The password is asked for, made and printed once, or set by its owner by a link."""
    with _open_session(config) as (central, session):
        password = None if link else _password(generate=generate)
        last = _end_of_day(central, ends)
        account_management.check_end(central.now(), roles, last)
        user = accounts.add_account(
            session, central.now(), username=username, name=name, roles=roles, password=password, ends=last,
            room_ids=require_room_ids(session, rooms), by=BY,
        )  # fmt: skip
        session.flush()
        said = _make_link(central, session, username) if link else {}
        if as_json:
            print_json(_row(user) | said | ({"password": password} if generate and not link else {}))
        elif link:
            click.echo(said["link"])
        elif generate:
            click.echo(f"password of {username}: {password}")


@command.command()
@_username
@click.option("--role", "roles", type=click.Choice(ROLES), multiple=True, help="All the roles from now on.")
@click.option("--name", default="", help="How they are called.")
@_ends
@click.option("--no-end", is_flag=True, help="The account has no last day any more.")
@_rooms
@click.option("--every-room", is_flag=True, help="In every room again.")
@config_option("central.toml")
@json_option
def change(
    username: str, *, roles: tuple[Role, ...], name: str, ends: datetime | None, rooms: tuple[str, ...],
    config: Path, no_end: bool, every_room: bool, as_json: bool,
) -> None:  # fmt: skip
    """Give an account other roles, another name, another end or other rooms; what is left out stays."""
    with _open_session(config) as (central, session):
        user = account_management.get_account(session, username)
        last = None if no_end else _end_of_day(central, ends) if ends else user.ends
        room_ids = [] if every_room else require_room_ids(session, rooms) if rooms else user.room_ids
        account_management.change_account(
            session, central.now(), username=username, name=name, roles=roles or accounts.roles_of(user),
            ends=last, room_ids=room_ids, by=BY,
        )  # fmt: skip
        if as_json:
            print_json(_row(user))


@command.command("sign-ins")
@_username
@config_option("central.toml")
@json_option
def list_sign_ins(username: str, config: Path, *, as_json: bool) -> None:
    """Print where somebody is signed in at central."""
    with _open_session(config) as (central, session):
        account_management.get_account(session, username)
    found = central.sessions.list_sessions(username)
    central.store.close()
    if as_json:
        kept = ("handle", "device", "address", "issued", "last_used")
        print_json([{name: getattr(one, name) for name in kept} for one in found])
        return
    for one in found:
        click.echo(f"{one.issued:%Y-%m-%d %H:%M}  {one.address or '-':40} {one.device}")


@command.command("unlink-openid")
@_username
@config_option("central.toml")
def unlink_openid(username: str, config: Path) -> None:
    """Forget which person of the school's OpenID provider an account is."""
    with _open_session(config) as (central, session):
        openid_accounts.unlink(session, central.now(), username=username, by=BY)


@command.command("sign-out")
@_username
@config_option("central.toml")
def sign_out(username: str, config: Path) -> None:
    """End every sign-in of an account, at central and in rooms; its password stays."""
    with _open_session(config) as (central, session):
        accounts.sign_out_everywhere(session, central.now(), username=username, by=BY)


@command.command()
@_username
@_generate
@config_option("central.toml")
def password(username: str, config: Path, *, generate: bool) -> None:
    """Give an account another password."""
    with _open_session(config) as (central, session):
        new = _password(generate=generate)
        accounts.set_password(session, central.now(), username=username, password=new, by=BY)
    if generate:
        add_to_answer(username=username, password=new)
        click.echo(f"password of {username}: {new}")


@command.command("link")
@_username
@config_option("central.toml")
@json_option
def make_link(username: str, config: Path, *, as_json: bool) -> None:
    """Print a link by which the owner of an account sets a new password, once."""
    with _open_session(config) as (central, session):
        said = _make_link(central, session, username)
    if as_json:
        print_json(said)
    else:
        click.echo(said["link"])


@command.command()
@_username
@config_option("central.toml")
@json_option
def end(username: str, config: Path, *, as_json: bool) -> None:
    """End an account now."""
    with _open_session(config) as (central, session):
        account_management.end_account(session, central.now(), username=username, by=BY)
        if as_json:
            print_json(_row(account_management.get_account(session, username)))


@command.command("return")
@_username
@_ends
@config_option("central.toml")
@json_option
def let_return(username: str, ends: datetime | None, config: Path, *, as_json: bool) -> None:
    """Let an ended name be used again, and print a link by which its owner sets a password."""
    with _open_session(config) as (central, session):
        account_management.return_account(
            session, central.now(), username=username, ends=_end_of_day(central, ends), by=BY
        )
        said = _make_link(central, session, username)
    if as_json:
        print_json(said)
    else:
        click.echo(said["link"])


@command.command("list")
@config_option("central.toml")
@json_option
def show(config: Path, *, as_json: bool) -> None:
    """Print all accounts."""
    central = service.open_central(load_settings(config, CentralSettings))
    with central.store.read_session() as session:
        listed = accounts.list_accounts(session)
        if as_json:
            print_json([_row(user) for user in listed])
            return
        for user in listed:
            ends = f"  ends {user.ends:%Y-%m-%d}" if user.ends else ""
            click.echo(f"{user.username:20} {', '.join(user.roles):12} {user.name}{ends}")


command.add_command(account_second_factor.command)


@contextmanager
def _open_session(config: Path) -> Iterator[tuple[service.Central, Session]]:
    central = service.open_central(load_settings(config, CentralSettings))
    try:
        with central.store.write_session() as session:
            yield central, session
    finally:
        central.store.close()


def _row(user: UserRow) -> dict[str, object]:
    return {
        "username": user.username, "roles": user.roles, "name": user.name, "ends": user.ends,
        "room_ids": user.room_ids,
    }  # fmt: skip


def _make_link(central: service.Central, session: Session, username: str) -> dict[str, object]:
    made = account_links.make_link(session, central.now(), username=username, by=BY)
    path = f"/new-password/{made.token}"
    return {"username": username, "link": central.settings.pages_url + path, "link_ends": made.ends}


def _end_of_day(central: service.Central, day: datetime | None) -> datetime | None:
    """Return the last moment of a day, on the school's clock."""
    return datetime.combine(day, time.max, central.identity.current().zone) if day else None


def _password(*, generate: bool) -> str:
    if generate:
        return accounts.generate_password()
    answer: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return answer
