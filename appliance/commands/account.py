"""`hallpass account`: who may sign in at central."""

from datetime import datetime
from pathlib import Path

import click

from appliance.central import accounts, service
from appliance.commands.options import config_option, json_option, print_json
from appliance.rights import ROLES, Role
from appliance.settings.central import CentralSettings
from appliance.settings.load import load_settings

BY = "command line"


@click.group()
def command() -> None:
    """Say who may sign in: at central, and through it in every room."""


@command.command()
@click.argument("username")
@click.option(
    "--role",
    "roles",
    type=click.Choice(ROLES),
    required=True,
    multiple=True,
    help="What they do here; may be given several times.",
)
@click.option("--name", default="", help="How they are called.")
@click.option("--ends", type=click.DateTime(["%Y-%m-%d"]), help="The day on which the account ends.")
@click.option("--generate", is_flag=True, help="Make a password and print it, instead of asking for one.")
@config_option("central.toml")
def add(
    username: str, roles: tuple[Role, ...], name: str, ends: datetime | None, config: Path, *, generate: bool
) -> None:
    """Add an account. The password is asked for, or made and printed once."""
    central = service.open_central(load_settings(config, CentralSettings))
    password = _password(generate=generate)
    with central.store.write_session(affects_rooms=False) as session:
        accounts.add_account(
            session,
            central.now(),
            username=username,
            name=name,
            roles=roles,
            password=password,
            ends=ends.astimezone() if ends else None,
            by=BY,
        )
    if generate:
        click.echo(f"password of {username}: {password}")


@command.command()
@click.argument("username")
@click.option("--generate", is_flag=True, help="Make a password and print it, instead of asking for one.")
@config_option("central.toml")
def password(username: str, config: Path, *, generate: bool) -> None:
    """Give an account another password."""
    central = service.open_central(load_settings(config, CentralSettings))
    new = _password(generate=generate)
    with central.store.write_session() as session:
        accounts.set_password(session, central.now(), username=username, password=new, by=BY)
    if generate:
        click.echo(f"password of {username}: {new}")


@command.command()
@click.argument("username")
@config_option("central.toml")
def end(username: str, config: Path) -> None:
    """End an account now."""
    central = service.open_central(load_settings(config, CentralSettings))
    with central.store.write_session() as session:
        accounts.end_account(session, central.now(), username=username, by=BY)


@command.command("list")
@config_option("central.toml")
@json_option
def show(config: Path, *, as_json: bool) -> None:
    """Print all accounts."""
    central = service.open_central(load_settings(config, CentralSettings))
    with central.store.read_session() as session:
        listed = accounts.list_accounts(session)
        if as_json:
            print_json(
                [
                    {"username": user.username, "roles": user.roles, "name": user.name, "ends": user.ends}
                    for user in listed
                ]
            )
            return
        for user in listed:
            ends = f"  ends {user.ends:%Y-%m-%d}" if user.ends else ""
            click.echo(f"{user.username:20} {', '.join(user.roles):12} {user.name}{ends}")


def _password(*, generate: bool) -> str:
    if generate:
        return accounts.generate_password()
    answer: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    return answer
