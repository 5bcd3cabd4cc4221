"""`hallpass central rules`: the names that the school always closes or always opens."""

from pathlib import Path
from typing import Any

import click
import msgspec

from appliance.central import rule_preview, rules
from appliance.central.rule_preview import RuleChange
from appliance.central.rules import RuleFields
from appliance.commands.answers import AnsweringGroup
from appliance.commands.central_profiles import say_change
from appliance.commands.central_requests import open_session
from appliance.commands.options import BY, config_option, json_option, print_json

_ACTION = click.Choice(("block", "allow"))


@click.group("rules", cls=AnsweringGroup)
def command() -> None:
    """Look at the school's own rules, and change them."""


@command.command("list")
@config_option("central.toml")
@json_option
def list_command(config: Path, *, as_json: bool) -> None:
    """List the rules, each with its number."""
    with open_session(config) as (_, session):
        found = [(one.id, rules.read_fields(one)) for one in rules.list_rules(session)]
    if as_json:
        print_json([{"number": number, **msgspec.to_builtins(one)} for number, one in found])
        return
    for number, one in found:
        click.echo(f"{number}  {one.action}  {rules.describe_rule(one)}  {one.note}".rstrip())


@command.command()
@click.argument("action", type=_ACTION)
@click.argument("name")
@click.option("--exact", is_flag=True, help="For this address alone, and none below it.")
@click.option("--group", "groups", multiple=True, help="For this group only; none: for every group.")
@click.option("--category", default="", help="What it is counted as.")
@click.option("--locked", is_flag=True, help="Nobody can open it.")
@click.option("--safe-search/--no-safe-search", default=True, help="Whether an opened search engine keeps it.")
@click.option("--note", default="", help="Why.")
@click.option("--dry-run", is_flag=True, help="Say what would change, and save nothing.")
@config_option("central.toml")
@json_option
def add(config: Path, *, exact: bool, dry_run: bool, as_json: bool, **options: Any) -> None:
    """Close (block) or open (allow) NAME and all addresses below it for good."""
    fields = RuleFields(subdomains=not exact, **options)
    with open_session(config) as (central, session):
        change = rule_preview.preview_rule(session, central.preview, central.now(), fields=fields)
        done = "" if dry_run else rules.create_rule(session, central.now(), fields=fields, by=BY).change
    if as_json:
        print_json({"changes": change, "change": done})
        return
    _print_change(change)
    if not dry_run:
        say_change(done, f"{fields.action}: {change.words}")


@command.command()
@click.argument("number", type=int)
@config_option("central.toml")
def remove(number: int, config: Path) -> None:
    """Remove the rule of this NUMBER, which `list` prints."""
    with open_session(config) as (central, session):
        saved = rules.delete_rule(session, central.now(), rule_id=number, by=BY)
    say_change(saved.change, f"removed: {saved.rule.name}")


def _print_change(change: RuleChange) -> None:
    for group in change.groups:
        for one in group.sites:
            click.echo(f"{group.group}: {one.site}: {one.was} -> {one.becomes}. {one.why}")
    if not change.groups:
        click.echo("nothing would be decided in another way now")
    for words in change.last_week:
        click.echo(words)
