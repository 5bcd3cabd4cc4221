"""`hallpass account second-factor`: of whom a code is asked besides the password, and what a lost phone needs."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, time
from pathlib import Path

import click

from appliance.central import accounts, second_factor, second_factor_rule, service
from appliance.commands.answers import AnsweringGroup
from appliance.commands.central_profiles import say_change
from appliance.commands.options import BY, config_option, json_option, print_json
from appliance.protocol import normalize_username
from appliance.rights import Scope
from appliance.settings.central import CentralSettings
from appliance.settings.load import load_settings

_ROLES = tuple(role for scope in (Scope.SCHOOL, Scope.TRUST) for role in second_factor_rule.roles_to_ask(scope))


@click.group("second-factor", cls=AnsweringGroup)
def command() -> None:
    """Ask for a code besides the password, and take it off where a phone is lost."""


@command.command("list")
@config_option("central.toml")
@json_option
def show(config: Path, *, as_json: bool) -> None:
    """Print who has a second factor, and of which roles the school asks one."""
    with _open_central(config) as central, central.store.read_session() as session:
        rule = second_factor_rule.read_rule(session)
        listed = [(user.username, user.has_second_factor) for user in accounts.list_accounts(session)]
        without = second_factor_rule.list_without(session, central.now())
    if as_json:
        has = [username for username, has_factor in listed if has_factor]
        print_json({"roles": list(rule.roles), "since": rule.since, "has": has, "missing": without})
        return
    for username, has_factor in listed:
        words = "has one" if has_factor else "has none, and needs one" if username in without else "has none"
        click.echo(f"{username:20} {words}")


@command.command()
@click.argument("username", callback=lambda _context, _parameter, value: normalize_username(value))
@config_option("central.toml")
def reset(username: str, config: Path) -> None:
    """Take somebody's second factor off: their phone is lost. They are signed out everywhere."""
    with _open_central(config) as central, central.store.write_session() as session:
        change = second_factor.take_off(session, central.now(), username=username, by=BY)
    say_change(change, f"{username} needs no second step")


@command.command("require")
@click.option(
    "--role",
    "roles",
    type=click.Choice(_ROLES),
    multiple=True,
    help="Of whom one is asked; may be given several times. None at all: of nobody.",
)
@click.option("--from", "since", type=click.DateTime(["%Y-%m-%d"]), help="The first day.")
@config_option("central.toml")
def ask(roles: tuple[str, ...], since: datetime | None, config: Path) -> None:
    """Ask a second factor of these roles, and of no others."""
    with _open_central(config) as central, central.store.write_session() as session:
        zone = central.identity.current().zone
        start = datetime.combine(since, time.min, zone) if since else None
        second_factor_rule.ask_of_roles(session, central.now(), roles=roles, since=start, by=BY)


@contextmanager
def _open_central(config: Path) -> Iterator[service.Central]:
    central = service.open_central(load_settings(config, CentralSettings))
    try:
        yield central
    finally:
        central.store.close()
