"""`hallpass central delegations`: what teachers may open by themselves."""

from pathlib import Path

import click

from appliance.central import delegations
from appliance.central.delegations import NeedsConfirmation
from appliance.commands.answers import AnsweringGroup
from appliance.commands.central_profiles import say_change
from appliance.commands.central_requests import open_session
from appliance.commands.options import BY, config_option, json_option, print_json
from appliance.errors import HallpassError


@click.group("delegations", cls=AnsweringGroup)
def command() -> None:
    """Look at what teachers may open by themselves, and change it."""


@command.command("list")
@config_option("central.toml")
@json_option
def list_command(config: Path, *, as_json: bool) -> None:
    """List what is delegated."""
    with open_session(config) as (_, session):
        found = [
            {"category": one.category, "group": one.group, "minutes": one.minutes, "per_day": one.per_day}
            for one in delegations.list_delegations(session)
        ]
    if as_json:
        print_json(found)
        return
    for one in found:
        often = f"{one['per_day']} times a day" if one["per_day"] else "as often as they like"
        click.echo(f"{one['category']}  {one['group'] or 'every group'}  {one['minutes']} minutes, {often}")


@command.command()
@click.argument("category")
@click.option(
    "--minutes", type=click.IntRange(1, 480), default=60, show_default=True, help="For how long at most."
)
@click.option(
    "--per-day", type=click.IntRange(0, 100), default=5, show_default=True, help="How often; 0: no limit."
)
@click.option("--group", "groups", multiple=True, help="Only for this group; none: for every group.")
@click.option("--confirm", is_flag=True, help="You were warned of what a category that harms means.")
@config_option("central.toml")
def add(
    category: str, minutes: int, per_day: int, groups: tuple[str, ...], config: Path, *, confirm: bool
) -> None:
    """Let teachers open a CATEGORY's sites by themselves."""
    with open_session(config) as (central, session):
        try:
            change = delegations.delegate_category(
                session, central.now(), category=category, minutes=minutes, per_day=per_day, by=BY, groups=groups,
                confirmed=confirm,
            )  # fmt: skip
        except NeedsConfirmation as problem:
            raise HallpassError(f"{problem}; if so, add --confirm") from None
    say_change(change, f"delegated: {category}")


@command.command()
@click.argument("category")
@click.option("--group", default="", help="The group that it was delegated for; none: every group.")
@config_option("central.toml")
def end(category: str, group: str, config: Path) -> None:
    """Let a CATEGORY's sites wait for the coordinator again."""
    with open_session(config) as (central, session):
        change = delegations.end_delegation(session, central.now(), category=category, group=group, by=BY)
    say_change(change, f"no longer delegated: {category}")
